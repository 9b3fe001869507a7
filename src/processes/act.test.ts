import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { until } from "../../test/setup/waiting.ts";
import { type ErrorCode, HermaError, keeperPaths, processPaths, timestampOf } from "../contract/index.ts";
import { ownGeneration } from "./link/keepers.ts";
import { fakeKeeper, type Play } from "./testing/fakeKeeper.ts";
import { openTestRegistry, system } from "./testing/openTestRegistry.ts";
import { exitOf, idOf, putEnded, putFolder } from "./testing/records.ts";

const refused = (code: ErrorCode, status = 409): Play => ({ status, body: new HermaError(code, "played").toBody() });
const killed = (id: string): Play => ({
  status: 200,
  body: { verdict: "killed", survivors: [], exit: exitOf(id, { cause: "killed", signal: "SIGTERM", code: null }) },
});

async function stage(generation: string = ownGeneration) {
  const { home, registry } = openTestRegistry({ keeperStartMsMax: 3000 });
  const keeper = await fakeKeeper(system, home, generation);
  const id = putFolder(home, 1, { state: null });
  keeper.holds(id);
  return { home, registry, keeper, id };
}

test("input goes as bytes, and tells where output stood", async () => {
  const { registry, keeper, id } = await stage();
  keeper.play("/input", () => ({ status: 200, body: { bytes_written: 3, offset: 17 } }));
  expect(await registry.write(id, { data: "ü\n" })).toEqual({ bytes_written: 3, offset: 17 });
  await registry.write(id, { data: Uint8Array.of(0, 255), eof: true });
  expect(keeper.asked.map((one) => one.body)).toEqual([
    { data: Buffer.from("ü\n").toString("base64"), eof: false },
    { data: Buffer.from([0, 255]).toString("base64"), eof: true },
  ]);
});

test("size and signal; a signal's name may be short, and must be one", async () => {
  const { registry, keeper, id } = await stage();
  keeper.play("/resize", () => ({ status: 200, body: {} }));
  keeper.play("/signal", () => ({ status: 200, body: { signalled: [5] } }));
  await registry.resize(id, { rows: 10, cols: 20 });
  expect(await registry.signal(id, { signal: "usr1" })).toEqual({ signalled: [5] });
  expect(keeper.asked.map((one) => one.body)).toEqual([
    { rows: 10, cols: 20 },
    { signal: "SIGUSR1", tree: false },
  ]);
  await expect(registry.resize(id, { rows: 0, cols: 20 })).rejects.toMatchObject({ code: "BAD_REQUEST" });
  await expect(registry.signal(id, { signal: "; rm" })).rejects.toMatchObject({ code: "BAD_REQUEST" });
});

test("what has ended takes nothing, and says how it ended; what is unknown is not found", async () => {
  const { home, registry, keeper } = await stage();
  const ended = putEnded(home, 2, { exit: { code: 3 } });
  for (const act of [
    (id: string) => registry.write(id, { data: "x" }),
    (id: string) => registry.resize(id, { rows: 1, cols: 1 }),
    (id: string) => registry.signal(id, { signal: "TERM" }),
  ]) {
    await expect(act(ended)).rejects.toMatchObject({ code: "PROCESS_ENDED", message: expect.stringContaining("exited with 3") });
    await expect(act(idOf(99))).rejects.toMatchObject({ code: "PROCESS_NOT_FOUND" });
    await expect(act("../../x")).rejects.toMatchObject({ code: "PROCESS_NOT_FOUND" });
  }
  await expect(registry.kill(idOf(99))).rejects.toMatchObject({ code: "PROCESS_NOT_FOUND" });
  // Its folder may have been removed: that alone is asked.
  expect(keeper.asked.map(({ path }) => path)).toEqual([`/v1/processes/${idOf(99)}`]);
});

test("the keeper's own refusals come through with code and words", async () => {
  const { registry, keeper, id } = await stage();
  keeper.play("/input", () => ({
    status: 409,
    body: new HermaError("STDIN_CLOSED", "closed", { hint: "played hint", data: { x: 1 } }).toBody(),
  }));
  await expect(registry.write(id, { data: "x" })).rejects.toMatchObject({ code: "STDIN_CLOSED", hint: "played hint", data: { x: 1 } });
  keeper.play("/input", () => ({ status: 418, body: { code: "FROM_THE_FUTURE", message: "what" } }));
  await expect(registry.write(id, { data: "x" })).rejects.toMatchObject({ code: "INTERNAL", message: "what" });
});

