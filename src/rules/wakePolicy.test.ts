import fc from "fast-check";
import { expect, test } from "vitest";
import { Cause, type ExitFile, WakePolicy } from "../contract/index.ts";
import {
  heartbeat,
  heartbeatDueMs,
  type PeopleMode,
  parsePeopleMode,
  tellsPeople,
  type WakeOutcome,
  wakeOutcomeOf,
  wakeWeightOf,
} from "./wakePolicy.ts";

const exitOf = (
  cause: Cause,
  code: number | null,
  signal: string | null,
  termination_source = "",
): Pick<ExitFile, "cause" | "code" | "signal" | "termination_source"> => ({
  cause,
  code,
  signal,
  termination_source,
});

test.each<[Cause, number | null, string | null, string, WakeOutcome]>([
  ["exited", 0, null, "", "success"],
  ["exited", 1, null, "", "failure"],
  ["exited", 143, null, "", "failure"],
  ["exited", null, "SIGTERM", "", "failure"],
  ["exited", null, "SIGSEGV", "", "failure"],
  ["exited", null, null, "", "failure"],
  ["killed", 0, null, "process.kill", "stopped"],
  ["killed", null, "SIGTERM", "process.kill", "stopped"],
  ["killed", null, "SIGKILL", "kill_all", "stopped"],
  ["killed", null, "SIGTERM", "session_end", "stopped"],
  ["killed", 1, null, "gateway_stop", "stopped"],
  ["killed", null, "SIGKILL", "hangup", "stopped"],
  ["killed", null, "SIGTERM", "operator", "failure"],
  ["limit", null, "SIGKILL", "limit:memory", "failure"],
  ["oom", null, "SIGKILL", "limit:memory", "failure"],
  ["failed_start", 127, null, "failed_start", "failure"],
  ["lost", null, null, "backend_lost", "lost"],
  ["reboot", null, null, "reboot", "lost"],
  ["unknown", null, null, "", "lost"],
])("[peer 23] %s with %s, %s by %j is %s", (cause, code, signal, source, outcome) => {
  expect(wakeOutcomeOf(exitOf(cause, code, signal, source))).toBe(outcome);
});

test("every cause has an outcome, and every outcome a weight", () => {
  const policy = WakePolicy.parse({ success: "ignore", lost: "context" });
  const seen = new Set<WakeOutcome>();
  for (const cause of Cause.options) {
    for (const code of [0, 1, null]) {
      for (const source of ["", "process.kill", "x"]) {
        const outcome = wakeOutcomeOf(exitOf(cause, code, null, source));
        seen.add(outcome);
        expect(wakeWeightOf(policy, outcome)).toBe({ success: "ignore", failure: "turn", stopped: "context", lost: "context" }[outcome]);
      }
    }
  }
  expect([...seen].sort()).toEqual(["failure", "lost", "stopped", "success"]);
});

test("what the caller knows of the killer counts more than the source", () => {
  const exit = exitOf("killed", null, "SIGTERM", "process.kill");
  expect(wakeOutcomeOf(exit, "someoneElse")).toBe("failure");
  expect(wakeOutcomeOf({ ...exit, termination_source: "operator" }, "reader")).toBe("stopped");
  expect(wakeOutcomeOf(exitOf("exited", 0, null), "someoneElse")).toBe("success");
});

test("heartbeats are at least 60 s apart, need new output, and end with the process [defect 6.1.23]", () => {
  const last = { lastMs: 0, toldTo: 100 };
  const at = (nowMs: number, end: number, running = true) => heartbeat(last, 60, { nowMs, end, running });
  expect(at(59_999, 200)).toEqual({ last, due: false });
  expect(at(60_000, 100)).toEqual({ last, due: false });
  expect(at(60_000, 200, false)).toEqual({ last, due: false });
  expect(at(60_000, 101)).toEqual({ last: { lastMs: 60_000, toldTo: 101 }, due: true });
  expect(heartbeatDueMs(last, 1)).toBe(60_000);
  expect(heartbeatDueMs(last, 90)).toBe(90_000);
  expect(heartbeat({ lastMs: 500_000, toldTo: 0 }, 60, { nowMs: 0, end: 9, running: true })).toEqual({
    last: { lastMs: 0, toldTo: 0 },
    due: false,
  });
});

test("heartbeats never tell a byte twice, nor come too often", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 100 }),
      fc.array(fc.record({ afterMs: fc.nat(40_000), bytes: fc.nat(2) }), { maxLength: 60, size: "max" }),
      (every, steps) => {
        let last = { lastMs: 0, toldTo: 0 };
        let now = 0;
        let end = 0;
        let previous = { ms: 0, end: 0 };
        for (const step of steps) {
          now += step.afterMs;
          end += step.bytes;
          const beat = heartbeat(last, every, { nowMs: now, end, running: true });
          last = beat.last;
          const expected = now - previous.ms >= Math.max(60, every) * 1000 && end > previous.end;
          expect(beat.due).toBe(expected);
          if (beat.due) previous = { ms: now, end };
        }
      },
    ),
  );
});

test.each<[PeopleMode, boolean, boolean, boolean, boolean]>([
  // mode, output, exit 0, exit 1, exit unknown
  ["all", true, true, true, true],
  ["result", false, true, true, true],
  ["error", false, false, true, true],
  ["off", false, false, false, false],
])(
  "mode %s tells people of output: %s, success: %s, failure: %s, an unknown end: %s [compat 12]",
  (mode, output, success, failure, unknown) => {
    expect(tellsPeople(mode, "output")).toBe(output);
    expect(tellsPeople(mode, { exitCode: 0 })).toBe(success);
    expect(tellsPeople(mode, { exitCode: 1 })).toBe(failure);
    expect(tellsPeople(mode, { exitCode: -15 })).toBe(failure);
    expect(tellsPeople(mode, { exitCode: null })).toBe(unknown);
  },
);

test.each([
  [undefined, "all"],
  [null, "all"],
  [false, "off"],
  ["off", "off"],
  [" Result ", "result"],
  ["ERROR", "error"],
  ["all", "all"],
  ["loud", null],
  [true, null],
  [3, null],
])("a mode written as %j is %s", (value, mode) => {
  expect(parsePeopleMode(value)).toBe(mode);
});
