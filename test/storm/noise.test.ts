import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { homePaths, isHermaError, loadConfigParser } from "../../src/contract/index.ts";
import { fakeGateway, fakeHome } from "../../src/gateway/testing/fakeGateway.ts";
import {
  findGateway,
  gatewayRuns,
  lastExit,
  listScopedLocks,
  lookAtHeartbeat,
  markerPath,
  noisyFiles,
  ScopedLocks,
} from "../../src/lifecycle/index.ts";
import { scopedLockFolder } from "../../src/rules/index.ts";
import { FakeMachine, type FakeSystem, fakeProgram } from "../../src/system/fake/index.ts";
import { type Dice, diceOf } from "../setup/dice.ts";
import { noise, noiseKinds } from "./noiseMaker.ts";

const seeds = 400;
/** While one runs. */
const changes = 16;
const paths = homePaths(fakeHome);
const lockVariables = { HOME: "/root" };
const lockFolder = scopedLockFolder(lockVariables) ?? "";
const botLock = { scope: "telegram-bot-token", identity: "12345:abc" };

/** What another program may have left in each place. Noise is made from them. */
const forms: Readonly<Record<string, (pid: number, start: number) => unknown>> = {
  [paths.hermaLock]: record,
  [paths.gatewayLock]: record,
  [paths.gatewayPid]: record,
  [paths.gatewayState]: (pid, start) => ({ ...record(pid, start), gateway_state: "running", seq: 3, platforms: {}, instance_id: "abc" }),
  [markerPath(fakeHome, "planned_stop")]: (pid) => ({
    target_pid: pid,
    target_start_time: 7,
    stopper_pid: 2,
    written_at: "2026-01-01T00:00:00Z",
  }),
  [markerPath(fakeHome, "takeover")]: (pid) => ({
    target_pid: pid,
    target_start_time: null,
    replacer_pid: 2,
    written_at: "2026-01-01T00:00:00",
  }),
  [paths.drainMarker]: () => ({ action: "drain", requested_at: "2026-01-01T00:00:00Z", principal: "x", epoch: "y:1", revision: 3 }),
  [paths.drainLeases]: () => ({ format: 1, revision: 4, epoch: "", leases: [{ principal: "x", from: "request" }], seen: null }),
  [paths.gatewayRestarts]: () => ({ format: 1, restarts: [{ at: "2026-01-01T00:00:00Z", by: "x" }] }),
  [paths.loopReport]: (pid) => ({ format: 1, instance_id: "abc", pid, at: "2026-01-01T00:00:00Z", loop: "turning" }),
  [paths.exitDiary]: (pid) => ({
    format: 1,
    event: "start",
    at: "2026-01-01T00:00:00Z",
    instance_id: "abc",
    pid,
    boot_id: "x",
    version: "1",
  }),
  [join(lockFolder, "telegram-bot-token-0123456789abcdef.lock")]: record,
};
const surelyNoise: ReadonlySet<string> = new Set(["bytes", "torn", "joined", "deep", "wide", "huge", "blanks", "marked", "utf16"]);
const ownLockFiles = new Set([paths.hermaLock, paths.gatewayLock]);

function record(pid: number, start: number): Record<string, unknown> {
  return { pid, kind: "hermes-gateway", argv: ["hermes", "gateway", "run"], start_time: start };
}

type World = { readonly machine: FakeMachine; readonly dice: Dice; readonly setup: FakeSystem; readonly strangers: readonly number[] };

function world(seed: number): World {
  const machine = new FakeMachine({ seed });
  const dice = diceOf((bytes) => machine.random(bytes));
  const setup = fakeProgram(machine, "setup");
  for (const folder of [paths.logs, lockFolder]) setup.files.makeFolder(folder);
  const strangers = ["bash", "hermes-something", "postgres"].map((name) => machine.stranger(name).pid);
  return { machine, dice, setup, strangers };
}

/** Puts noise there, as any program may; returns whether it can be in no form that the place may have. */
function spoil({ machine, dice, setup, strangers }: World, path: string): boolean {
  const pid = dice.pick([...strangers, 1, 999_999]);
  // A start time that is not its own: a record that names a living program exactly is no noise.
  const start = dice.pick([0, 1, Number.MAX_SAFE_INTEGER]);
  const kind = dice.pick(noiseKinds);
  const bytes = noise(dice, kind, forms[path]?.(pid, start));
  setup.files.makeFolder(dirname(path));
  // In place now and then: the file that is locked itself, and a change that no rename tells.
  const standing = machine.disk.find(path);
  if (standing?.kind === "file" && dice.below(2) === 0) standing.data = bytes;
  else setup.files.replace(path, bytes, { durable: false });
  // An empty lock was never held, and the last line of a diary may be one that is being written.
  return surelyNoise.has(kind) && path !== paths.exitDiary && bytes.length > 0;
}

