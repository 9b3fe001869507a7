/** One start of a gateway, oldest first in lists. */
export type Boot = {
  /** Milliseconds since 1970. */
  readonly atMs: number;
  /** The end before it was wanted by a person, who then started it again: such a start belongs to no loop. */
  readonly wanted: boolean;
};

export type RestartLoop = {
  /** Unwanted starts in a row, the newest included. */
  readonly boots: number;
  readonly looping: boolean;
};

/** Clocks of one machine differ from themselves by no more than this without having been set. */
const futureMs = 60_000;

/**
 * Whether gateways follow each other so quickly that what they resume may be what ends them. Starts form a chain while each comes at most
 * `gapMs` after the one before; a chain of `bootsMax` is a loop (0: never). A fixed window would miss slow loops: one of 150 s never fits
 * three into a minute. Starts from the future are left out: the clock was set back since.
 */
export function restartLoop(
  boots: readonly Boot[],
  nowMs: number,
  limits: { readonly bootsMax: number; readonly gapMs: number },
): RestartLoop {
  const known = boots.filter(({ atMs }) => atMs <= nowMs + futureMs).toSorted((one, other) => one.atMs - other.atMs);
  let chained = 0;
  let laterMs = nowMs;
  for (const { atMs, wanted } of known.toReversed()) {
    if (wanted || laterMs - atMs > limits.gapMs) break;
    chained += 1;
    laterMs = atMs;
  }
  return { boots: chained, looping: limits.bootsMax > 0 && chained >= limits.bootsMax };
}
