import { expect, test } from "vitest";
import { zonedMomentMs } from "./zonedTime.ts";

test("a text with its offset is a moment", () => {
  const moment = Date.UTC(2026, 0, 2, 3, 4, 5);
  for (const text of ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05+00:00", "2026-01-02T05:04:05+02:00", "2026-01-02 03:04:05-0000"])
    expect(zonedMomentMs(text)).toBe(moment);
  expect(zonedMomentMs("2026-01-02T03:04:05.123456+00:00")).toBe(moment + 123);
});

test("[H5] anything else is none", () => {
  for (const text of ["2026-01-02T03:04:05", "2026-01-02", "", "noise Z", "2026-13-45T99:00:00Z", null, undefined, 5, true, {}])
    expect(zonedMomentMs(text)).toBeNull();
});
