/** Random numbers of a seed, so that what failed can be played again. */
export type Dice = { below(count: number): number; pick<T>(of: readonly T[]): T; bytes(count: number): Buffer };

/** From a seed (mulberry32), or from another source of random bytes. */
export function diceOf(source: number | ((bytes: number) => Uint8Array)): Dice {
  const random = typeof source === "number" ? seeded(source) : source;
  const below = (count: number): number => Math.floor((Buffer.from(random(4)).readUInt32LE(0) / 2 ** 32) * count);
  return { below, pick: (of) => of[below(of.length)]!, bytes: (count) => Buffer.from(random(count)) };
}

function seeded(seed: number): (bytes: number) => Uint8Array {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) & 0xff;
  };
  return (count) => Uint8Array.from({ length: count }, next);
}
