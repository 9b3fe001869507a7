import type { ExitFile, WakePolicy, WakeWeight } from "../contract/index.ts";

/** How an end looks to the one who waits for it. */
export type WakeOutcome = keyof WakePolicy;

/**
 * Who asks for these ends is the reader of the notice (`process.kill`, `kill_all`), its session, or the one who stops Herma: nobody has to
 * be woken to learn it.
 */
const ownSources: ReadonlySet<string> = new Set(["process.kill", "kill_all", "session_end", "gateway_stop", "hangup"]);

/**
 * The outcome of an exit.
 * - `success`: it exited with 0 by itself.
 * - `stopped`: it was ended on the wish of its reader, its session, or by the shutdown of Herma itself, whatever code it then chose.
 * - `failure`: any other code or signal, a limit, memory, a start that failed, or an end that someone else wanted: its reader did not
 *   expect it.
 * - `lost`: how it ended cannot be told (`lost`, `reboot`, and `unknown`: its end was seen, its code is not known).
 * @param killedBy who asked for a kill, when the caller knows better than the recorded source
 */
export function wakeOutcomeOf(
  exit: Pick<ExitFile, "cause" | "code" | "signal" | "termination_source">,
  killedBy: "reader" | "someoneElse" | null = null,
): WakeOutcome {
  switch (exit.cause) {
    case "exited":
      return exit.code === 0 && exit.signal === null ? "success" : "failure";
    case "killed": {
      const own = killedBy === null ? ownSources.has(exit.termination_source) : killedBy === "reader";
      return own ? "stopped" : "failure";
    }
    case "failed_start":
    case "oom":
    case "limit":
      return "failure";
    case "lost":
    case "reboot":
    case "unknown":
      return "lost";
  }
}

/** What a notice of this end does to its reader. */
export function wakeWeightOf(policy: WakePolicy, outcome: WakeOutcome): WakeWeight {
  return policy[outcome];
}

/** Seconds between two heartbeats, at least. */
export const heartbeatSecondsMin = 60;

/** What a process's heartbeats have told: JSON. */
export type Heartbeats = {
  /** When the last one was made, or when somebody began to wait for them; epoch milliseconds. */
  readonly lastMs: number;
  /** Absolute offset up to which its reader was told. */
  readonly toldTo: number;
};

/** When the next heartbeat may be made, epoch milliseconds; whether it is depends on its output then. */
export function heartbeatDueMs(last: Heartbeats, everySeconds: number): number {
  return last.lastMs + Math.max(heartbeatSecondsMin, everySeconds) * 1000;
}

/**
 * Whether a heartbeat is due: the process runs, its time has come, and there is output that no earlier one told. A clock that was set back
 * begins the time anew.
 * @param end absolute offset behind its last byte
 */
export function heartbeat(
  last: Heartbeats,
  everySeconds: number,
  now: { readonly nowMs: number; readonly end: number; readonly running: boolean },
): { readonly last: Heartbeats; readonly due: boolean } {
  if (now.nowMs < last.lastMs) return { last: { ...last, lastMs: now.nowMs }, due: false };
  const due = now.running && now.nowMs >= heartbeatDueMs(last, everySeconds) && now.end > last.toldTo;
  return due ? { last: { lastMs: now.nowMs, toldTo: now.end }, due } : { last, due };
}

/** What people want to be told of background processes in their channel; the original's four modes. */
export type PeopleMode = "all" | "result" | "error" | "off";

/** Reads the mode as the original's configuration writes it. Null when it is none: the caller warns, and uses `all`. */
export function parsePeopleMode(value: unknown): PeopleMode | null {
  if (value === undefined || value === null) return "all";
  if (value === false) return "off";
  const word = typeof value === "string" ? value.trim().toLowerCase() : "";
  return word === "all" || word === "result" || word === "error" || word === "off" ? word : null;
}

/**
 * Whether people are told: of new output while it runs, or of an end.
 * @param event `output`, or the end's code in the original's words, where null (nobody knows how it ended) counts as an error
 */
export function tellsPeople(mode: PeopleMode, event: "output" | { readonly exitCode: number | null }): boolean {
  switch (mode) {
    case "all":
      return true;
    case "result":
      return event !== "output";
    case "error":
      return event !== "output" && event.exitCode !== 0;
    case "off":
      return false;
  }
}