/** All readers of a home, as a stranger has them. Nothing in the files makes them throw, and nobody but `holder` is taken for the gateway. */
function verifyReaders(machine: FakeMachine, holder: number | null, at: string): void {
  const reader = fakeProgram(machine, "reader");
  const found = findGateway(reader, fakeHome);
  if (found.kind === "proven") expect(found.identity.pid, at).toBe(holder);
  const heartbeat = lookAtHeartbeat(fakeHome, reader);
  if (holder === null) expect(heartbeat.owner, at).not.toBe("alive");
  gatewayRuns(reader, fakeHome);
  lastExit(reader, fakeHome);
  listScopedLocks(lockFolder, reader);
  reader.program.kill();
}

/** Returns how many files were spoilt. */
async function storm(seed: number): Promise<number> {
  const it = world(seed);
  const { machine, dice } = it;
  const at = `seed ${seed}`;
  const before = Object.keys(forms).filter(() => dice.below(3) > 0);
  const noisy = before.filter((path) => spoil(it, path));
  verifyReaders(machine, null, at);
  const reader = fakeProgram(machine, "reader");
  // What `herma doctor` says.
  expect(noisyFiles(reader.files, fakeHome, lockFolder), at).toEqual(expect.arrayContaining(noisy));
  const system = fakeProgram(machine, "gateway");
  const gateway = fakeGateway(system, {}, { variables: { ...lockVariables, HERMA_SUPERVISED: "1" } });
  await machine.time.until(`${at}: it is ready`, gateway.ready, 60_000);
  const { pid } = system.program.process;
  let over = false;
  void gateway.end.finally(() => {
    over = true;
  });
  for (let change = 0; change < changes; change += 1) {
    spoil(it, dice.pick(Object.keys(forms)));
    await machine.time.advance(dice.pick([0, 10, 1_500, 40_000]));
    expect(over, at).toBe(false);
    if (change % 4 === 0) verifyReaders(machine, pid, at);
  }
  await machine.time.advance(31_000);
  const locks = new ScopedLocks({ folder: lockFolder, system, record: ownRecord(machine, pid) });
  await machine.time.wait(locks.acquire(botLock.scope, botLock.identity));
  // Heartbeats have put right what is its own.
  expect(
    noisyFiles(reader.files, fakeHome, null).filter((path) => [...ownLockFiles, paths.gatewayPid, paths.gatewayState].includes(path)),
    at,
  ).toEqual([]);
  expect(findGateway(reader, fakeHome), at).toMatchObject({ kind: "proven", identity: { pid } });
  gateway.signal("SIGINT");
  const { exitCode } = await machine.time.wait(gateway.end);
  expect(exitCode, at).toBe(0);
  expect(machine.kernel.signals, at).toEqual([]);
  return before.length + changes;
}

function ownRecord(machine: FakeMachine, pid: number) {
  const start = machine.kernel.processes.get(pid)?.startTime ?? 0;
  return { pid, kind: "hermes-gateway" as const, argv: ["hermes", "gateway", "run"], start_time: start };
}

test(`[compat 31] noise in ${seeds} homes: a gateway starts, goes on and ends in order, signals nobody, and each noisy file is told`, async () => {
  let spoilt = 0;
  for (let seed = 1; seed <= seeds; seed += 1) spoilt += await storm(seed);
  expect(spoilt).toBeGreaterThan(9_000);
});

test("noise as herma.yaml keeps a gateway from starting with an error that says so, or is no setting at all", async () => {
  let refused = 0;
  const form = { gateway: { host: "127.0.0.1", port: 4321, drain_timeout_seconds: 60 }, log: { level: "info" } };
  await loadConfigParser();
  for (let seed = 1; seed <= 600; seed += 1) {
    const { machine, dice, setup } = world(seed);
    setup.files.replace(paths.config, noise(dice, dice.pick(noiseKinds), form), { durable: false });
    const gateway = fakeGateway(fakeProgram(machine, "gateway"));
    let end: unknown = null;
    void gateway.end.catch((error: unknown) => {
      end = error;
    });
    await machine.time.until(`seed ${seed}: it is up or has given up`, () => gateway.ready() || end !== null, 60_000);
    if (end === null) continue;
    refused += 1;
    expect(isHermaError(end, "CONFIG_INVALID"), `seed ${seed}: ${String(end)}`).toBe(true);
    expect(lastExit(setup, fakeHome), `seed ${seed}`).toMatchObject({ reason: "config_invalid", exit_code: 78 });
  }
  expect(refused).toBeGreaterThan(300);
});
