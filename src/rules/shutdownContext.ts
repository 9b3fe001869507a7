import { signalNumber } from "./signals.ts";

/** A program as a shutdown's note tells it; what is not known is left out (hermes F4). */
export type NotedProgram = {
  readonly pid: number;
  readonly name?: string;
  readonly state?: string;
  readonly ppid?: number;
  readonly uid?: number;
  /** At most 300 characters. */
  readonly cmdline?: string;
};

/** What stood around a gateway when it was told to stop. The keys are the original's (hermes F5 to F9); those from `sender_pid` on are ours. */
export type ShutdownContext = {
  /** Seconds since 1970. */
  readonly ts: number;
  /** Seconds of a clock that never goes back. */
  readonly ts_monotonic: number;
  readonly signal: string;
  readonly signal_num: number | null;
  readonly pid: number;
  readonly ppid: number | null;
  readonly parent: NotedProgram | null;
  readonly self: NotedProgram;
  readonly under_systemd: boolean;
  readonly systemd_invocation_id: string | null;
  readonly systemd_journal_stream: string | null;
  readonly loadavg_1m: number | null;
  readonly tracer_pid?: number;
  readonly tracer?: NotedProgram;
  /** The marker's text, at most 300 characters; left out without one. */
  readonly takeover_marker?: string;
  readonly takeover_marker_for_self?: boolean;
  readonly planned_stop_marker?: string;
  readonly planned_stop_marker_for_self?: boolean;
  /** Who sent the signal, as far as a marker of ours names him: Node.js does not pass on what the kernel tells. */
  readonly sender_pid: number | null;
  readonly memory_free_bytes: number | null;
  readonly rss_bytes: number;
  readonly heap_bytes: number;
  readonly loop_lag_ms: number | null;
  readonly cgroup: string | null;
  readonly cgroup_memory_bytes: number | null;
  readonly cgroup_memory_bytes_max: number | null;
  readonly oom_kills: number | null;
};

/** Signals that the original names; others are shown by their number (hermes F1). */
const namedSignals = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"];

/** `SIGTERM`; `UNKNOWN` without one; `signal#N` for a number without a name; any other text as it is (hermes F1). */
export function signalWord(signal: unknown): string {
  if (signal === null || signal === undefined) return "UNKNOWN";
  if (typeof signal !== "number") return String(signal);
  return namedSignals.find((name) => signalNumber(name) === signal) ?? `signal#${signal}`;
}

/** One line for the log, with the original's keys in its order (hermes F13). Nothing in it can begin another line. */
export function contextLine(context: ShutdownContext): string {
  const { parent, loadavg_1m: load } = context;
  const parts = [
    `signal=${context.signal}`,
    `under_systemd=${context.under_systemd ? "yes" : "no"}`,
    `parent_pid=${context.ppid ?? "?"}`,
    `parent_name=${oneLine(parent?.name ?? "?")}`,
    `loadavg_1m=${load === null ? "?" : load.toFixed(2)}`,
  ];
  if (context.takeover_marker !== undefined)
    parts.push(`takeover_marker_present=${context.takeover_marker_for_self === true ? "self" : "other"}`);
  if (context.planned_stop_marker !== undefined) parts.push("planned_stop_marker_present=yes");
  if (context.tracer_pid !== undefined) parts.push(`tracer_pid=${context.tracer_pid}`);
  parts.push(`parent_cmdline=${quoted(parent?.cmdline ?? "(unknown)")}`);
  return parts.join(" ");
}

/** The note as JSON with sorted keys. What JSON cannot say becomes its text; what cannot even be that makes it `{}` (hermes F14). */
export function contextJson(context: Readonly<Record<string, unknown>>): string {
  try {
    const sorted = Object.fromEntries(
      Object.keys(context)
        .sort()
        .map((key) => [key, context[key]]),
    );
    const path: object[] = [];
    return JSON.stringify(sorted, function (this: object, _key, value: unknown) {
      // Ancestors of this value, to see a circle before JSON does.
      while (path.length > 0 && path.at(-1) !== this) path.pop();
      if (typeof value === "bigint" || typeof value === "function" || typeof value === "symbol" || value === undefined)
        return String(value);
      if (typeof value !== "object" || value === null) return value;
      if (path.includes(value)) return "(circle)";
      path.push(value);
      return value;
    });
  } catch {
    return "{}";
  }
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ");
}

function quoted(text: string): string {
  return `'${oneLine(text).replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
