import { existsSync, utimesSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { temporaryFolder } from "../../test/setup/folders.ts";
import { timestampOf } from "../contract/index.ts";
import { nodeSystem } from "../system/index.ts";
import { consumeMarker, judgeMarker, markerPath } from "./markers.ts";

const now = Date.parse("2026-03-01T12:00:00Z");
const target = { identity: { boot_id: "b", pid: 50, start_time: 900 }, instanceId: "abcd", startedAtMs: now - 10_000 };
const at = (offsetMs: number) => timestampOf(now + offsetMs);

test.each([
  ["the original's form", { target_pid: 50, target_start_time: 900, written_at: at(0) }, "ours"],
  ["Python's microseconds", { target_pid: 50, target_start_time: 900, written_at: "2026-03-01T12:00:00.123456+00:00" }, "ours"],
  ["another pid", { target_pid: 51, target_start_time: 900, written_at: at(0) }, "somebody_else"],
  ["our pid, started at another time", { target_pid: 50, target_start_time: 901, written_at: at(0) }, "somebody_else"],
  ["our instance", { target_pid: 51, target_instance_id: "abcd", written_at: at(0) }, "ours"],
  [
    "another instance with our pid",
    { target_pid: 50, target_start_time: 900, target_instance_id: "x", written_at: at(0) },
    "somebody_else",
  ],
  ["no start time, written while we lived", { target_pid: 50, target_start_time: null, written_at: at(-1_000) }, "ours"],
  ["no start time, written before we started", { target_pid: 50, target_start_time: null, written_at: at(-20_000) }, "somebody_else"],
  ["60 s old", { target_pid: 50, target_start_time: 900, written_at: at(-60_000) }, "ours"],
  ["older", { target_pid: 50, target_start_time: 900, written_at: at(-60_001) }, "stale"],
  ["from the far future", { target_pid: 50, target_start_time: 900, written_at: at(60_001) }, "stale"],
  ["a naive time", { target_pid: 50, target_start_time: 900, written_at: "2026-03-01T12:00:00" }, "stale"],
  ["no time", { target_pid: 50, target_start_time: 900 }, "stale"],
  ["a boolean for a pid", { target_pid: true, target_start_time: 900, written_at: at(0) }, "noise"],
  ["no object", [1], "noise"],
] as const)("[S26] [S28] [defect 6.2.2] [peer 8] a marker with %s", (_what, value, verdict) => {
  expect(judgeMarker(value, target, now, now)).toBe(verdict);
});

test("noise becomes stale by the file's own time", () => {
  expect(judgeMarker(null, target, now, now - 60_000)).toBe("noise");
  expect(judgeMarker(null, target, now, now - 60_001)).toBe("stale");
});

test("[S26] [defect 6.2.10] [peer 8] ours is consumed, somebody else's is left alone, old noise is cleared away", () => {
  const home = temporaryFolder();
  const system = nodeSystem();
  const self = { identity: system.processes.self(), instanceId: "i", startedAtMs: system.clock.wallMs() };
  const path = markerPath(home, "planned_stop");
  const write = (pid: number) =>
    writeFileSync(
      path,
      JSON.stringify({ target_pid: pid, target_start_time: self.identity.start_time, written_at: timestampOf(system.clock.wallMs()) }),
    );
  expect(consumeMarker(home, "planned_stop", self, system)).toBe(false);
  write(self.identity.pid);
  expect(consumeMarker(home, "takeover", self, system)).toBe(false);
  expect(consumeMarker(home, "planned_stop", self, system)).toBe(true);
  expect(existsSync(path)).toBe(false);
  write(self.identity.pid + 1);
  expect(consumeMarker(home, "planned_stop", self, system)).toBe(false);
  expect(existsSync(path)).toBe(true);
  writeFileSync(path, Buffer.from([0xff, 0xfe, 0x7b]));
  expect(consumeMarker(home, "planned_stop", self, system)).toBe(false);
  expect(existsSync(path)).toBe(true);
  const longAgo = system.clock.wallMs() / 1000 - 61;
  utimesSync(path, longAgo, longAgo);
  expect(consumeMarker(home, "planned_stop", self, system)).toBe(false);
  expect(existsSync(path)).toBe(false);
});
