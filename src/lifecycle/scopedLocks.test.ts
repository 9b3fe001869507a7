import { expect, test } from "vitest";
import { gatewayKind } from "../contract/index.ts";
import { FakeMachine, type FakeSystem, fakeProgram } from "../system/fake/index.ts";
import { contractArgv } from "./records.ts";
import { ScopedLocks } from "./scopedLocks.ts";

const folder = "/state/hermes/gateway-locks";
const scope = "telegram-bot-token";
const token = "123456:ABC";
/** Of sha256("123456:ABC"), by another program (`printf %s 123456:ABC | sha256sum`). */
const path = `${folder}/telegram-bot-token-3289c6313efc819f.lock`;

function program(machine: FakeMachine): FakeSystem & { readonly scoped: ScopedLocks } {
  const system = fakeProgram(machine, "herma");
  const self = system.processes.self();
  const record = { pid: self.pid, kind: gatewayKind, argv: contractArgv([]), start_time: self.start_time, boot_id: self.boot_id } as const;
  return { ...system, scoped: new ScopedLocks({ folder, system, record }) };
}

async function done<T>(machine: FakeMachine, promise: Promise<T>): Promise<T> {
  return await machine.time.wait(promise);
}

function content(system: FakeSystem, at = path): Record<string, unknown> | null {
  const bytes = system.files.read(at);
  return bytes === null ? null : (JSON.parse(bytes.toString()) as Record<string, unknown>);
}

test("[S19] [S20] [compat 29] a lock stands under the original's name, with its keys, and without the identity", async () => {
  const machine = new FakeMachine();
  const one = program(machine);
  expect(await done(machine, one.scoped.acquire(scope, token, { chat: 7 }))).toEqual({ ok: true, existing: null });
  expect(content(one)).toMatchObject({
    pid: one.program.process.pid,
    kind: "hermes-gateway",
    argv: ["hermes", "gateway", "run"],
    start_time: one.processes.self().start_time,
    scope,
    identity_hash: "3289c6313efc819f",
    metadata: { chat: 7 },
    updated_at: expect.stringMatching(/\+00:00$/),
  });
  expect(one.files.read(path)?.toString()).not.toContain(token);
  expect(one.files.stat(path)?.mode).toBe(0o600);
  expect(one.files.stat(folder)?.mode).toBe(0o700);
});

test("[S21] [S22] [compat 29] a second program is refused and told who; the holder takes it again; only the holder gives it back", async () => {
  const machine = new FakeMachine();
  const [one, two] = [program(machine), program(machine)];
  await done(machine, one.scoped.acquire(scope, token));
  const refused = await done(machine, two.scoped.acquire(scope, token));
  expect(refused).toMatchObject({ ok: false, existing: { pid: one.program.process.pid } });
  expect(await done(machine, two.scoped.release(scope, token))).toBe(false);
  const again = await done(machine, one.scoped.acquire(scope, token, { again: true }));
  expect(again).toMatchObject({ ok: true, existing: { pid: one.program.process.pid } });
  expect(content(one)).toMatchObject({ metadata: { again: true } });
  expect(await done(machine, two.scoped.acquire(scope, "another token"))).toMatchObject({ ok: true });
  expect(await done(machine, one.scoped.release(scope, token))).toBe(true);
  expect(await done(machine, one.scoped.release(scope, token))).toBe(false);
  expect(await done(machine, two.scoped.acquire(scope, token))).toMatchObject({ ok: true, existing: null });
});

test("[defect 6.2.7] [peer 1] an owner that is stopped keeps its lock; one that is dead loses it", async () => {
  const machine = new FakeMachine();
  const [one, two] = [program(machine), program(machine)];
  await done(machine, one.scoped.acquire(scope, token));
  one.program.process.state = "stopped";
  expect(two.processes.look(one.program.process.pid)).toMatchObject({ kind: "alive", row: { stopped: true } });
  expect(await done(machine, two.scoped.acquire(scope, token))).toMatchObject({ ok: false });
  one.program.kill();
  expect(await done(machine, two.scoped.acquire(scope, token))).toEqual({ ok: true, existing: null });
  expect(content(two)).toMatchObject({ pid: two.program.process.pid });
  expect(two.files.list(folder)).toEqual([".guard", path.slice(folder.length + 1)]);
});

test("[peer 2] an owner that cannot be seen keeps its lock", async () => {
  const machine = new FakeMachine();
  const [one, two] = [program(machine), program(machine)];
  await done(machine, one.scoped.acquire(scope, token));
  one.program.process.hidden = true;
  expect(await done(machine, two.scoped.acquire(scope, token))).toMatchObject({ ok: false });
});

test.each([
  ["{}", "{}"],
  ["nothing", ""],
  ["noise", "\u0000\u00ff{"],
  ["a list", "[]"],
  ["no pid", JSON.stringify({ kind: "hermes-gateway", argv: [], start_time: 5 })],
  ["pid true", JSON.stringify({ pid: true, kind: "hermes-gateway" })],
  ["pid −1", JSON.stringify({ pid: -1, kind: "hermes-gateway" })],
  ["a dead program", JSON.stringify({ pid: 4_000_000, kind: "hermes-gateway", argv: [], start_time: 5 })],
  ["a dead program without a start time", JSON.stringify({ pid: 4_000_000, start_time: null })],
  ["a pid that is another's now", JSON.stringify({ pid: 1, kind: "hermes-gateway", argv: [], start_time: 77 })],
  ["another boot", JSON.stringify({ pid: 1, kind: "hermes-gateway", argv: [], start_time: 1, boot_id: "before" })],
])("[S21] [compat 29] [compat 31] stale: %s", async (_what, text) => {
  const machine = new FakeMachine();
  const one = program(machine);
  one.files.makeFolder(folder);
  one.files.replace(path, text, { durable: false });
  expect(await done(machine, one.scoped.acquire(scope, token))).toMatchObject({ ok: true });
  expect(content(one)).toMatchObject({ pid: one.program.process.pid });
});

