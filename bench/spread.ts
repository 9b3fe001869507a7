/** Where the middle and the edges of a set of numbers are. */
export type Spread = { readonly p10: number; readonly median: number; readonly p90: number };

/** The `share` quantile (0 to 1), interpolated between neighbours. NaN of nothing. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const place = (sorted.length - 1) * share;
  const below = sorted[Math.floor(place)] ?? Number.NaN;
  const above = sorted[Math.ceil(place)] ?? Number.NaN;
  return below + (above - below) * (place - Math.floor(place));
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

export function spread(values: readonly number[]): Spread {
  return { p10: quantile(values, 0.1), median: median(values), p90: quantile(values, 0.9) };
}

export type Paired = {
  readonly baseline: readonly number[];
  readonly subject: readonly number[];
  readonly ratios: readonly number[];
  /** subject - baseline, pair by pair. */
  readonly differences: readonly number[];
};

export type PairOptions = {
  readonly pairs: number;
  /** Each returns what it measured, in one unit for both. */
  readonly baseline: () => Promise<number>;
  readonly subject: () => Promise<number>;
  /** Pairs thrown away first, which fill caches. Default 1. */
  readonly warmUps?: number;
  readonly onPair?: (baseline: number, subject: number, pair: number) => void;
};

/**
 * Baseline and subject by turns (A B A B …), so that what the machine does meanwhile meets both. Only ratios and differences within a pair
 * are worth comparing.
 */
export async function takePairs(options: PairOptions): Promise<Paired> {
  const baseline: number[] = [];
  const subject: number[] = [];
  const warmUps = options.warmUps ?? 1;
  for (let pair = 0; pair < warmUps + options.pairs; pair += 1) {
    const a = await options.baseline();
    const b = await options.subject();
    if (pair < warmUps) continue;
    baseline.push(a);
    subject.push(b);
    options.onPair?.(a, b, pair - warmUps + 1);
  }
  return {
    baseline,
    subject,
    ratios: subject.map((value, index) => value / baseline[index]!),
    differences: subject.map((value, index) => value - baseline[index]!),
  };
}
