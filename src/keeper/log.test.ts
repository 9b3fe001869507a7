import { expect, test } from "vitest";
import { fakeSystem } from "../system/fake/index.ts";
import { createLog, logBytesMax } from "./log.ts";

/** A log whose file is played; `begins` is what happens when it is to begin anew. */
function open(size: number, begins: (older: string) => void) {
  const written: string[] = [];
  const file = { output: { size: () => size, beginAnew: begins }, olderPath: "/k/log.1" };
  return { written, log: createLog(fakeSystem().clock, (text) => written.push(text), file) };
}

test("a full log begins anew, and what was there before this keeper counts", () => {
  const renewed: string[] = [];
  const { log, written } = open(logBytesMax - 100, (older) => renewed.push(older));
  log("one");
  expect(renewed).toEqual([]);
  log("x".repeat(100));
  expect(renewed).toEqual(["/k/log.1"]);
  log("three");
  expect(renewed).toHaveLength(1);
  expect(written).toHaveLength(3);
});

test("one that cannot begin anew says so and falls silent", () => {
  const { log, written } = open(logBytesMax, () => {
    throw new Error("no space");
  });
  log("one");
  log("two");
  expect(written).toEqual([expect.stringContaining("reached its limit")]);
});

test("what is no file falls silent at the limit as well", () => {
  const written: string[] = [];
  const log = createLog(fakeSystem().clock, (text) => written.push(text));
  log("x".repeat(logBytesMax - 100));
  log("y".repeat(100));
  log("z");
  expect(written).toHaveLength(2);
  expect(written.at(-1)).toContain("reached its limit");
});
