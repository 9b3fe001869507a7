/** Bytes looked for. `fold`: letters of ASCII are found in either case. */
export type Needle = { readonly bytes: Uint8Array; readonly fold: boolean };

/** Finds the places where any of many needles stand, in one pass whose cost hardly grows with their number. */
export type NeedleFinder = {
  /** Begins with other bytes. */
  search(bytes: Uint8Array): void;
  /** The first place at or behind `from` at which a needle begins, or -1. `from` may not go back within one search. */
  next(from: number): number;
};

const shortBytesMax = 2;

/** @param needles of at least 1 byte each */
export function createNeedleFinder(needles: readonly Needle[]): NeedleFinder {
  // One short needle would spoil the steps of all the others.
  const long = needles.filter((needle) => needle.bytes.length > shortBytesMax);
  const short = needles.filter((needle) => needle.bytes.length <= shortBytesMax).flatMap(casesOf);
  const finders: NeedleFinder[] = short.map((bytes) => new SingleFinder(bytes));
  if (long.length > 0) finders.push(new StepFinder(long));
  const [only] = finders;
  return finders.length === 1 && only !== undefined ? only : new FirstOf(finders);
}

/** The texts that a needle stands for. */
function casesOf(needle: Needle): Uint8Array[] {
  if (!needle.fold) return [needle.bytes];
  let cases: number[][] = [[]];
  for (const byte of needle.bytes) {
    const small = lower(byte);
    const both = small >= 0x61 && small <= 0x7a ? [small, small - 0x20] : [byte];
    cases = cases.flatMap((begun) => both.map((letter) => [...begun, letter]));
  }
  return cases.map((bytes) => Uint8Array.from(bytes));
}

class FirstOf implements NeedleFinder {
  readonly #finders: readonly NeedleFinder[];

  constructor(finders: readonly NeedleFinder[]) {
    this.#finders = finders;
  }

  search(bytes: Uint8Array): void {
    for (const finder of this.#finders) finder.search(bytes);
  }

  next(from: number): number {
    let first = -1;
    for (const finder of this.#finders) {
      const at = finder.next(from);
      if (at !== -1 && (first === -1 || at < first)) first = at;
    }
    return first;
  }
}

/** What was found last is kept: other finders may be far behind. */
class SingleFinder implements NeedleFinder {
  readonly #needle: Buffer;
  #bytes: Buffer = Buffer.alloc(0);
  #found = -2;

  constructor(needle: Uint8Array) {
    this.#needle = Buffer.from(needle);
  }

  search(bytes: Uint8Array): void {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#found = -2;
  }

  next(from: number): number {
    if (this.#found !== -1 && this.#found < from) this.#found = this.#bytes.indexOf(this.#needle, from);
    return this.#found;
  }
}

/** Case is no part of the hash, so needles of both kinds share one table. */
const caseMask = 0xdf;
/** Pairs that are looked at before the next decision. */
const blockPairs = 32;
const blockBytes = 2 * blockPairs;
/** Where the sieve holds nearly every block back, so many bytes at most are gone through before it is asked again. */
const stretchBytesMax = 16_384;

/**
 * Tells where no needle can begin by looking at every second pair of bytes: of the first three bytes of a needle, one pair is among those. It
 * takes a fifth of the time that steps take, since no look depends on the one before.
 */
class PairSieve {
  /** By two bytes as the machine reads them: 1 where they stand among the first three of a needle. */
  readonly #marks: Uint8Array = new Uint8Array(65_536);
  /** Places of pairs have the parity of this, so that they are aligned in memory. */
  #odd = 0;
  #pairs: Uint16Array = new Uint16Array(0);

  /** @param needles of at least 3 bytes each */
  constructor(needles: readonly Needle[]) {
    for (const { bytes, fold } of needles) {
      for (const at of [0, 1]) for (const pair of casesOf({ bytes: bytes.slice(at, at + 2), fold })) this.#marks[asRead(pair)] = 1;
    }
  }

