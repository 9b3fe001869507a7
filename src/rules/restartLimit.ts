import { formatDuration } from "./quantities.ts";

/** Restarts from inside that a gateway accepts within an hour. Whoever asks more often has a problem that a restart does not solve. */
export const selfRestartsMax = 3;
const windowMs = 3_600_000;

export type RestartVerdict = { readonly ok: true } | { readonly ok: false; readonly why: string; readonly againInMs: number };

/** Whether one more restart from inside is allowed. `pastMs`: moments of those before, in any order; a moment in the future counts as now. */
export function judgeRestart(pastMs: readonly number[], nowMs: number): RestartVerdict {
  const recent = pastMs
    .map((moment) => Math.min(moment, nowMs))
    .filter((moment) => nowMs - moment < windowMs)
    .sort((a, b) => a - b);
  if (recent.length < selfRestartsMax) return { ok: true };
  const againInMs = recent[recent.length - selfRestartsMax]! + windowMs - nowMs;
  const why = `it was restarted ${recent.length} times within the last hour; the next time is possible in ${formatDuration(againInMs)}`;
  return { ok: false, why, againInMs };
}
