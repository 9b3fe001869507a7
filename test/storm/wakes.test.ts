import nodeProcess from "node:process";
import { expect, test } from "vitest";
import { type StormPassed, WakesStorm } from "./wakesStorm.ts";

/** Raise it to look for more: `HERMA_STORM_SEEDS=100000 npx vitest run --project storm test/storm/wakes.test.ts`. */
const seeds = Number(nodeProcess.env.HERMA_STORM_SEEDS ?? "2000");
/** Days behind those that once broke a promise. */
const broken: readonly number[] = [2340];

test(`[peer 22] ${seeds} days on which evaluator, mailroom and readers die between any two steps: every wake once, none lost`, () => {
  const failures: string[] = [];
  const sum: Record<keyof StormPassed, number> = { deaths: 0, notices: 0, turns: 0, trips: 0 };
  for (const seed of [...Array.from({ length: seeds }, (_, index) => index + 1), ...broken]) {
    if (failures.length === 5) break;
    try {
      const passed = new WakesStorm(seed).run();
      for (const key of Object.keys(sum) as (keyof StormPassed)[]) sum[key] += passed[key];
    } catch (error) {
      failures.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
  }
  expect(failures).toEqual([]);
  // Else it shows nothing.
  expect(sum.deaths).toBeGreaterThan(seeds);
  expect(sum.turns).toBeGreaterThan(seeds / 2);
  expect(sum.trips).toBeGreaterThan(0);
});