  search(bytes: Uint8Array): void {
    this.#odd = bytes.byteOffset & 1;
    const count = (bytes.length - this.#odd) >> 1;
    this.#pairs = count > 0 ? new Uint16Array(bytes.buffer, bytes.byteOffset + this.#odd, count) : new Uint16Array(0);
  }

  /**
   * Where the first block of pairs at or behind `from` stands that may hold a part of a needle's beginning, or -1. No needle begins from `from`
   * on and more than a byte in front of it.
   */
  next(from: number): number {
    const marks = this.#marks;
    const pairs = this.#pairs;
    let at = (from - this.#odd + 1) >> 1;
    for (const last = pairs.length - blockPairs; at <= last; at += blockPairs) {
      let mark = 0;
      for (let index = at; index < at + blockPairs; index += 4) {
        mark |= marks[pairs[index]!]! | marks[pairs[index + 1]!]! | marks[pairs[index + 2]!]! | marks[pairs[index + 3]!]!;
      }
      if (mark !== 0) return 2 * at + this.#odd;
    }
    return at < pairs.length ? 2 * at + this.#odd : -1;
  }
}

function asRead(pair: Uint8Array): number {
  return new Uint16Array(Uint8Array.from(pair).buffer)[0]!;
}

/**
 * Looks at pairs of bytes and steps over as many bytes as no needle can begin in (the algorithm of Wu and Manber). Every needle counts with
 * as many of its first bytes as the shortest one has.
 */
class StepFinder implements NeedleFinder {
  readonly #needles: readonly Needle[];
  readonly #width: number;
  readonly #sieve: PairSieve;
  #stretch = blockBytes;
  /** By pair: how far the next pair worth looking at is; 0 where a needle may end its first bytes. */
  readonly #steps: Uint8Array = new Uint8Array(65_536);
  /** By pair with step 0: which needles. */
  readonly #candidates: (Needle[] | undefined)[] = [];
  #bytes: Uint8Array = new Uint8Array(0);
  #found = -2;

  constructor(needles: readonly Needle[]) {
    this.#needles = needles;
    this.#width = Math.min(256, ...needles.map((needle) => needle.bytes.length));
    this.#sieve = new PairSieve(needles);
    const width = this.#width;
    this.#steps.fill(Math.max(1, width - 1));
    for (const needle of this.#needles) this.#add(needle, width);
  }

  search(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#found = -2;
    this.#sieve.search(bytes);
  }

  next(from: number): number {
    if (this.#found !== -1 && this.#found < from) this.#found = this.#sift(from);
    return this.#found;
  }

  #sift(from: number): number {
    for (let start = from; ; ) {
      const block = this.#sieve.next(start);
      if (block === -1) return -1;
      // Text that is full of such pairs is stepped through as if there were no sieve.
      this.#stretch = block - start < blockBytes ? Math.min(2 * this.#stretch, stretchBytesMax) : blockBytes;
      const found = this.#scan(Math.max(start, block - 1), block + this.#stretch);
      if (found !== -1) return found;
      start = block + this.#stretch;
    }
  }

  #add(needle: Needle, width: number): void {
    for (let at = 0; at + 1 < width; at++) {
      const pair = pairOf(needle.bytes[at]!, needle.bytes[at + 1]!);
      const step = width - 2 - at;
      if (step < this.#steps[pair]!) this.#steps[pair] = step;
      if (step === 0) {
        this.#candidates[pair] ??= [];
        this.#candidates[pair].push(needle);
      }
    }
  }

  /** The first needle that begins at or behind `from` and in front of `to`. */
  #scan(from: number, to: number): number {
    const bytes = this.#bytes;
    const steps = this.#steps;
    const width = this.#width;
    const end = Math.min(bytes.length, to + width - 1);
    let at = from + width - 1;
    while (at < end) {
      const pair = ((bytes[at - 1]! & caseMask) << 8) | (bytes[at]! & caseMask);
      const step = steps[pair]!;
      if (step !== 0) {
        at += step;
        continue;
      }
      const start = at - width + 1;
      for (const needle of this.#candidates[pair]!) if (standsAt(bytes, start, needle)) return start;
      at += 1;
    }
    return -1;
  }
}

function pairOf(first: number, second: number): number {
  return ((first & caseMask) << 8) | (second & caseMask);
}

function standsAt(bytes: Uint8Array, start: number, needle: Needle): boolean {
  const wanted = needle.bytes;
  for (let index = 0; index < wanted.length; index++) {
    const byte = bytes[start + index];
    if (byte === wanted[index]) continue;
    if (byte === undefined || !needle.fold || lower(byte) !== lower(wanted[index]!)) return false;
  }
  return true;
}

function lower(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
}
