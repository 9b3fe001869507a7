import { expect, test } from "vitest";
import { homePaths } from "../contract/index.ts";
import { type FakeSystem, fakeProgram, fakeSystem, type ScriptRun } from "../system/fake/index.ts";
import { claimGateway } from "./claim.ts";
import { type EndRequest, endGateway } from "./endGateway.ts";
import { lookAtHeartbeat } from "./heartbeat.ts";
import { markerPath } from "./markers.ts";
import { standBy } from "./standby.ts";
import { findGateway, type ProvenGateway } from "./target.ts";

const home = "/home";

function machine(): FakeSystem {
  const system = fakeSystem({ seed: 3 });
  system.files.makeFolder(home);
  return system;
}

/** A gateway of another program on the machine, as its records tell. */
function gatewayOf(system: FakeSystem, run: ScriptRun, more: Partial<ProvenGateway> = {}): ProvenGateway {
  const identity = system.processes.identityOf(run.pid)!;
  return { identity, instanceId: "abcd", program: "herma", endsWithinMs: 30_000, ...more };
}

async function end(system: FakeSystem, target: ProvenGateway, force: EndRequest["force"], more: Partial<EndRequest> = {}) {
  const request: EndRequest = { home, system, target, marker: "planned_stop", force, ...more };
  return await system.machine.time.wait(endGateway(request));
}

test("[S13] [S24] [S25] it is told by a marker before the signal, waited for, and the marker is gone afterwards", async () => {
  const system = machine();
  let marker: unknown = null;
  const run = system.machine.stranger("gateway", (it) => {
    it.onSignal("SIGTERM", () => {
      marker = JSON.parse(system.files.read(markerPath(home, "takeover"))?.toString() ?? "null");
      it.after(7_000, () => it.exit(0));
    });
  });
  const waits: number[] = [];
  const result = await end(system, gatewayOf(system, run), "late", {
    marker: "takeover",
    onWait: (ms) => waits.push(Math.round(ms / 1000)),
  });
  expect(result.kind).toBe("ended");
  expect(result.waitedMs).toBeGreaterThanOrEqual(7_000);
  expect(result.waitedMs).toBeLessThan(8_500);
  expect(waits.slice(0, 3)).toEqual([1, 2, 3]);
  expect(marker).toMatchObject({ target_pid: run.pid, target_instance_id: "abcd", replacer_pid: system.program.process.pid });
  expect(system.files.stat(markerPath(home, "takeover"))).toBeNull();
});

test.each([
  ["late", "killed", 30_000],
  ["now", "killed", 5_000],
] as const)("[S13] [compat 24] one that does not end is killed: force %s", async (force, kind, afterMs) => {
  const system = machine();
  const heard: string[] = [];
  const run = system.machine.stranger("gateway", (it) => it.onSignal("SIGTERM", () => heard.push("TERM")));
  const result = await end(system, gatewayOf(system, run), force);
  expect(result.kind).toBe(kind);
  expect(result.waitedMs).toBeGreaterThanOrEqual(afterMs);
  expect(result.waitedMs).toBeLessThan(afterMs + 2_000);
  // The second one forces a Herma.
  expect(heard).toEqual(force === "now" ? ["TERM", "TERM"] : ["TERM"]);
});

test("[peer 4] on Windows the marker alone tells it, and nothing is ended by a signal before its time is over", async () => {
  const system = fakeSystem({ platform: "win32" });
  system.files.makeFolder(home);
  const run = system.machine.stranger("gateway", (it) => {
    it.onSignal("SIGTERM", () => it.exit(9));
    it.after(3_000, () => it.exit(system.files.stat(markerPath(home, "planned_stop")) === null ? 1 : 0));
  });
  const result = await end(system, gatewayOf(system, run), "late", { marker: "takeover" });
  expect(result.kind).toBe("ended");
  expect(result.waitedMs).toBeGreaterThanOrEqual(3_000);
  expect(system.files.stat(markerPath(home, "planned_stop"))).toBeNull();
});

test("without force it is let live, and that is told", async () => {
  const system = machine();
  const run = system.machine.stranger("gateway", (it) => it.onSignal("SIGTERM", () => {}));
  await expect(end(system, gatewayOf(system, run), "never")).rejects.toMatchObject({ code: "GATEWAY_SURVIVES" });
  expect(system.processes.look(run.pid).kind).toBe("alive");
  expect(system.files.stat(markerPath(home, "planned_stop"))).toBeNull();
});

test("[defect 6.2.11] whoever has its pid now is not signalled", async () => {
  const system = machine();
  const heard: string[] = [];
  const run = system.machine.stranger("stranger", (it) => it.onSignal("SIGTERM", () => heard.push("TERM")));
  const target = gatewayOf(system, run);
  const former = { ...target, identity: { ...target.identity, start_time: target.identity.start_time - 1 } };
  expect(await end(system, former, "late")).toEqual({ kind: "gone", waitedMs: 0 });
  expect(heard).toEqual([]);
  expect(system.files.stat(markerPath(home, "planned_stop"))).toBeNull();
});

const request = (system: FakeSystem) => ({ home, system, argv: [], commandLine: ["herma"], version: "9.9.9" });

