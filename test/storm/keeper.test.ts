import nodeProcess from "node:process";
import { expect, test } from "vitest";
import type { DiskFault } from "../../src/system/fake/index.ts";
import { KeeperStorm, type Weather } from "./keeperStorm.ts";

/** Raise it to look for more: `HERMA_STORM_SEEDS=100000 npx vitest run --project storm`. */
const seeds = Number(nodeProcess.env.HERMA_STORM_SEEDS ?? "300");

test("a day without weather: everything ends as it does", async () => {
  const passed = await new KeeperStorm({ seed: 1, faults: [], kills: [] }).run();
  expect(passed.deaths).toBe(0);
  expect(passed.changes).toBeGreaterThan(100);
});

// `crash`: the keeper dies before the change. `tear`: it dies behind it, and of a write only half was done.
test.each(["crash", "tear"] as const)("the keeper dies at every change of the disk, one after the other (%s)", async (fault) => {
  const { changes } = await new KeeperStorm({ seed: 1, faults: [], kills: [] }).run();
  const failures: string[] = [];
  for (let at = 1; at <= changes; at += 1) await tell(failures, { seed: 1, faults: [{ at, fault }], kills: [] });
  expect(failures).toEqual([]);
});

test.each([
  ["deaths, at changes of the disk and between them", ["crash", "tear"], 0],
  ["deaths and a disk that fails and is full", ["crash", "tear", "ENOSPC", "EIO"], 1_000_000],
] as const)(`${seeds} days of %s`, async (_what, kinds, seedsBefore) => {
  const failures: string[] = [];
  for (let seed = seedsBefore + 1; seed <= seedsBefore + seeds; seed += 1) await tell(failures, weatherOf(seed, kinds));
  expect(failures).toEqual([]);
});

/** Runs one day; a failure names its weather, which is all that is needed to have it again. */
async function tell(failures: string[], weather: Weather): Promise<void> {
  try {
    await new KeeperStorm(weather).run();
  } catch (error) {
    failures.push(error instanceof Error ? error.message : String(error));
  }
}

function weatherOf(seed: number, kinds: readonly DiskFault[]): Weather {
  const random = randomFrom(seed);
  const some = (max: number): number[] => Array.from({ length: Math.floor(random() * (max + 1)) }, () => random());
  return {
    seed,
    faults: some(5).map((place) => ({ at: 1 + Math.floor(place * 300), fault: kinds[Math.floor(random() * kinds.length)]! })),
    kills: some(4).map((place) => Math.floor(place * 400)),
  };
}

/** mulberry32 */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
