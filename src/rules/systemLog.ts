import type { AutopsyEvidence } from "../contract/index.ts";

/** What lines of the kernel and of the service manager say about one program. */
export type LogEvidence = {
  readonly oom: "ours" | "none";
  readonly crash: AutopsyEvidence["crash"];
  readonly manager: AutopsyEvidence["manager"];
  /** The lines that say so. */
  readonly lines: readonly string[];
};

const linesMax = 20;
const lineCharactersMax = 400;

/**
 * Reads lines of the kernel's log and of the service manager's for what they say about the program `pid` (and `unit`, if it was a service).
 * A line counts only where it names that very pid or unit: other programs die as well.
 */
export function readSystemLog(text: string, pid: number, unit: string | null): LogEvidence {
  const named = new RegExp(`(?<!\\d)${pid}(?!\\d)`);
  const found = { oom: false, crash: false, watchdog: false, timeout: false };
  const lines: string[] = [];
  for (const line of text.split("\n")) {
    const byPid = named.test(line);
    const byUnit = unit !== null && line.includes(unit);
    const says = {
      oom: (byPid && /killed process/i.test(line)) || (byUnit && /result 'oom-kill'|status=9\/KILL.*oom/i.test(line)),
      crash:
        (byPid && /segfault|general protection|trap |dumped core/i.test(line)) || (byUnit && /code=dumped|result 'core-dump'/.test(line)),
      watchdog: byUnit && /watchdog timeout|result 'watchdog'/i.test(line),
      timeout: byUnit && /timed out\. (?:killing|terminating|aborting)|result 'timeout'/i.test(line),
    };
    if (!Object.values(says).includes(true)) continue;
    for (const key of Object.keys(says) as (keyof typeof says)[]) found[key] ||= says[key];
    lines.push(line.trim().slice(0, lineCharactersMax));
  }
  return {
    oom: found.oom ? "ours" : "none",
    crash: found.crash ? "yes" : "no",
    manager: found.watchdog ? "watchdog" : found.timeout ? "timeout" : "none",
    lines: lines.slice(-linesMax),
  };
}
