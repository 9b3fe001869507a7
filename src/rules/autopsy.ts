import type { AutopsyEvidence, AutopsyVerdict } from "../contract/index.ts";
import { formatBytes } from "./quantities.ts";

/** Which evidence leads to which conclusion. A row fits when all it names is so; the first that fits decides. */
type Row = { readonly when: { readonly [Key in keyof AutopsyEvidence]?: AutopsyEvidence[Key] }; readonly verdict: AutopsyVerdict };

/**
 * The strongest evidence comes first: what the gateway wrote itself, then a restart of the machine, what the kernel and the service manager noted by
 * name, and what the gateway's last measurements suggest. Last comes what is left: a kill.
 */
export const autopsyTable: readonly Row[] = [
  { when: { ended: "yes" }, verdict: "as_stated" },
  { when: { boot: "other" }, verdict: "reboot" },
  { when: { oom: "ours" }, verdict: "out_of_memory" },
  { when: { manager: "watchdog" }, verdict: "killed_by_watchdog" },
  { when: { manager: "timeout" }, verdict: "killed_by_manager" },
  // A full heap ends in an abort, which is a crash to the system.
  { when: { heap: "full" }, verdict: "heap_exhausted" },
  { when: { crash: "yes" }, verdict: "crashed" },
  { when: { oom: "near" }, verdict: "out_of_memory_likely" },
  { when: { loop: "frozen" }, verdict: "killed_while_frozen" },
  { when: { boot: "unknown" }, verdict: "unknown" },
  { when: {}, verdict: "killed" },
];

/** What seems to have happened to a gateway that left no last words. */
export function autopsyVerdict(evidence: AutopsyEvidence): AutopsyVerdict {
  const row = autopsyTable.find(({ when }) =>
    Object.entries(when).every(([key, value]) => evidence[key as keyof AutopsyEvidence] === value),
  );
  return row?.verdict ?? "unknown";
}

const sentences: Record<AutopsyVerdict, string> = {
  as_stated: "it ended as its state file says; its entry here was lost",
  reboot: "the machine went down under it (power, a crash or a reset): its boot is another now",
  out_of_memory: "the kernel ended it for want of memory",
  out_of_memory_likely: "it ended without a word while the kernel was ending programs for want of memory",
  heap_exhausted: "its JavaScript heap was full",
  crashed: "its runtime crashed",
  killed_by_watchdog: "the service manager's watchdog ended it: it had not said for too long that it lives",
  killed_by_manager: "the service manager lost patience with its start or stop and killed it",
  killed_while_frozen: "it was killed while its event loop stood still",
  killed: "it ended without a word, as one that is killed (SIGKILL) does; nothing tells by whom",
  unknown: "it ended without a word, and nothing tells why",
};

/** What was last known of it. */
export type LastSeen = {
  readonly at: string | null;
  readonly phase: string | null;
  readonly rssBytes: number | null;
  /** Milliseconds its loop had stood still by then. */
  readonly stillMs: number;
  /** What its state file says of the end. */
  readonly exitReason: string | null;
};

/** The conclusion as a sentence for people. */
export function autopsySentence(verdict: AutopsyVerdict, seen: LastSeen): string {
  const sentence = verdict === "as_stated" && seen.exitReason !== null ? `${sentences.as_stated}: ${seen.exitReason}` : sentences[verdict];
  const facts = [
    seen.at === null ? null : `last seen ${seen.at}`,
    seen.phase,
    seen.rssBytes === null ? null : formatBytes(seen.rssBytes),
    seen.stillMs >= 1000 ? `its loop still for ${Math.round(seen.stillMs / 1000)} s` : null,
  ].filter((fact) => fact !== null);
  return facts.length === 0 ? sentence : `${sentence} (${facts.join(", ")})`;
}

/** A heap that is fuller than this would have overflowed soon. */
const fullHeap = 0.9;

/** See {@link AutopsyEvidence}. */
export function heapWord(heapBytes: number | null, heapBytesMax: number | null): AutopsyEvidence["heap"] {
  if (heapBytes === null || heapBytesMax === null || heapBytesMax <= 0) return "unknown";
  return heapBytes / heapBytesMax >= fullHeap ? "full" : "room";
}

/** A kill elsewhere on the machine counts as evidence only if it happened about when the gateway was last seen. */
const nearMs = 600_000;

/** Kills for want of memory by the kernel's counts; null: not told. `sinceMs`: from when it was last seen until now. */
export function oomWord(counts: {
  readonly cgroup: { readonly before: number | null; readonly now: number | null };
  readonly machine: { readonly before: number | null; readonly now: number | null };
  readonly sinceMs: number | null;
}): AutopsyEvidence["oom"] {
  const { cgroup, machine, sinceMs } = counts;
  if (cgroup.before !== null && cgroup.now !== null && cgroup.now > cgroup.before) return "ours";
  if (machine.before === null || machine.now === null) return "unknown";
  return machine.now > machine.before && sinceMs !== null && sinceMs <= nearMs ? "near" : "none";
}