test("[P38] kill: verdict and the process as it is then; survivors are an error that names them", async () => {
  const { registry, keeper, id } = await stage();
  keeper.play("/kill", (_asked, times) => {
    if (times === 1) return { status: 200, body: { verdict: "survivors", survivors: [{ pid: 7, name: "stuck" }], exit: null } };
    keeper.ends(id, { cause: "killed" });
    return killed(id);
  });
  const failed = await registry.kill(id, { source: "test", reason: "why", graceMs: 5 }).catch((error: unknown) => error as HermaError);
  expect(failed).toMatchObject({ code: "KILL_SURVIVORS", data: { survivors: [{ pid: 7, name: "stuck" }] } });
  expect((failed as HermaError).message).toContain("7 (stuck)");
  expect(await registry.kill(id)).toMatchObject({ verdict: "killed", process: { id, phase: "ended" } });
  expect(keeper.asked.map((one) => one.body)).toEqual([{ source: "test", reason: "why", grace_ms: 5 }, { source: "process.kill" }]);
});

test("an ended process is already exited, without a keeper; with one, what carries its mark is still ended", async () => {
  const { home, registry, keeper } = await stage();
  const alone = putEnded(home, 2, { exit: { code: 1 } });
  expect(await registry.kill(alone)).toMatchObject({ verdict: "already_exited", exit: { code: 1 }, process: { id: alone } });
  expect(keeper.asked).toEqual([]);
  const held = putEnded(home, 3, { state: null });
  keeper.holds(held, { phase: "ended" });
  keeper.play("/kill", () => killed(held));
  expect(await registry.kill(held)).toMatchObject({ verdict: "killed" });
});

test("[P47] kill all: by session, except some, every ladder at once; survivors are in the results", async () => {
  const { home, registry, keeper, id } = await stage();
  const mine = [2, 3, 4].map((number) => {
    const one = putFolder(home, number, { state: null, spec: { owner: { kind: "tool", session: "s" } } });
    keeper.holds(one);
    return one;
  });
  const { promise: all, resolve } = Promise.withResolvers<void>();
  let waiting = 0;
  keeper.play("/kill", async ({ path, body }) => {
    expect(body.source).toBe("kill_all");
    waiting += 1;
    if (waiting === 2) resolve();
    // None is answered before all were asked.
    await all;
    if (path.includes(mine[1] as string))
      return { status: 200, body: { verdict: "survivors", survivors: [{ pid: 1, name: "x" }], exit: null } };
    return killed(mine[0] as string);
  });
  const results = await registry.killAll({ session: "s", except: [mine[2] as string] });
  expect(results.map((result) => [result.process.id, result.verdict])).toEqual([
    [mine[0], "killed"],
    [mine[1], "survivors"],
  ]);
  expect(keeper.asked.some((one) => one.path.includes(id))).toBe(false);
});

test("ladders that take long hold up nothing: neither each other, nor a hello, nor other commands", async () => {
  const { home, registry } = openTestRegistry({ answerMsMax: 100 });
  const keeper = await fakeKeeper(system, home);
  const ids = Array.from({ length: 24 }, (_, index) => putFolder(home, index + 1, { state: null }));
  for (const id of ids) keeper.holds(id);
  const { promise: verdict, resolve } = Promise.withResolvers<void>();
  keeper.play("/kill", async ({ path }) => {
    await verdict;
    return killed(path.split("/")[3] as string);
  });
  let hellos = 0;
  const heard = Promise.withResolvers<void>();
  keeper.play("/input", () => ({ status: 200, body: { bytes_written: 1, offset: 0 } }));
  const hello = keeper.hello();
  keeper.play("/v1/hello", () => {
    hellos += 1;
    if (hellos === ids.length) heard.resolve();
    return { status: 200, body: hello };
  });
  const all = registry.killAll();
  await until("all ladders run", () => keeper.asked.filter((one) => one.path.endsWith("/kill")).length === ids.length);
  expect(await registry.write(ids[0] as string, { data: "x" })).toMatchObject({ bytes_written: 1 });
  // Each of them has passed the time for an answer by now, and goes on.
  await heard.promise;
  resolve();
  expect((await all).map((result) => result.verdict)).toEqual(ids.map(() => "killed"));
});