test("[S8] [S11] the running gateway is found by its lock and proven by its identity; its own word says how long it takes", async () => {
  const system = machine();
  expect(findGateway(system, home)).toEqual({ kind: "none" });
  const other = fakeProgram(system.machine, "other");
  const claimed = await system.machine.time.wait(claimGateway({ ...request(other), drainTimeoutS: 5 }));
  if (!claimed.ok) throw new Error("refused");
  await system.machine.time.wait(claimed.claim.update({}));
  const self = { boot_id: system.processes.bootId(), pid: other.program.process.pid };
  const proven = { kind: "proven", identity: self, instanceId: claimed.claim.instanceId, program: "herma", endsWithinMs: 25_000 };
  expect(findGateway(system, home)).toMatchObject(proven);
  // Where locks are not shown the records still prove it.
  system.machine.showsLocks = false;
  expect(findGateway(system, home)).toMatchObject(proven);
  system.machine.showsLocks = true;
  // Its word is lost: the default stands in.
  system.files.replace(homePaths(home).gatewayState, "noise", { durable: false });
  expect(findGateway(system, home)).toMatchObject({ ...proven, endsWithinMs: 80_000 });
  // Between the taking and the record, the kernel's word is enough.
  for (const path of ["hermaLock", "gatewayLock", "gatewayPid"] as const)
    system.files.replace(homePaths(home)[path], "", { durable: false });
  other.program.kill();
  expect(findGateway(system, home)).toEqual({ kind: "none" });
});

test("[S5] [S8] [compat 24] a Hermes is known by what its record lacks; a pid without a start time proves nothing", async () => {
  const system = machine();
  const other = fakeProgram(system.machine, "hermes");
  const { pid, start_time } = other.processes.self();
  const lock = other.locks.tryTake(homePaths(home).gatewayLock);
  const record = { pid, kind: "hermes-gateway", argv: ["hermes", "gateway", "run"], start_time };
  lock?.writeBody(JSON.stringify(record));
  expect(findGateway(system, home)).toMatchObject({ kind: "proven", program: "hermes", instanceId: null, endsWithinMs: 210_000 });
  lock?.writeBody(JSON.stringify({ ...record, start_time: null }));
  expect(findGateway(system, home)).toEqual({ kind: "unproven", pid });
  lock?.writeBody(String(pid));
  expect(findGateway(system, home)).toEqual({ kind: "unproven", pid });
  lock?.writeBody(JSON.stringify({ ...record, boot_id: "another" }));
  expect(findGateway(system, home)).toEqual({ kind: "unproven", pid });
});

test("[compat 22] one that stands by has the home as soon as its holder ends or lets go, and writes nothing before", async () => {
  const system = machine();
  const { time } = system.machine;
  const first = fakeProgram(system.machine, "first");
  const claimed = await time.wait(claimGateway(request(first)));
  expect(claimed.ok).toBe(true);
  await time.advance(100);
  const before = system.files.read(homePaths(home).gatewayState)?.toString();
  const waitedFor: (number | null)[] = [];
  const never = new AbortController().signal;
  const second = standBy(request(system), { signal: never, waiting: (holder) => waitedFor.push(holder.pid) });
  await time.advance(10_000);
  expect(waitedFor).toEqual([first.program.process.pid]);
  expect(system.files.read(homePaths(home).gatewayState)?.toString()).toBe(before);
  const diedMs = time.nowMs;
  first.program.kill();
  const claim = await time.wait(second);
  expect(time.nowMs - diedMs).toBeLessThan(1_000);
  const third = fakeProgram(system.machine, "third");
  const next = standBy(request(third), { signal: never, waiting: () => {} });
  await time.advance(5_000);
  const letGoMs = time.nowMs;
  await time.wait(claim!.end({ phase: "stopped", exitReason: "test" }));
  expect((await time.wait(next))?.identity.pid).toBe(third.program.process.pid);
  expect(time.nowMs - letGoMs).toBeLessThan(1_000);
});

test("[compat 22] one that stands by can be told to go", async () => {
  const system = machine();
  const { time } = system.machine;
  const first = fakeProgram(system.machine, "first");
  await time.wait(claimGateway(request(first)));
  const leave = new AbortController();
  const second = standBy(request(system), { signal: leave.signal, waiting: () => {} });
  await time.advance(5_000);
  leave.abort();
  expect(await time.wait(second)).toBeNull();
});

test("what a killed gateway was just starting has its locks for a moment: nobody is told to run, and the next claim waits for it", async () => {
  const system = machine();
  const { machine: world } = system;
  const killed = fakeProgram(world, "killed");
  const request = (of: FakeSystem) => ({ home, system: of, argv: [], commandLine: ["node", "herma"], version: "9.9.9" });
  expect((await world.time.wait(claimGateway(request(killed)))).ok).toBe(true);
  const { pid } = killed.program.process;
  killed.program.kill();
  const inodes = [homePaths(home).hermaLock, homePaths(home).gatewayLock].map((path) => world.disk.find(path)?.ino ?? 0);
  for (const ino of inodes) world.locked.set(ino, pid);
  expect(findGateway(system, home)).toEqual({ kind: "none" });
  expect(lookAtHeartbeat(home, system).owner).toBe("gone");
  system.clock.after(300, () => {
    for (const ino of inodes) world.locked.delete(ino);
  });
  const result = await world.time.wait(claimGateway(request(system)));
  expect(result.ok).toBe(true);
  if (result.ok) result.claim.endNow({ phase: "stopped", exitReason: "end of the test" });
});
