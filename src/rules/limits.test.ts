import { expect, test } from "vitest";
import { changedLimits, groupName, groupOwner, groupPrefix, kernelLimitsOf, limitWords, runLeftMs } from "./limits.ts";

test("a change sets, lifts, and leaves what it does not name", () => {
  const now = { memory_bytes_max: 1_048_576, pids_max: 5, on_output_limit: "pause" } as const;
  expect(changedLimits(now, { memory_bytes_max: 2_097_152, pids_max: null, run_ms_max: undefined })).toEqual({
    memory_bytes_max: 2_097_152,
    on_output_limit: "pause",
  });
  expect(now.pids_max).toBe(5);
});

test("the kernel's part of some limits: none is null, a lifted one is named", () => {
  expect(kernelLimitsOf({ run_ms_max: 5, output_bytes_max: 65_536 })).toBeNull();
  expect(kernelLimitsOf({})).toBeNull();
  expect(kernelLimitsOf({ run_ms_max: 5, pids_max: null, cpu_percent_max: 50 })).toEqual({ pids_max: null, cpu_percent_max: 50 });
});

test.each([
  [{}, 100, null],
  [{ run_ms_max: 1000 }, 0, 1000],
  [{ run_ms_max: 1000 }, 400, 600],
  [{ run_ms_max: 1000 }, 1000, 0],
  [{ run_ms_max: 1000 }, 90_000, 0],
  // The clock was set back: it has not run for less than no time.
  [{ run_ms_max: 1000 }, -90_000, 1000],
])("of %j, after %i ms, %s ms are left", (limits, ranMs, left) => {
  expect(runLeftMs(limits, ranMs)).toBe(left);
});

test("each limit has words for people", () => {
  expect(limitWords("limit:run")).toBe("the time it may run");
  expect(limitWords("memory")).toBe("its memory");
  expect(limitWords("limit:toString")).toBe("toString");
});

test("a group's name tells its process, to its own home alone", () => {
  const name = groupName("/home/a", "proc_0123456789ab");
  expect(groupOwner("/home/a", name)).toBe("proc_0123456789ab");
  expect(groupOwner("/home/b", name)).toBeNull();
  expect(name).toMatch(/^herma-[0-9a-f]{8}-proc_0123456789ab$/);
  expect(name.startsWith(groupPrefix("/home/a"))).toBe(true);
});