test("[peer 33] a keeper of another version is spoken to on its own socket", async () => {
  const { registry, keeper, id } = await stage("v1-other");
  keeper.play("/input", () => ({ status: 200, body: { bytes_written: 1, offset: 0 } }));
  await registry.write(id, { data: "x" });
  expect(keeper.asked).toHaveLength(1);
});

test("when it is dead, ours adopts and gets the command", async () => {
  const { home, registry, keeper: old, id } = await stage("v1-other");
  await old.die();
  const ours = await fakeKeeper(system, home);
  ours.play("/v1/adopt", () => {
    ours.holds(id, { adoptions: 1 });
    return { status: 200, body: { adopted: 1 } };
  });
  ours.play("/input", () => refused("STDIN_CLOSED"));
  await expect(registry.write(id, { data: "x" })).rejects.toMatchObject({ code: "STDIN_CLOSED" });
  expect(ours.asked.map((one) => one.path)).toEqual(["/v1/hello", "/v1/adopt", `/v1/processes/${id}/input`]);
});

test("a connection that breaks is tried again; a keeper that leaves is succeeded; one without the process is asked to adopt it", async () => {
  const { registry, keeper, id } = await stage();
  keeper.play("/input", (_asked, times) =>
    times === 1 ? "reset" : times === 2 ? refused("PROCESS_NOT_FOUND", 404) : { status: 200, body: { bytes_written: 1, offset: 0 } },
  );
  expect(await registry.write(id, { data: "x" })).toEqual({ bytes_written: 1, offset: 0 });
  expect(keeper.asked.map((one) => one.path).filter((path) => path === "/v1/adopt")).toHaveLength(2);
});

test("silence is told as silence, and no other keeper is started over it", async () => {
  const { home, registry } = openTestRegistry({ answerMsMax: 40, keeperStartMsMax: 500 });
  const keeper = await fakeKeeper(system, home);
  const id = putFolder(home, 1, { state: null });
  keeper.holds(id);
  keeper.play("/kill", () => "never");
  keeper.play("/v1/hello", () => "never");
  await expect(registry.kill(id)).rejects.toMatchObject({ code: "KEEPER_SILENT" });
  keeper.play("/v1/processes", () => "never");
  await expect(registry.start({ command: "x", owner: { kind: "library" } })).rejects.toMatchObject({ code: "KEEPER_SILENT" });
  expect(keeper.asked.some((one) => one.path === "/hangup")).toBe(false);
  expect(readdirSync(keeperPaths(home, ownGeneration).folder)).not.toContain("log");
});

test("a process that nobody has begun with yet takes nothing", async () => {
  const { home, registry, keeper } = await stage();
  const id = putFolder(home, 5, { state: null, spec: { starter: system.processes.self() } });
  await expect(registry.write(id, { data: "x" })).rejects.toMatchObject({ code: "PROCESS_NOT_STARTED" });
  expect(keeper.asked.some((one) => one.path === "/v1/adopt")).toBe(true);
});

test("status of keepers: running, silent, gone", async () => {
  const { home, registry } = openTestRegistry({ answerMsMax: 400 });
  const running = await fakeKeeper(system, home, "v1-a");
  const silent = await fakeKeeper(system, home, "v1-b");
  const gone = await fakeKeeper(system, home, "v1-c");
  silent.play("/v1/hello", () => "never");
  await gone.die();
  expect(await registry.keeper.status()).toMatchObject([
    { generation: "v1-a", state: "running", held: 0, version: "0.0.0", restart_survival: "detached" },
    { generation: "v1-b", state: "silent", held: null },
    { generation: "v1-c", state: "gone" },
  ]);
  expect(running.asked).toHaveLength(1);
});

test("[peer 33] stop hangs up every living keeper and returns when they have left", async () => {
  const { home, registry } = openTestRegistry();
  const first = await fakeKeeper(system, home, "v1-a");
  const second = await fakeKeeper(system, home, "v1-b");
  const gone = await fakeKeeper(system, home, "v1-c");
  await gone.die();
  for (const keeper of [first, second]) {
    keeper.play("/hangup", () => {
      // As the real one: the answer first, then the lock.
      setImmediate(() => void keeper.die());
      return { status: 200, body: { status: "left" } };
    });
  }
  await registry.keeper.stop();
  expect(system.locks.look(`${home}/keepers/v1-a/lock`).held).toBe(false);
  expect(system.locks.look(`${home}/keepers/v1-b/lock`).held).toBe(false);
});

