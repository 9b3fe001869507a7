import { closeSync, constants, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../../test/setup/folders.ts";
import { deadline, until } from "../../test/setup/waiting.ts";
import { nodeSystem } from "../system/index.ts";
import { humanLine, logBytesMax, openLog } from "./log.ts";

const system = nodeSystem();

/** A pipe whose reader reads only when the test does. */
function makePipe() {
  const path = join(temporaryFolder(), "pipe");
  system.files.makeFifo(path);
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  onTestFinished(() => {
    try {
      closeSync(fd);
    } catch {
      // The log gave it up and closed it.
    }
  });
  const chunk = Buffer.alloc(65_536);
  const read = (): string => {
    try {
      return chunk.toString("utf8", 0, readSync(fd, chunk));
    } catch {
      return "";
    }
  };
  return { fd, read };
}

test("lines are JSON, what is below the level is not written, and a flush waits for the disk", async () => {
  const { fd, read } = makePipe();
  const log = openLog({ level: "info", human: false, clock: system.clock, fd });
  log.debug({}, "not this");
  log.info({ pid: 7 }, "this");
  log.setLevel("error");
  log.warn({}, "nor this");
  await log.flush();
  const line = JSON.parse(read()) as Record<string, unknown>;
  expect(line).toEqual({ level: "info", time: expect.stringMatching(/\+00:00$/), pid: 7, msg: "this" });
  await log.flush();
});

test("a reader that does not read blocks nothing, and is told what it missed", async () => {
  const { fd, read } = makePipe();
  const log = openLog({ level: "info", human: false, clock: system.clock, fd });
  for (let line = 0; line < 3_000; line += 1) log.info({ filler: "x".repeat(1_000) }, "noise");
  let seen = "";
  await until("it is told", () => {
    seen = (seen + read()).slice(-100_000);
    return seen.includes("these lines were dropped");
  });
  await log.flush();
});

test("a reader that never reads does not hold up the end", async () => {
  const { fd } = makePipe();
  const log = openLog({ level: "info", human: false, clock: system.clock, fd });
  for (let line = 0; line < 100; line += 1) log.info({ filler: "x".repeat(1_000) }, "noise");
  await deadline(log.flush(), 10_000, "the flush");
  log.info({}, "after the end");
});

test("its file begins anew when it is full, also by what others have written; where it cannot, that is told once and it goes on", async () => {
  const { fd, read } = makePipe();
  const renewed: string[] = [];
  const output = (size: number, beginAnew: (path: string) => void) => ({ path: "/h/log", output: { size: () => size, beginAnew } });
  const open = (file: ReturnType<typeof output>) => openLog({ level: "info", human: false, clock: system.clock, fd, file });
  open(output(logBytesMax, (path) => renewed.push(path)));
  expect(renewed).toEqual([]);
  open(output(logBytesMax + 1, (path) => renewed.push(path)));
  expect(renewed).toEqual(["/h/log.1"]);
  const log = open(output(logBytesMax - 10, (path) => renewed.push(path)));
  log.info({}, "the line for which there is no room any more");
  log.info({}, "and one for which there is");
  expect(renewed).toEqual(["/h/log.1", "/h/log.1"]);
  await log.flush();
  read();
  let tried = 0;
  const full = open(
    output(logBytesMax, () => {
      tried += 1;
      throw new Error("no space");
    }),
  );
  full.info({}, "one");
  full.info({}, "two");
  await full.flush();
  expect(tried).toBe(1);
  expect(read().match(/"msg":"[^"]*"/g)).toEqual([
    '"msg":"the log cannot begin anew; it grows from here on"',
    '"msg":"one"',
    '"msg":"two"',
  ]);
});

test("a line for people has the time, the message and the fields; info is not named", () => {
  const line = (entry: object) => humanLine(`${JSON.stringify({ time: "2026-03-01T12:34:56.789+00:00", ...entry })}\n`);
  expect(line({ level: "info", msg: "ready", address: "http://127.0.0.1:1", pid: 7 })).toBe(
    "12:34:56 ready address=http://127.0.0.1:1 pid=7\n",
  );
  expect(line({ level: "warn", msg: "careful", problem: "two words", data: { a: [1] } })).toBe(
    '12:34:56 warn careful problem="two words" data={"a":[1]}\n',
  );
  expect(humanLine("no json\n")).toBe("no json\n");
});
