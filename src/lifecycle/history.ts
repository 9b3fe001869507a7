import type { AutopsyVerdict, ExitDiaryEntry, ExitReason } from "../contract/index.ts";
import type { System } from "../system/index.ts";
import { readDiary } from "./exitDiary.ts";

/** One gateway of a home, as the diary tells it. */
export type GatewayRunView = {
  /** Null for one that ended before it had the home. */
  readonly instance_id: string | null;
  readonly pid: number | null;
  readonly version: string | null;
  /** Null when the line of its start is not there (any more). */
  readonly started_at: string | null;
  /** Null while it runs; for one that ended without a word, when it was last seen. */
  readonly ended_at: string | null;
  readonly uptime_s: number | null;
  /** Its own reason or the next start's verdict; null while it runs, or nobody has looked yet. */
  readonly word: ExitReason | AutopsyVerdict | null;
  /** `exit`: its own last words. `autopsy`: a later gateway's conclusion. */
  readonly told_by: "exit" | "autopsy" | null;
  readonly detail: string | null;
  readonly exit_code: number | null;
  readonly stack: string | null;
};

/** The gateways of a home, newest first. Reads the diary alone. */
export function gatewayRuns(system: Pick<System, "files">, home: string): GatewayRunView[] {
  const runs: GatewayRunView[] = [];
  const known = new Map<string, number>();
  for (const entry of readDiary(system.files, home)) {
    const at = entry.instance_id === null ? undefined : known.get(entry.instance_id);
    const run = entry.event === "start" ? startOf(entry) : endOf(entry, at === undefined ? null : (runs[at] ?? null));
    if (at !== undefined) runs[at] = run;
    else {
      if (entry.instance_id !== null) known.set(entry.instance_id, runs.length);
      runs.push(run);
    }
  }
  return runs.reverse();
}

function startOf(entry: ExitDiaryEntry): GatewayRunView {
  const { instance_id, pid, version } = entry;
  const open = { ended_at: null, uptime_s: null, word: null, told_by: null, detail: null, exit_code: null, stack: null };
  return { instance_id, pid, version, started_at: entry.at, ...open };
}

function endOf(entry: ExitDiaryEntry, run: GatewayRunView | null): GatewayRunView {
  return {
    instance_id: entry.instance_id,
    pid: entry.pid,
    version: entry.version,
    started_at: run?.started_at ?? null,
    ended_at: entry.event === "exit" ? entry.at : (entry.last_seen_at ?? null),
    uptime_s: entry.uptime_s ?? null,
    word: entry.reason ?? entry.verdict ?? null,
    told_by: entry.event === "exit" ? "exit" : "autopsy",
    detail: entry.detail ?? null,
    exit_code: entry.exit_code ?? null,
    stack: entry.stack ?? null,
  };
}

/** How the last gateway that had the home ended, or why it could not start. Starts that lost to a running gateway do not count. */
export function lastExit(system: Pick<System, "files">, home: string): ExitDiaryEntry | null {
  return readDiary(system.files, home).findLast(({ event, reason }) => event !== "start" && reason !== "lost_race") ?? null;
}
