import { expect, test } from "vitest";
import { AutopsyEvidence, type AutopsyVerdict } from "../contract/index.ts";
import { autopsySentence, autopsyTable, autopsyVerdict, heapWord, oomWord } from "./autopsy.ts";

const values = {
  boot: AutopsyEvidence.shape.boot.options,
  ended: AutopsyEvidence.shape.ended.options,
  oom: AutopsyEvidence.shape.oom.options,
  crash: AutopsyEvidence.shape.crash.options,
  manager: AutopsyEvidence.shape.manager.options,
  loop: AutopsyEvidence.shape.loop.options,
  heap: AutopsyEvidence.shape.heap.options,
} as const;

/** Every evidence there can be. */
function everything(): AutopsyEvidence[] {
  let all: Record<string, string>[] = [{}];
  for (const [key, options] of Object.entries(values)) all = all.flatMap((each) => options.map((option) => ({ ...each, [key]: option })));
  return all.map((each) => AutopsyEvidence.parse(each));
}

/** The same decision, told another way round: for each verdict, what must and must not be. */
const claims: Record<AutopsyVerdict, (evidence: AutopsyEvidence) => boolean> = {
  as_stated: (e) => e.ended === "yes",
  reboot: (e) => e.ended === "no" && e.boot === "other",
  out_of_memory: (e) => untold(e) && e.oom === "ours",
  killed_by_watchdog: (e) => untold(e) && e.oom !== "ours" && e.manager === "watchdog",
  killed_by_manager: (e) => untold(e) && e.oom !== "ours" && e.manager === "timeout",
  heap_exhausted: (e) => unnamed(e) && e.heap === "full",
  crashed: (e) => unnamed(e) && e.heap !== "full" && e.crash === "yes",
  out_of_memory_likely: (e) => unnamed(e) && e.heap !== "full" && e.crash === "no" && e.oom === "near",
  killed_while_frozen: (e) => silent(e) && e.loop === "frozen",
  unknown: (e) => silent(e) && e.loop !== "frozen" && e.boot === "unknown",
  killed: (e) => silent(e) && e.loop !== "frozen" && e.boot === "same",
};
const untold = (e: AutopsyEvidence): boolean => e.ended === "no" && e.boot !== "other";
const unnamed = (e: AutopsyEvidence): boolean => untold(e) && e.oom !== "ours" && e.manager === "none";
const silent = (e: AutopsyEvidence): boolean => unnamed(e) && e.heap !== "full" && e.crash === "no" && e.oom !== "near";

test("[defect 6.3.9] every evidence leads to exactly one verdict, and to the right one", () => {
  const all = everything();
  expect(all).toHaveLength(3 * 2 * 4 * 2 * 3 * 3 * 3);
  for (const evidence of all) {
    const fitting = Object.entries(claims).filter(([, claim]) => claim(evidence));
    expect(
      fitting.map(([verdict]) => verdict),
      JSON.stringify(evidence),
    ).toEqual([autopsyVerdict(evidence)]);
  }
});

test("every row of the table decides something, and every verdict is one of somebody's", () => {
  const reached = new Set(everything().map(autopsyVerdict));
  expect([...reached].sort()).toEqual(Object.keys(claims).sort());
  expect(autopsyTable.map(({ verdict }) => verdict).sort()).toEqual(Object.keys(claims).sort());
});

test("the sentence tells what was last known, and nothing that was not", () => {
  const nothing = { at: null, phase: null, rssBytes: null, stillMs: 0, exitReason: null };
  expect(autopsySentence("killed", nothing)).toBe("it ended without a word, as one that is killed (SIGKILL) does; nothing tells by whom");
  const seen = { at: "2026-03-01T12:00:00.000+00:00", phase: "running", rssBytes: 88_080_384, stillMs: 12_400, exitReason: "planned" };
  expect(autopsySentence("killed_while_frozen", seen)).toBe(
    "it was killed while its event loop stood still (last seen 2026-03-01T12:00:00.000+00:00, running, 84 MiB, its loop still for 12 s)",
  );
  expect(autopsySentence("as_stated", { ...nothing, exitReason: "planned stop (SIGTERM)" })).toBe(
    "it ended as its state file says; its entry here was lost: planned stop (SIGTERM)",
  );
});

test.each([
  [null, 100, "unknown"],
  [50, null, "unknown"],
  [50, 0, "unknown"],
  [89, 100, "room"],
  [90, 100, "full"],
] as const)("a heap of %s of %s: %s", (heap, max, word) => {
  expect(heapWord(heap, max)).toBe(word);
});

test.each([
  ["a kill in our cgroup", { cgroup: [0, 1], machine: [3, 4], sinceMs: 1000 }, "ours"],
  ["a kill elsewhere, just then", { cgroup: [0, 0], machine: [3, 4], sinceMs: 600_000 }, "near"],
  ["a kill elsewhere, some time in the night", { cgroup: [0, 0], machine: [3, 4], sinceMs: 600_001 }, "none"],
  ["a kill, and nobody knows when it was last seen", { cgroup: [null, null], machine: [3, 4], sinceMs: null }, "none"],
  ["no kill", { cgroup: [2, 2], machine: [3, 3], sinceMs: 1000 }, "none"],
  ["counts that begin anew", { cgroup: [2, 0], machine: [3, 0], sinceMs: 1000 }, "none"],
  ["no counts", { cgroup: [null, 1], machine: [null, 4], sinceMs: 1000 }, "unknown"],
] as const)("want of memory: %s", (_what, { cgroup, machine, sinceMs }, word) => {
  const pair = ([before, now]: readonly [number | null, number | null]) => ({ before, now });
  expect(oomWord({ cgroup: pair(cgroup), machine: pair(machine), sinceMs })).toBe(word);
});
