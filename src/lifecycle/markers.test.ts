import { existsSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import nodeProcess from "node:process";
import { expect, test } from "vitest";
import { temporaryFolder } from "../../test/setup/folders.ts";
import { timestampOf } from "../contract/index.ts";
import { nodeSystem } from "../system/index.ts";
import { clearMarker, consumeMarker, judgeMarker, markerPath, writeMarker } from "./markers.ts";

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
  expect(consumeMarker(home, "planned_stop", self, system)).toBeNull();
  write(self.identity.pid);
  expect(consumeMarker(home, "takeover", self, system)).toBeNull();
  expect(consumeMarker(home, "planned_stop", self, system)).toMatchObject({ target_pid: self.identity.pid });
  expect(existsSync(path)).toBe(false);
  write(self.identity.pid + 1);
  expect(consumeMarker(home, "planned_stop", self, system)).toBeNull();
  expect(existsSync(path)).toBe(true);
  writeFileSync(path, Buffer.from([0xff, 0xfe, 0x7b]));
  expect(consumeMarker(home, "planned_stop", self, system)).toBeNull();
  expect(existsSync(path)).toBe(true);
  const longAgo = system.clock.wallMs() / 1000 - 61;
  utimesSync(path, longAgo, longAgo);
  expect(consumeMarker(home, "planned_stop", self, system)).toBeNull();
  expect(existsSync(path)).toBe(false);
});

test("[S24] [S25] [S27] what we write is what the original reads; it is taken back by whoever wrote it, and by nobody else", () => {
  const home = temporaryFolder();
  const system = nodeSystem();
  const identity = { boot_id: "b", pid: 4_000_000, start_time: 7 };
  writeMarker(home, "takeover", { identity, instanceId: null }, system);
  const path = markerPath(home, "takeover");
  expect(JSON.parse(readFileSync(path, "utf8"))).toEqual({
    target_pid: 4_000_000,
    target_start_time: 7,
    replacer_pid: system.processes.self().pid,
    written_at: expect.stringMatching(/\+00:00$/),
  });
  expect(statSync(path).mode & 0o777).toBe(0o600);
  clearMarker(home, "planned_stop", system);
  clearMarker(home, "takeover", system);
  clearMarker(home, "takeover", system);
  expect(existsSync(path)).toBe(false);
  writeMarker(home, "planned_stop", { identity: system.processes.self(), instanceId: "i" }, system);
  const mine = { identity: system.processes.self(), instanceId: "i", startedAtMs: 0 };
  expect(consumeMarker(home, "planned_stop", mine, system)).toMatchObject({ stopper_pid: nodeProcess.pid });
  writeFileSync(path, JSON.stringify({ target_pid: 5, target_start_time: 7, replacer_pid: 1 }));
  clearMarker(home, "takeover", system);
  expect(existsSync(path)).toBe(true);
});
