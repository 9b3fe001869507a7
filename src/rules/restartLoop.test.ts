import fc from "fast-check";
import { expect, test } from "vitest";
import { restartLoop } from "./restartLoop.ts";

const limits = { bootsMax: 3, gapMs: 300_000 };
const now = 10_000_000;
const at = (...secondsAgo: number[]) => secondsAgo.map((seconds) => ({ atMs: now - seconds * 1000, wanted: false }));

test.each([
  ["three in a row", at(20, 10, 0), 3, true],
  ["two", at(10, 0), 2, false],
  ["slow ones, each 150 s after the one before", at(450, 300, 150, 0), 4, true],
  ["gaps of 300 s to the millisecond", at(600, 300, 0), 3, true],
  ["a gap that is longer", at(601.001, 300, 0), 2, false],
  ["the newest long ago", at(920, 910, 901), 0, false],
  ["from the future: the clock was set back", at(-3600, -3500, 0), 1, false],
  ["out of order", at(0, 20, 10), 3, true],
  ["none", [], 0, false],
  ["one of them wanted", [...at(20), { atMs: now - 10_000, wanted: true }, ...at(5, 0)], 2, false],
])("a loop of starts: %s", (_what, boots, count, looping) => {
  expect(restartLoop(boots, now, limits)).toEqual({ boots: count, looping });
});

test("0 turns it off", () => {
  expect(restartLoop(at(3, 2, 1, 0), now, { bootsMax: 0, gapMs: 300_000 })).toEqual({ boots: 4, looping: false });
});

test("more starts never make less of a loop", () => {
  const boot = fc.record({ atMs: fc.integer({ min: now - 2_000_000, max: now }), wanted: fc.constant(false) });
  fc.assert(
    fc.property(fc.array(boot), boot, (boots, one) => {
      expect(restartLoop([...boots, one], now, limits).boots).toBeGreaterThanOrEqual(restartLoop(boots, now, limits).boots);
    }),
  );
});
