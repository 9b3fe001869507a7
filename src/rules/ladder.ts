/** Milliseconds from TERM to KILL when nobody wishes otherwise. */
export const defaultGraceMs = 3000;

const killWaitMs = 1000;
const termOnlyWaitMs = 3000;

/** One rung: send the signal to everybody who still lives, then wait at most this long for them to end. */
export type Rung = { readonly signal: "SIGTERM" | "SIGKILL"; readonly thenWaitMs: number };

/**
 * The signals of a kill, in order; whoever lives after the last wait is a survivor. A grace of 0 does not mean "at once" but "never KILL",
 * as in the original.
 */
export function killLadder(graceMs: number): readonly Rung[] {
  if (graceMs <= 0) return [{ signal: "SIGTERM", thenWaitMs: termOnlyWaitMs }];
  return [
    { signal: "SIGTERM", thenWaitMs: graceMs },
    { signal: "SIGKILL", thenWaitMs: killWaitMs },
  ];
}
