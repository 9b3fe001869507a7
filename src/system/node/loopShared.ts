/** Memory that the loop and the thread beside it share, as doubles. */
export const slots = {
  /** Grows by one at each sign of life. */
  beats: 0,
  /** Bytes of JavaScript heap in use at the latest of them, and the most there can be. */
  heapBytes: 1,
  heapBytesMax: 2,
  /** Milliseconds by which the latest was late. */
  lagMs: 3,
} as const;
export const sharedBytes = 64;

/** What the thread knows of the loop. */
export type Standing = {
  /** Of the latest sign of life. */
  readonly beats: number;
  /** Milliseconds without another. */
  readonly stillMs: number;
};

/**
 * One look of the thread. `sinceMs`: since its last. A longer pause between two looks counts as no more than two of them: then it was the
 * whole program, or the machine, that was stopped, and the loop is not to blame.
 */
export function looked(before: Standing, beats: number, sinceMs: number, everyMs: number): Standing {
  if (beats !== before.beats) return { beats, stillMs: 0 };
  return { beats, stillMs: before.stillMs + Math.min(sinceMs, 2 * everyMs) };
}
