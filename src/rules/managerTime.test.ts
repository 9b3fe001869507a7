import fc from "fast-check";
import { expect, test } from "vitest";
import { parseManagerTime } from "./managerTime.ts";

test.each([
  ["90s", 90_000],
  ["3min", 180_000],
  ["1min 30s", 90_000],
  ["1h", 3_600_000],
  ["500ms", 500],
  ["1min 30.500s", 90_500],
  ["2d 3h 4min 5s 6ms 7us", 183_845_006.007],
  ["1w", 604_800_000],
  ["1month", 2_629_800_000],
  ["1M", 2_629_800_000],
  ["1m", 60_000],
  ["1y 2month", 31_557_600_000 + 5_259_600_000],
  ["7\u00b5s", 0.007],
  ["7\u03bcs", 0.007],
  ["2 hours 5 minutes", 7_500_000],
  ["1.5", 1500],
  ["0", 0],
])("[F18] %j is %d ms", (text, ms) => {
  expect(parseManagerTime(text)).toBeCloseTo(ms, 6);
});

test("[F16] [F18] whole digits are microseconds, as the bus has them", () => {
  expect(parseManagerTime("90000000")).toBe(90_000);
});

test("[F18] no limit is no limit, in words and in bits", () => {
  expect([parseManagerTime("infinity"), parseManagerTime("18446744073709551615")]).toEqual([Infinity, Infinity]);
});

test.each(["", "  ", "90weeksx", "90 fortnights", "s", "-1s", "1s,", "90toString", `${"1s ".repeat(100)}`])(
  "[F18] %j is no duration",
  (text) => {
    expect(parseManagerTime(text)).toBeNull();
  },
);

/** Prints microseconds as systemd does, with whatever accuracy. */
function printed(us: number): string {
  const words: string[] = [];
  let rest = us;
  for (const [name, size] of [
    ["y", 31_557_600_000_000],
    ["month", 2_629_800_000_000],
    ["w", 604_800_000_000],
    ["d", 86_400_000_000],
    ["h", 3_600_000_000],
    ["min", 60_000_000],
    ["s", 1_000_000],
    ["ms", 1000],
    ["us", 1],
  ] as const) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) words.push(`${count}${name}`);
  }
  return words.length === 0 ? "0" : words.join(" ");
}

test("[F18] whatever systemd prints is read back", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10 ** 15 }), (us) => {
      expect(parseManagerTime(printed(us))).toBeCloseTo(us / 1000, 2);
    }),
  );
});

test("[F18] nothing throws", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const ms = parseManagerTime(text);
      expect(ms === null || ms >= 0).toBe(true);
    }),
  );
});
