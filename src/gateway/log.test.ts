import { expect, test } from "vitest";
import { humanLine } from "./log.ts";

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
