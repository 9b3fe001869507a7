import { writeFileSync } from "node:fs";
import nodeProcess from "node:process";
import { expect, test } from "vitest";
import { temporaryFolder } from "../../test/setup/folders.ts";
import { timestampOf } from "../contract/index.ts";
import { contextJson, contextLine } from "../rules/index.ts";
import { nodeSystem } from "../system/index.ts";
import { type MarkerKind, markerPath } from "./markers.ts";
import { type SnapshotRequest, shutdownSnapshot } from "./snapshot.ts";

const system = nodeSystem();
const target = { identity: system.processes.self(), instanceId: "i", startedAtMs: system.clock.wallMs() };

function take(home: string, more: Partial<SnapshotRequest> = {}) {
  return shutdownSnapshot({ system, home, signal: "SIGTERM", target, variables: {}, loopLagMs: 1.25, ...more });
}

function mark(home: string, kind: MarkerKind, targetPid: number, more: Record<string, unknown> = {}): void {
  const { start_time } = target.identity;
  const marker = { target_pid: targetPid, target_start_time: start_time, written_at: timestampOf(system.clock.wallMs()), ...more };
  writeFileSync(markerPath(home, kind), JSON.stringify(marker));
}

test("[F5] [F7] times, signal, ourselves, our parent and the load are noted", () => {
  const before = Date.now() / 1000;
  const note = take(temporaryFolder());
  expect(note.ts).toBeGreaterThanOrEqual(before);
  expect(note.ts).toBeLessThanOrEqual(Date.now() / 1000);
  expect(note).toMatchObject({
    signal: "SIGTERM",
    signal_num: 15,
    pid: nodeProcess.pid,
    ppid: nodeProcess.ppid,
    parent: { pid: nodeProcess.ppid, name: expect.any(String), cmdline: expect.any(String) },
    self: { pid: nodeProcess.pid, ppid: nodeProcess.ppid, uid: nodeProcess.getuid?.() },
    loadavg_1m: expect.any(Number),
    loop_lag_ms: 1.3,
    sender_pid: null,
  });
  expect(note.self.cmdline?.length).toBeLessThanOrEqual(300);
  expect(take(temporaryFolder(), { signal: null })).toMatchObject({ signal: "UNKNOWN", signal_num: null });
  expect(JSON.parse(contextJson(note))).toEqual(JSON.parse(JSON.stringify(note)));
});

test("[F6] [defect 6.3.5] a service manager is told by its own variable, not by a parent with pid 1", () => {
  expect(take(temporaryFolder(), { variables: { INVOCATION_ID: "abc", JOURNAL_STREAM: "8:1" } })).toMatchObject({
    under_systemd: true,
    systemd_invocation_id: "abc",
    systemd_journal_stream: "8:1",
  });
  const orphan = { ...system, vitals: { ...system.vitals, program: (pid: number) => ({ ...system.vitals.program(pid), parent: 1 }) } };
  expect(take(temporaryFolder(), { system: orphan })).toMatchObject({ ppid: 1, under_systemd: false, systemd_invocation_id: null });
});

test.each(["takeover", "planned_stop"] as const)(
  "[F9] [defect 6.3.1] [defect 6.3.2] [defect 6.3.3] the marker %s is seen before it is consumed, in any home, however it is spaced",
  (kind) => {
    const home = temporaryFolder();
    const own = `${kind}_marker_for_self`;
    const sender = kind === "takeover" ? "replacer_pid" : "stopper_pid";
    expect(take(home)).not.toHaveProperty(`${kind}_marker`);
    mark(home, kind, nodeProcess.pid, { [sender]: 4711 });
    expect(take(home)).toMatchObject({ [own]: true, sender_pid: 4711 });
    // A pid of which ours is only the beginning.
    mark(home, kind, Number(`${nodeProcess.pid}1`), { [sender]: 4711 });
    expect(take(home)).toMatchObject({ [own]: false, sender_pid: null });
    writeFileSync(markerPath(home, kind), `noise ${"x".repeat(1000)}`);
    const noise = take(home);
    expect(noise).toMatchObject({ [own]: false });
    expect(JSON.stringify(noise[`${kind}_marker`]).length).toBeLessThanOrEqual(302);
  },
);

test("[F8] whoever traces us is noted", () => {
  const traced = {
    ...system,
    vitals: {
      ...system.vitals,
      program: (pid: number) => ({ ...system.vitals.program(pid), tracer: pid === nodeProcess.pid ? nodeProcess.ppid : 0 }),
    },
  };
  const note = take(temporaryFolder(), { system: traced });
  expect(note).toMatchObject({ tracer_pid: nodeProcess.ppid, tracer: { pid: nodeProcess.ppid } });
  expect(contextLine(note)).toContain(`tracer_pid=${nodeProcess.ppid}`);
});

test("[F10] it cannot fail, whatever stands in the home, and is quick", () => {
  for (const home of ["/nonexistent/home", "/dev/null", "/proc/self/mem"]) expect(take(home).pid).toBe(nodeProcess.pid);
  const times = Array.from({ length: 200 }, () => {
    const begun = performance.now();
    take("/nonexistent/home");
    return performance.now() - begun;
  }).sort((one, other) => one - other);
  // The goal is 5 ms at p99 (bench); here only a bound against reading what it should not, on a machine that does much else.
  expect(times[100]).toBeLessThan(200);
});