test.each([
  [
    "a Hermes, with its keys only",
    {
      kind: "hermes-gateway",
      argv: ["python", "hermes"],
      start_time: 1,
      scope,
      identity_hash: "x",
      metadata: {},
      updated_at: "2026-01-01T00:00:00.123456+00:00",
    },
  ],
  ["a record whose time is odd", { kind: "hermes-gateway", argv: [], start_time: 1, updated_at: "yesterday" }],
  ["a record of another kind", { kind: "other", start_time: 1 }],
  ["a program whose start time nobody noted", { start_time: null }],
])("[S21] a live owner holds it: %s", async (_what, record) => {
  const machine = new FakeMachine();
  const one = program(machine);
  one.files.makeFolder(folder);
  one.files.replace(path, JSON.stringify({ pid: 1, ...record }), { durable: false });
  expect(await done(machine, one.scoped.acquire(scope, token))).toMatchObject({ ok: false, existing: { pid: 1 } });
  expect(content(one)).toMatchObject({ pid: 1 });
});

test("[S21] a lock that names us, written by a system that tells no start times, is ours", async () => {
  const machine = new FakeMachine();
  const one = program(machine);
  one.files.makeFolder(folder);
  one.files.replace(path, JSON.stringify({ pid: one.program.process.pid, start_time: null }), { durable: false });
  expect(await done(machine, one.scoped.acquire(scope, token))).toMatchObject({ ok: true, existing: { pid: one.program.process.pid } });
});

test("[S23] [defect 6.2.8] all of one owner are released, and nobody else's", async () => {
  const machine = new FakeMachine();
  const [one, two] = [program(machine), program(machine)];
  for (const bot of ["a", "b"]) await done(machine, one.scoped.acquire(scope, bot));
  await done(machine, two.scoped.acquire(scope, "c"));
  const { pid, start_time: startTime } = one.processes.self();
  expect(await done(machine, two.scoped.releaseAllOf({ pid, startTime: startTime + 1 }))).toBe(0);
  expect(two.scoped.list()).toHaveLength(3);
  expect(await done(machine, two.scoped.releaseAllOf({ pid, startTime }))).toBe(2);
  expect(two.scoped.list()).toMatchObject([{ record: { pid: two.program.process.pid }, owner: "same" }]);
});

test("nothing is there to release where nobody ever took a lock, and nothing is made", async () => {
  const machine = new FakeMachine();
  const one = program(machine);
  expect(await done(machine, one.scoped.release(scope, token))).toBe(false);
  expect(await done(machine, one.scoped.releaseAllOf({ pid: 1, startTime: 1 }))).toBe(0);
  expect(one.scoped.list()).toEqual([]);
  expect(one.files.stat(folder)).toBeNull();
});

test("a scope that is no name reaches no path", async () => {
  const machine = new FakeMachine();
  const one = program(machine);
  for (const bad of ["", "../x", "a/b", ".hidden", "x".repeat(65)])
    await expect(one.scoped.acquire(bad, token)).rejects.toMatchObject({ code: "BAD_REQUEST" });
});

test("[defect 6.2.7] of many that take over a dead one's lock at once exactly one gets it", async () => {
  const machine = new FakeMachine();
  const dead = program(machine);
  await done(machine, dead.scoped.acquire(scope, token));
  dead.program.kill();
  const all = Array.from({ length: 12 }, () => program(machine));
  const results = await done(machine, Promise.all(all.map(({ scoped }) => scoped.acquire(scope, token))));
  expect(results.filter(({ ok }) => ok)).toHaveLength(1);
  const winner = all[results.findIndex(({ ok }) => ok)];
  expect(content(winner as FakeSystem)).toMatchObject({ pid: winner?.program.process.pid });
});

test("[defect 6.2.7] a Hermes that takes a stale lock over between our look and our act keeps it", async () => {
  const machine = new FakeMachine();
  const [one, hermes] = [program(machine), program(machine)];
  one.files.makeFolder(folder);
  one.files.replace(path, "{}", { durable: false });
  // It knows nothing of our guard: it unlinks and makes its own, right before we put the stale one aside.
  const rename = one.files.rename.bind(one.files);
  one.files.rename = (from, to) => {
    hermes.files.remove(path);
    hermes.files.createExclusive(path, JSON.stringify({ pid: hermes.program.process.pid, start_time: hermes.processes.self().start_time }));
    one.files.rename = rename;
    rename(from, to);
  };
  expect(await done(machine, one.scoped.acquire(scope, token))).toMatchObject({ ok: false, existing: { pid: hermes.program.process.pid } });
  expect(content(one)).toMatchObject({ pid: hermes.program.process.pid });
});
