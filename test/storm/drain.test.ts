import nodeProcess from "node:process";
import { expect, test } from "vitest";
import { type DrainPassed, DrainStorm } from "./drainStorm.ts";

/** Raise it to look for more: `HERMA_STORM_SEEDS=100000 npx vitest run --project storm test/storm/drain.test.ts`. */
const seeds = Number(nodeProcess.env.HERMA_STORM_SEEDS ?? "500");

test(`[compat 26] [defect 6.4.1] [defect 6.4.2] [peer 26] ${seeds} days of drains: gateways die at any change of the disk, the next one starts, and no file lies`, async () => {
  const failures: string[] = [];
  const sum: DrainPassed = { deaths: 0, begins: 0, cancels: 0, markers: 0, drained: 0, refused: 0 };
  for (let seed = 1; seed <= seeds && failures.length < 5; seed += 1) {
    try {
      const passed = await new DrainStorm(seed).run();
      for (const key of Object.keys(sum) as (keyof DrainPassed)[]) sum[key] += passed[key];
    } catch (error) {
      failures.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
  }
  expect(failures).toEqual([]);
  // Else it shows nothing.
  for (const [what, count] of Object.entries(sum)) expect(count, what).toBeGreaterThan(seeds / 4);
});
