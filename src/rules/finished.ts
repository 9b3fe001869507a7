import type { ProcessId } from "../contract/index.ts";

/** A process that has ended, as far as it matters for how long it is kept. */
export type FinishedProcess = {
  readonly id: ProcessId;
  /** Wall clock, milliseconds. */
  readonly endedAtMs: number;
  /** Bytes of output that are kept. */
  readonly bytes: number;
};

export type FinishedLimits = {
  readonly keptMs: number;
  readonly max: number;
  /** Output of all together. */
  readonly bytesMax: number;
};

/** An end younger than this is never removed, so that whoever waited for it can read it. */
export const justEndedMs = 60_000;
/** For processes that somebody is still to be told about, the limits of number and age are this many times as high. */
export const owedTimes = 4;

/**
 * Finished processes over the limits of age, number and bytes, oldest end first. A process that somebody is still to be told about stays longer, but
 * never past the limit of bytes: a home whose notices are never delivered must not fill the disk.
 */
export function overLimits(
  finished: readonly FinishedProcess[],
  limits: FinishedLimits,
  { nowMs, owed }: { readonly nowMs: number; readonly owed: ReadonlySet<ProcessId> | "all" },
): ProcessId[] {
  const newestFirst = finished.toSorted((a, b) => b.endedAtMs - a.endedAtMs);
  const over: ProcessId[] = [];
  let bytes = 0;
  for (const [index, one] of newestFirst.entries()) {
    const ageMs = nowMs - one.endedAtMs;
    const times = owed === "all" || owed.has(one.id) ? owedTimes : 1;
    const fits = index < limits.max * times && ageMs <= limits.keptMs * times && bytes + one.bytes <= limits.bytesMax;
    if (fits || ageMs < justEndedMs) bytes += one.bytes;
    else over.push(one.id);
  }
  return over.reverse();
}
