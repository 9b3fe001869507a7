import {
  type AutopsyEvidence,
  type ExitDiaryEntry,
  type GatewayRecord,
  homePaths,
  type LoopReportFile as LoopReport,
  LoopReportFile,
  timestampOf,
} from "../contract/index.ts";
import { autopsySentence, autopsyVerdict, heapWord, type LastSeen, type LogEvidence, oomWord } from "../rules/index.ts";
import type { System } from "../system/index.ts";
import { type DiaryNote, writeDiary } from "./exitDiary.ts";
import { readGatewayState, readJson } from "./records.ts";

type AutopsySystem = Pick<System, "clock" | "files" | "processes" | "vitals">;

/** More than this many ends that nobody explained are not looked into at one start. */
const subjectsMax = 5;

/** One gateway that left no last words, and what is concluded about it so far. */
export type Autopsy = { readonly note: DiaryNote; readonly evidence: AutopsyEvidence; readonly seen: LastSeen; readonly pid: number };

/**
 * Finds the gateways of this home that ended without last words and writes down what seems to have happened, from files alone. Only for the
 * holder of the home, before it overwrites the state of the last one. Never throws.
 */
export function openAutopsies(system: AutopsySystem, home: string, finder: GatewayRecord, diary: readonly ExitDiaryEntry[]): Autopsy[] {
  try {
    const found = subjects(system, home, finder, diary).map((subject) => examine(system, home, subject));
    for (const { note } of found) writeDiary(system.files, home, note, { trim: true });
    return found;
  } catch {
    return [];
  }
}

/** Adds what the system's logs say; writes the new conclusion down if it is another. Returns the autopsy as it stands. */
export function completeAutopsy(system: AutopsySystem, home: string, autopsy: Autopsy, logs: LogEvidence): Autopsy {
  if (logs.lines.length === 0) return autopsy;
  const { evidence: first, seen } = autopsy;
  const evidence: AutopsyEvidence = {
    ...first,
    oom: logs.oom === "ours" ? "ours" : first.oom,
    crash: logs.crash,
    manager: logs.manager,
  };
  const verdict = autopsyVerdict(evidence);
  const detail = autopsySentence(verdict, seen);
  const note = { ...autopsy.note, at: timestampOf(system.clock.wallMs()), verdict, detail, evidence, log_lines: [...logs.lines] };
  writeDiary(system.files, home, note, { trim: true });
  return { ...autopsy, note, evidence };
}

type Subject = Pick<ExitDiaryEntry, "instance_id" | "pid" | "boot_id" | "version" | "at" | "oom">;

/** Started, and neither ended by their own words nor explained by an earlier start. */
function subjects(system: AutopsySystem, home: string, finder: GatewayRecord, diary: readonly ExitDiaryEntry[]): Subject[] {
  const explained = new Set(diary.filter(({ event }) => event !== "start").map(({ instance_id: instance }) => instance));
  const open = new Map<string, Subject>();
  for (const entry of diary) {
    const instance = entry.instance_id;
    if (entry.event === "start" && instance !== null && !explained.has(instance)) open.set(instance, entry);
  }
  // The entry of a start is written without waiting for the disk, so a power cut may have lost it. The state file still names that gateway.
  const state = readGatewayState(system.files, home);
  const instance = state?.instance_id;
  if (typeof instance === "string" && !explained.has(instance) && !open.has(instance)) {
    const text = (key: string): string | null => (typeof state?.[key] === "string" ? state[key] : null);
    const pid = typeof state?.pid === "number" ? state.pid : null;
    open.set(instance, { instance_id: instance, pid, boot_id: text("boot_id"), version: text("version"), at: text("started_at") ?? "" });
  }
  return [...open.values()].filter((subject) => subject.instance_id !== finder.instance_id).slice(-subjectsMax);
}

function examine(system: AutopsySystem, home: string, subject: Subject): Autopsy {
  const state = ofInstance(readGatewayState(system.files, home), subject);
  const report = loopReport(system, home, subject);
  const nowMs = system.clock.wallMs();
  const seen = lastSeen(subject, state, report);
  const evidence = evidenceOf(system, subject, { state, report, seen, nowMs });
  const verdict = autopsyVerdict(evidence);
  const uptimeMs = seen.at === null ? Number.NaN : Date.parse(seen.at) - Date.parse(subject.at);
  const note: DiaryNote = {
    event: "autopsy",
    at: timestampOf(nowMs),
    instance_id: subject.instance_id,
    pid: subject.pid,
    boot_id: subject.boot_id,
    version: subject.version,
    verdict,
    detail: autopsySentence(verdict, seen),
    phase: seen.phase,
    uptime_s: Number.isNaN(uptimeMs) ? null : Math.max(0, uptimeMs / 1000),
    evidence,
    last_seen_at: seen.at,
  };
  return { note, evidence, seen, pid: subject.pid ?? 0 };
}

type Found = {
  readonly state: Record<string, unknown> | null;
  readonly report: LoopReport | null;
  readonly seen: LastSeen;
  readonly nowMs: number;
};

function evidenceOf(system: AutopsySystem, subject: Subject, { state, report, seen, nowMs }: Found): AutopsyEvidence {
  const machine = system.vitals.machine();
  const boot = subject.boot_id === null ? "unknown" : subject.boot_id === system.processes.bootId() ? "same" : "other";
  const word = state?.gateway_state;
  const before = (key: string, atStart: number | null | undefined): number | null => numberIn(state, key) ?? atStart ?? null;
  const sameGroup = (state?.cgroup ?? subject.oom?.cgroup_path ?? null) === (machine.cgroup?.path ?? null);
  return {
    boot,
    ended: word === "stopped" || word === "startup_failed" ? "yes" : "no",
    oom: oomWord({
      cgroup: { before: sameGroup ? before("cgroup_oom_kills", subject.oom?.cgroup) : null, now: machine.cgroup?.oomKills ?? null },
      machine: { before: before("oom_kills", subject.oom?.machine), now: machine.oomKills },
      sinceMs: seen.at === null ? null : nowMs - Date.parse(seen.at),
    }),
    crash: "no",
    manager: "none",
    loop: report?.loop ?? "unknown",
    heap: heapWord(report?.heap_bytes ?? numberIn(state, "heap_bytes"), report?.heap_bytes_max ?? null),
  };
}

function lastSeen(subject: Subject, state: Record<string, unknown> | null, report: LoopReport | null): LastSeen {
  const moments = [subject.at, state?.updated_at, report?.at].filter((at): at is string => typeof at === "string" && at !== "");
  return {
    at: moments.toSorted((one, other) => Date.parse(one) - Date.parse(other)).at(-1) ?? null,
    phase: typeof state?.phase === "string" ? state.phase : null,
    rssBytes: report?.rss_bytes ?? numberIn(state, "rss_bytes"),
    stillMs: report?.still_ms ?? 0,
    exitReason: typeof state?.exit_reason === "string" ? state.exit_reason : null,
  };
}

function ofInstance(state: Record<string, unknown> | null, subject: Subject): Record<string, unknown> | null {
  return state?.instance_id === subject.instance_id ? state : null;
}

/** What the thread beside a gateway's loop saw last; null without one, or when it is about another gateway. */
export function loopReport(system: Pick<System, "files">, home: string, of: { readonly instance_id: string | null }): LoopReport | null {
  const parsed = LoopReportFile.safeParse(readJson(system.files, homePaths(home).loopReport));
  return parsed.success && parsed.data.instance_id === of.instance_id ? parsed.data : null;
}

function numberIn(state: Record<string, unknown> | null, key: string): number | null {
  const value = state?.[key];
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}
