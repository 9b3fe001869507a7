import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../../test/setup/folders.ts";
import { timestampOf } from "../contract/index.ts";
import { judgeHeartbeat } from "../rules/index.ts";
import { nodeSystem } from "../system/index.ts";
import { claimGateway } from "./claim.ts";
import { lookAtHeartbeat } from "./heartbeat.ts";

const system = nodeSystem();
const self = system.processes.self();
/** A pid that no process has. */
const nobody = 4_194_303;

function look(home: string, more: Partial<typeof system> = {}) {
  const seen = lookAtHeartbeat(home, { ...system, ...more });
  return { ...seen, verdict: judgeHeartbeat({ owner: seen.owner, state: seen.state, answers: null }) };
}
function put(home: string, name: string, value: unknown): void {
  writeFileSync(join(home, name), typeof value === "string" ? value : JSON.stringify(value));
}
const record = (more: object = {}) => ({ pid: nobody, kind: "hermes-gateway", argv: ["hermes", "gateway", "run"], start_time: 1, ...more });
const state = (more: object = {}) => ({ ...record(), gateway_state: "running", updated_at: timestampOf(system.clock.wallMs()), ...more });
const ours = { boot_id: self.boot_id, pid_namespace: system.processes.pidNamespace(), interval_s: 30, desired_state: "running" };

test("[H12] a claimed home is alive by its lock, until the claim ends", async () => {
  const home = temporaryFolder();
  const result = await claimGateway({ home, system, argv: [], commandLine: ["herma"], version: "1" });
  if (!result.ok) throw new Error("refused");
  onTestFinished(() => result.claim.endNow({ phase: "stopped", exitReason: "end of the test" }));
  await result.claim.update({ phase: "running" });
  expect(look(home)).toMatchObject({ owner: "alive", pid: self.pid, verdict: { alive: true, evidence: "lock", reason: null } });
  await result.claim.end({ phase: "stopped", exitReason: "test", desiredState: "stopped" });
  // Its own pid lives on, as the test's, but the claim is gone, and with it the record.
  expect(look(home).owner).not.toBe("gone");
  expect(look(home).state).toMatchObject({ kind: "state", word: "stopped", stopWanted: true });
});

test("[defect 6.5.1] a gateway that died without a word is down at once, although its file is fresh", () => {
  const home = temporaryFolder();
  put(home, "gateway.pid", record(ours));
  put(home, "gateway_state.json", state(ours));
  expect(look(home)).toMatchObject({ owner: "gone", verdict: { alive: false, evidence: "lock", reason: "gateway_not_running" } });
});

test("[H13] [defect 6.5.2] the same records seen from another container prove nothing about pids: the heartbeat decides", () => {
  const home = temporaryFolder();
  const elsewhere = { ...ours, pid_namespace: "pid:[7]" };
  put(home, "gateway.pid", record(elsewhere));
  put(home, "herma.lock", record(elsewhere));
  put(home, "gateway_state.json", state(elsewhere));
  expect(look(home).verdict).toEqual({ alive: true, evidence: "heartbeat", reason: "cross_container_freshness" });
  put(home, "gateway_state.json", state({ ...elsewhere, gateway_state: "draining" }));
  expect(look(home).verdict).toEqual({ alive: true, evidence: "heartbeat", reason: "gateway_draining" });
  put(home, "gateway_state.json", state({ ...elsewhere, updated_at: timestampOf(system.clock.wallMs() - 300_000) }));
  expect(look(home).verdict).toEqual({ alive: null, evidence: "heartbeat", reason: "heartbeat_stale" });
});

test("[defect 6.5.4] a fresh state beside no other file is enough, and so is the original's without our keys", () => {
  const home = temporaryFolder();
  put(home, "gateway_state.json", state());
  expect(look(home).verdict).toEqual({ alive: true, evidence: "heartbeat", reason: "cross_container_freshness" });
  put(home, "gateway.pid", record());
  expect(look(home).verdict).toMatchObject({ alive: true, reason: "cross_container_freshness" });
  put(home, "gateway.pid", record({ pid: self.pid, start_time: self.start_time }));
  expect(look(home)).toMatchObject({ owner: "alive", verdict: { evidence: "lock" } });
  // Another program with the pid is not it.
  put(home, "gateway.pid", record({ pid: self.pid, start_time: self.start_time + 1 }));
  expect(look(home).owner).toBe("unseen");
});

test("what was left before the machine started anew is down once it is stale", () => {
  const home = temporaryFolder();
  const before = { ...ours, boot_id: "an-earlier-boot", pid: self.pid, start_time: self.start_time };
  put(home, "gateway.pid", record(before));
  put(home, "gateway_state.json", state({ ...before, updated_at: timestampOf(system.clock.wallMs() - 300_000) }));
  expect(look(home).verdict).toEqual({ alive: false, evidence: "heartbeat", reason: "gateway_not_running" });
});

test("[S5] old pid files hold a bare number: it names a pid that cannot be proven", () => {
  const home = temporaryFolder();
  for (const text of [String(self.pid), `${self.pid}\n`]) {
    put(home, "gateway.pid", text);
    expect(look(home)).toMatchObject({ owner: "unseen", pid: self.pid });
  }
  put(home, "gateway.pid", "-1");
  expect(look(home).pid).toBeNull();
});

test("[H19] [S18] [compat 7] noise is not known, is never thrown at anybody, and nothing is written or removed", () => {
  const home = temporaryFolder();
  expect(look(home).verdict).toEqual({ alive: null, evidence: "none", reason: "gateway_not_configured" });
  for (const noise of ["", "{", "[]", "7", "null", "\u{fffd}", Buffer.from([0xff, 0xfe, 0]).toString("latin1"), '{"pid":true}']) {
    for (const name of ["gateway.pid", "herma.lock", "gateway.lock", "gateway_state.json"]) put(home, name, noise);
    expect(look(home).verdict.alive, noise).not.toBe(true);
  }
  const folders = temporaryFolder();
  for (const name of ["gateway.pid", "herma.lock", "gateway.lock", "gateway_state.json"]) mkdirSync(join(folders, name));
  expect(look(folders).verdict).toEqual({ alive: null, evidence: "none", reason: "status_unreadable" });
  expect(readdirSync(home).sort()).toEqual(["gateway.lock", "gateway.pid", "gateway_state.json", "herma.lock"]);
  expect(look(join(home, "absent")).verdict.reason).toBe("gateway_not_configured");
  expect(existsSync(join(home, "absent"))).toBe(false);
});