test("stop: a keeper that cannot be reached was told nothing, and that is said", async () => {
  const { home, registry } = openTestRegistry({ keeperStartMsMax: 200 });
  const keeper = await fakeKeeper(system, home, "v1-a");
  rmSync(`${home}/keepers/v1-a/sock`);
  await expect(registry.keeper.stop()).rejects.toMatchObject({
    code: "KEEPER_SILENT",
    message: expect.stringContaining("cannot be told to leave: nobody listens on"),
  });
  expect(keeper.asked).toEqual([]);
});

test("recover: none without a keeper, nothing to do; orphans are counted and adopted", async () => {
  const { home, registry } = openTestRegistry();
  expect(await registry.recover()).toBe(0);
  const keeper = await fakeKeeper(system, home);
  const one = putFolder(home, 1, { state: null });
  keeper.holds(one);
  expect(await registry.recover()).toBe(0);
  expect(keeper.asked).toEqual([]);
  putFolder(home, 2);
  putFolder(home, 3, { state: null });
  putEnded(home, 4);
  expect(await registry.recover()).toBe(2);
  expect(keeper.asked.map((one) => one.path)).toEqual(["/v1/hello", "/v1/adopt"]);
});

test("recover: orphans of one keeper are told from others by the text of their state; an ending that cannot be read is none", async () => {
  const { home, registry } = openTestRegistry();
  const keeper = await fakeKeeper(system, home);
  for (const number of [1, 2, 3]) putFolder(home, number);
  const held = putFolder(home, 4, { state: null });
  keeper.holds(held);
  const unreadable = putEnded(home, 5);
  writeFileSync(processPaths(home, unreadable).exit, "noise");
  putEnded(home, 6);
  expect(await registry.recover()).toBe(4);
  expect(readFileSync(`${processPaths(home, unreadable).exit}.corrupt`, "utf8")).toBe("noise");
  expect(keeper.asked.filter((one) => one.path === "/v1/adopt")).toHaveLength(2);
  // The fake one does not adopt: without an ending they are still nobody's.
  expect(await registry.recover()).toBe(4);
});

test("recover asked for many times at once runs once more, not many times", async () => {
  const { home, registry } = openTestRegistry();
  const keeper = await fakeKeeper(system, home);
  putFolder(home, 2);
  const counts = await Promise.all(Array.from({ length: 10 }, () => registry.recover()));
  expect(counts).toEqual(Array.from({ length: 10 }, () => 1));
  expect(keeper.asked.filter((one) => one.path === "/v1/adopt")).toHaveLength(2);
});

test("a keeper that answers from where neither its lock nor its pid can be seen is no dead one", async () => {
  const { home, registry } = openTestRegistry();
  const keeper = await fakeKeeper(system, home, "v1-elsewhere");
  // As seen from another pid namespace: the kernel names no holder, the pid is nobody here.
  const blind = { ...system, locks: { ...system.locks, look: () => ({ held: "unknown" }) as const } };
  const { registry: outside } = openTestRegistry({}, { home, system: blind });
  const id = putFolder(home, 1, { state: null });
  keeper.holds(id, { keeper: { generation: "v1-elsewhere", instance_id: "x", identity: { ...system.processes.self(), pid: 3_999_999 } } });
  expect(await outside.recover()).toBe(0);
  expect(await registry.recover()).toBe(0);
});

