import fc from "fast-check";
import { expect, test } from "vitest";
import { formatBytes, formatDuration, parseDuration } from "./quantities.ts";

test.each([
  ["30s", 30_000],
  ["5m", 300_000],
  ["1h30m", 5_400_000],
  ["1h 30m 5s", 5_405_000],
  ["250ms", 250],
  ["90", 90_000],
  ["0", 0],
  ["1.5h", 5_400_000],
  ["0.25", 250],
  ["2d", 172_800_000],
  [" 10 s ", 10_000],
  ["1m500ms", 60_500],
])("%j is %d ms", (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

test.each(["-1s", "s", "1x", "1s1h", "1s2s", "1h30", "1e3", "5 minutes", "∞", "999999999999999d", ".5s", "1..5s"])(
  "%j is no duration",
  (text) => {
    expect(parseDuration(text)).toBeNull();
  },
);

test("an empty text is no duration", () => {
  expect([parseDuration(""), parseDuration("  ")]).toEqual([null, null]);
});

test("[P53] durations read as the original writes them", () => {
  const shown = [0, 999, 45_000, 59_999, 60_000, 185_000, 3_599_999, 3_600_000, 7_380_000, 180_000_000, -5].map(formatDuration);
  expect(shown).toEqual(["0s", "0s", "45s", "59s", "1m 0s", "3m 5s", "59m 59s", "1h 0m", "2h 3m", "50h 0m", "0s"]);
});

test("what is written can be read, to the unit shown", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10 ** 10 }), (ms) => {
      const read = parseDuration(formatDuration(ms)) ?? -1;
      expect(read).toBeLessThanOrEqual(ms);
      expect(ms - read).toBeLessThan(ms < 3_600_000 ? 1000 : 60_000);
    }),
  );
});

test("sizes are shown in units of 1024", () => {
  const shown = [0, 1, 1023, 1024, 1536, 10_189, 65_536, 1_048_575, 1_048_576, 67_108_864, 1.5 * 1024 ** 3, 2 ** 60].map(formatBytes);
  expect(shown).toEqual([
    "0 B",
    "1 B",
    "1023 B",
    "1 KiB",
    "1.5 KiB",
    "10 KiB",
    "64 KiB",
    "1 MiB",
    "1 MiB",
    "64 MiB",
    "1.5 GiB",
    "1024 PiB",
  ]);
});
