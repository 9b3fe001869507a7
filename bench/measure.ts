import type { Spread } from "./spread.ts";

/** What a measure is run with. */
export type Context = {
  /** Small sizes and few pairs: to see that a measure works. Its numbers mean nothing. */
  readonly quick: boolean;
  /** Pairs of baseline and subject that a measure takes at least. */
  readonly pairs: number;
  /** Shows a line of progress. */
  readonly say: (text: string) => void;
};

/** One line of the table. */
export type Row = {
  readonly what: string;
  /** What it is compared with and the median of that; empty when there is nothing to compare with. */
  readonly baseline: string;
  readonly herma: string;
  /** Of the pairwise ratios subject / baseline; null where a ratio says nothing. */
  readonly ratio: Spread | null;
  readonly goal: string;
  /** Null: the row has no goal of its own. */
  readonly met: boolean | null;
};

/** One file `bench/<name>.ts`. It makes its own homes and leaves nothing behind, also when it throws. */
export type Measure = {
  readonly name: string;
  readonly goal: string;
  readonly run: (context: Context) => Promise<Row[]>;
};
