/** How a rule that fires on silence (`negative_seconds`) stands: JSON. Times are epoch milliseconds. */
export type Silence = {
  /** Since when no line has matched. */
  readonly sinceMs: number;
  /** This silence has been reported; the next one begins with the next match. */
  readonly told: boolean;
};

/** A rule begins to listen, or has heard a line that matches. */
export function silenceFrom(nowMs: number): Silence {
  return { sinceMs: nowMs, told: false };
}

/** When the silence will be long enough to be reported, in epoch milliseconds; null when it has been reported. */
export function silenceDueMs(silence: Silence, negativeSeconds: number): number | null {
  return silence.told ? null : silence.sinceMs + negativeSeconds * 1000;
}

/**
 * Whether the silence is to be told now: once each time that as many seconds pass without a match. A clock that was set back begins the
 * silence anew, for how long it has lasted cannot be known.
 */
export function judgeSilence(
  silence: Silence,
  negativeSeconds: number,
  nowMs: number,
): { readonly silence: Silence; readonly fires: boolean } {
  if (silence.told) return { silence, fires: false };
  if (nowMs < silence.sinceMs) return { silence: silenceFrom(nowMs), fires: false };
  const fires = nowMs >= silence.sinceMs + negativeSeconds * 1000;
  return { silence: fires ? { ...silence, told: true } : silence, fires };
}