test("facts: started, state, output, ended; what happened while no bell rang is told afterwards, once", async () => {
  const { registry, keeper, home, id: before } = await stage();
  const facts: unknown[] = [];
  const unsubscribe = registry.onFact((fact) => facts.push(fact));
  await until("it listens", () => keeper.listeners === 1);
  const id = putFolder(home, 2, { state: null });
  keeper.holds(id, { phase: "starting" });
  keeper.holds(id);
  keeper.print(id, 0, "abc");
  keeper.holds(id, { phase: "stopping" });
  await until("stopping is told", () => facts.length === 5);
  expect(facts).toEqual([
    { type: "process.state", id, phase: "starting" },
    { type: "process.started", id },
    { type: "process.state", id, phase: "running" },
    { type: "process.output", id, end: 3 },
    { type: "process.state", id, phase: "stopping" },
  ]);
  facts.length = 0;
  keeper.deaf(true);
  await until("the stream is cut", () => keeper.listeners === 0);
  const unseen = putFolder(home, 3, { state: null });
  keeper.holds(unseen);
  keeper.print(unseen, 0, "xy");
  keeper.print(id, 3, "de");
  keeper.ends(before, { ended_at: timestampOf(system.clock.wallMs()) });
  keeper.deaf(false);
  await until("it is told", () => facts.length >= 6);
  keeper.ends(id, { ended_at: timestampOf(system.clock.wallMs()) });
  await until("the end is told", () =>
    facts.some((fact) => (fact as { type: string; id: string }).type === "process.ended" && (fact as { id: string }).id === id),
  );
  const of = (one: string) => facts.filter((fact) => (fact as { id: string }).id === one).map((fact) => (fact as { type: string }).type);
  expect(of(before)).toEqual(["process.state", "process.ended"]);
  expect(of(unseen)).toEqual(["process.started", "process.state", "process.output"]);
  expect(of(id)).toEqual(["process.output", "process.state", "process.ended"]);
  expect(facts).toContainEqual({ type: "process.output", id, end: 5 });
  unsubscribe();
  await until("nobody listens any more", () => keeper.listeners === 0);
});

test("a keeper that appears later is heard without asking", async () => {
  const { home, registry } = openTestRegistry();
  const facts: unknown[] = [];
  putEnded(home, 9);
  const first = await fakeKeeper(system, home, "v1-first");
  registry.onFact((fact) => facts.push(fact));
  await until("it listens", () => first.listeners === 1);
  const later = await fakeKeeper(system, home, "v1-later");
  await until("it listens to the later one", () => later.listeners === 1);
  const id = putFolder(home, 1, { state: null });
  later.holds(id);
  await until("its process is told", () => facts.length === 2);
});

test("a stream that breaks before its keeper's lock is free: the keeper is succeeded once it is", async () => {
  const { home, registry } = openTestRegistry();
  const old = await fakeKeeper(system, home, "v1-old");
  const ours = await fakeKeeper(system, home);
  const id = putFolder(home, 1, { state: null });
  old.holds(id);
  ours.play("/v1/adopt", () => {
    ours.holds(id, { adoptions: 1 });
    return { status: 200, body: { adopted: 1 } };
  });
  // Nobody waits or follows, so nobody looks every second.
  registry.onFact(() => {});
  await until("it listens to both", () => old.listeners === 1 && ours.listeners === 1);
  old.deaf(true);
  await until("the stream is cut", () => old.listeners === 0);
  // It was looked at and was alive.
  await until("it was tried again", () => old.refused >= 2);
  expect(registry.get(id).adoptions).toBe(0);
  await old.die();
  await until("it was adopted", () => registry.get(id).adoptions === 1);
});

test("limits are changed by the keeper; what is none is refused before it is asked", async () => {
  const { registry, keeper, id } = await stage();
  const limits = { memory_bytes_max: 2_097_152, run_ms_max: null };
  keeper.play("/limits", () => ({ status: 200, body: { limits: { memory_bytes_max: 2_097_152 } } }));
  expect(await registry.updateLimits(id, limits)).toEqual({ memory_bytes_max: 2_097_152 });
  expect(keeper.asked.map((one) => one.body)).toEqual([limits]);
  await expect(registry.updateLimits(id, { memory_bytes_max: 5 })).rejects.toMatchObject({ code: "BAD_REQUEST" });
  await expect(registry.updateLimits(id, { memory: 5 } as never)).rejects.toMatchObject({ code: "BAD_REQUEST" });
  keeper.play("/limits", () => refused("LIMIT_UNAVAILABLE", 501));
  await expect(registry.updateLimits(id, { pids_max: 5 })).rejects.toMatchObject({ code: "LIMIT_UNAVAILABLE" });
  expect(keeper.asked).toHaveLength(2);
  keeper.holds(id, { limits: { pids_max: 9 } });
  expect(registry.get(id).limits).toEqual({ pids_max: 9 });
});
