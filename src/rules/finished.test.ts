import { expect, test } from "vitest";
import type { ProcessId } from "../contract/index.ts";
import { type FinishedLimits, justEndedMs, overLimits, owedTimes } from "./finished.ts";

const nowMs = 1_000_000_000_000;
const minute = 60_000;
const limits: FinishedLimits = { keptMs: 100 * minute, max: 100, bytesMax: 1000 };

function idOf(number: number): ProcessId {
  return `proc_${number.toString(16).padStart(12, "0")}`;
}

/** Processes by the minutes since their ends; each is named by its place in the list. */
function over(minutes: readonly number[], change: Partial<FinishedLimits> = {}, owed: readonly number[] | "all" = [], bytes = 1): number[] {
  const finished = minutes.map((ago, index) => ({ id: idOf(index), endedAtMs: nowMs - ago * minute, bytes }));
  const ids = overLimits(finished, { ...limits, ...change }, { nowMs, owed: owed === "all" ? owed : new Set(owed.map(idOf)) });
  return ids.map((id) => finished.findIndex((one) => one.id === id));
}

test("each limit alone; the oldest end goes first", () => {
  expect(over([1, 100, 101, 300])).toEqual([3, 2]);
  expect(over([5, 2, 9, 3], { max: 2 })).toEqual([2, 0]);
  expect(over([5, 2, 9, 3], { bytesMax: 250 }, [], 100)).toEqual([2, 0]);
  expect(over([])).toEqual([]);
});

test("what has just ended stays, whatever the limits are, and counts", () => {
  expect(over([0, 0.5, 2], { max: 0, bytesMax: 0, keptMs: 0 })).toEqual([2]);
  expect(over([0, 0.5, 2], { bytesMax: 250 }, [], 100)).toEqual([2]);
  expect(justEndedMs).toBe(minute);
});

test("an ending from the future is a young one", () => {
  expect(over([-5], { max: 0 })).toEqual([]);
});

test("what somebody is still to be told of stays longer, and within the bytes of all", () => {
  expect(over([150, 150, 100 * owedTimes, 100 * owedTimes + 1], {}, [1, 2, 3])).toEqual([3, 0]);
  expect(over([2, 3, 4, 5, 6], { max: 1 }, [1, 2, 3, 4])).toEqual([4]);
  expect(over([150, 200], { bytesMax: 150 }, [0, 1], 100)).toEqual([1]);
  expect(over([150, 500], {}, "all")).toEqual([1]);
});
