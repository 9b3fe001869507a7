import { afterEach, expect, test } from "vitest";
import type { ProcessId } from "../contract/index.ts";
import type { Script } from "../system/fake/index.ts";
import { FakeHome, type FakeKeeper, type SpecWish } from "./testing/fakeHome.ts";

let home: FakeHome;
let now: FakeKeeper;
let programs = 0;

function fresh(): void {
  home = new FakeHome();
  now = home.keeper();
}

afterEach(async () => {
  if (!now.system.program.dead) {
    await home.wait(now.keeper.hangup());
    await home.wait(now.keeper.abandon());
    now.keeper.forget();
  }
  await home.pass(15_000);
  expect(home.machine.time.waiting).toBe(0);
});

function spec(script: Script, wish: SpecWish = {}): ProcessId {
  programs += 1;
  home.install(`program-${programs}`, script);
  return home.spec([`program-${programs}`], wish);
}

function begin(id: ProcessId): ReturnType<FakeKeeper["keeper"]["start"]> {
  return now.keeper.start(id, { PATH: "/bin" }, false);
}

/** How often this process was spawned. */
function births(id: ProcessId): number {
  return [...home.machine.kernel.processes.values()].filter((process) => process.variables.HERMA_PROCESS_ID === id).length;
}

/** A login shell that answers when the test says so. */
function slowShell(): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  home = new FakeHome();
  const make = home.machine.snapshot;
  Object.defineProperty(home.machine, "snapshot", { get: () => promise.then(() => make) });
  now = home.keeper();
  return resolve;
}

const sleeps: Script = () => {};
const ignores: Script = (run) => run.onSignal("SIGTERM", "ignore");

// ---- start

test("an id is started once, however often and however much at once it is asked for", async () => {
  fresh();
  const id = spec(sleeps);
  const answers = await home.wait(Promise.all([begin(id), begin(id), begin(id)]));
  expect(new Set(answers.map((answer) => answer.state.identity?.pid)).size).toBe(1);
  expect((await home.wait(begin(id))).state.identity).toEqual(answers[0]!.state.identity);
  expect(births(id)).toBe(1);
});

test("an id that has ended is answered with its end, and not run again", async () => {
  fresh();
  const id = spec((run) => run.exit(3));
  await home.wait(begin(id));
  await home.until("it has ended", () => home.has(id, "exit"));
  expect(await home.wait(begin(id))).toMatchObject({ exit: { code: 3 }, state: { phase: "ended" } });
  expect(births(id)).toBe(0);
});

test("without a folder, or with one that cannot be read, nothing is started", async () => {
  fresh();
  await expect(begin("proc_00000000dead" as ProcessId)).rejects.toMatchObject({ code: "PROCESS_NOT_FOUND" });
  const id = spec(sleeps);
  home.client.files.replace(`${home.home}/processes/${id}/spec.json`, "{", { durable: false });
  await expect(begin(id)).rejects.toMatchObject({ code: "FILE_CORRUPT" });
  expect(now.keeper.held).toBe(0);
});

test("a command string goes to the shell with the login shell's variables; a list does neither", async () => {
  fresh();
  home.machine.snapshot = { variables: { PATH: "/bin", FROM_LOGIN: "yes" }, script: null, problem: null };
  now = home.keeper("v2-test");
  home.machine.command("show", (run) => {
    run.print(`${run.variables.FROM_LOGIN} ${run.variables.OWN}`);
    run.exit(0);
  });
  const id = home.spec("show");
  await home.wait(now.keeper.start(id, { OWN: "mine" }, true));
  await home.until("it has ended", () => home.has(id, "exit"));
  expect(home.output(id).toString()).toBe("yes mine");
});

test("no descriptor is left: the start fails with the reason, and what runs goes on", async () => {
  fresh();
  const running = spec(sleeps);
  await home.wait(begin(running));
  now.system.files.descriptorsLeft = () => 10;
  const id = spec(sleeps);
  expect((await home.wait(begin(id))).exit).toMatchObject({ cause: "failed_start", failure: { error: "EMFILE" } });
  expect(now.keeper.view(running).state.phase).toBe("running");
});

test("a kill while the login shell is still asked: it is never spawned, and was killed", async () => {
  const answer = slowShell();
  home.machine.command("work", sleeps);
  const id = home.spec("work");
  const started = now.keeper.start(id, {}, true);
  const killed = now.keeper.kill(id, { source: "process.kill", reason: "never mind" });
  const again = now.keeper.kill(id, { source: "second" });
  await home.pass(10);
  answer();
  expect(await home.wait(killed)).toMatchObject({
    verdict: "killed",
    exit: { cause: "killed", started_at: null, code: null, evidence: "none" },
  });
  expect(await home.wait(again)).toMatchObject({
    verdict: "killed",
    exit: { termination_source: "process.kill", intent: { reason: "never mind" } },
  });
  expect((await home.wait(started)).exit).toMatchObject({ cause: "killed" });
  expect(births(id)).toBe(0);
  expect(home.names(id)).toEqual(["exit.json", "output", "spec.json", "state.json"]);
});

test("a hang-up while the login shell is still asked: the start is refused and nothing is left of it", async () => {
  const answer = slowShell();
  const id = home.spec("work");
  const started = now.keeper.start(id, {}, true).catch((error: { code: string }) => error.code);
  const hungUp = now.keeper.hangup();
  await home.pass(10);
  answer();
  await home.wait(hungUp);
  expect(await started).toBe("KEEPER_LEAVING");
  expect(births(id)).toBe(0);
  expect(home.names(id)).toEqual(["output", "spec.json"]);
  await expect(now.keeper.start(id, {}, true)).rejects.toMatchObject({ code: "KEEPER_LEAVING" });
});

test("one whose keeper died in the middle of its start is found, not run twice", async () => {
  fresh();
  const id = spec((run) => run.onSignal("SIGUSR1", () => run.exit(2)));
  await home.wait(begin(id));
  // It died before it could write its first state.
  now.system.program.kill();
  home.client.files.remove(`${home.home}/processes/${id}/state.json`);
  now = home.keeper();
  expect(await home.wait(begin(id))).toMatchObject({ state: { phase: "running", adoptions: 1 } });
  expect(births(id)).toBe(1);
});

// ---- commands

test("what is not held is not found; what is over is said to be over", async () => {
  fresh();
  const unknown = "proc_00000000dead" as ProcessId;
  for (const ask of [() => now.keeper.view(unknown), () => now.keeper.get(unknown)]) {
    expect(ask).toThrow(expect.objectContaining({ code: "PROCESS_NOT_FOUND" }));
  }
  await expect(now.keeper.kill(unknown, { source: "x" })).rejects.toMatchObject({ code: "PROCESS_NOT_FOUND" });
  const id = spec((run) => run.exit(0));
  await home.wait(begin(id));
  await home.until("it has ended", () => home.has(id, "exit"));
  await home.pass(1);
  expect(() => now.keeper.get(id)).toThrow(expect.objectContaining({ code: "PROCESS_ENDED" }));
  expect(now.keeper.view(id)).toMatchObject({ exit: { code: 0 }, output_end: 0 });
  expect(now.keeper.list()).toEqual([]);
});

test("one process's trouble is its own: others go on", async () => {
  fresh();
  const bad = spec((run) => run.exit(1));
  const good = spec((run) => run.onSignal("SIGUSR1", () => run.exit(0)));
  now.system.files.fulfil = () => Promise.reject(new Error("bad sector"));
  now.system.files.appender = () => {
    throw new Error("bad sector");
  };
  await home.wait(begin(bad));
  await home.wait(begin(good));
  await home.pass(3000);
  expect(now.keeper.view(good).state.phase).toBe("running");
  // It was tried three times by now.
  expect(now.log.filter((line) => line === `${bad}: its exit.json could not be written: bad sector`)).toHaveLength(1);
  const fixed = home.client.files.fulfil.bind(home.client.files);
  now.system.files.fulfil = fixed;
  await home.pass(2000);
  expect(home.json(bad, "exit")).toMatchObject({ code: 1 });
});

// ---- leaving

test("a hang-up ends everything, also who ignores TERM, whatever grace it was given", async () => {
  fresh();
  const ids = [spec(ignores, { grace_ms: 0 }), spec(ignores, { grace_ms: 3_600_000 }), spec(ignores), spec(sleeps)];
  for (const id of ids) await home.wait(begin(id));
  const slow = now.keeper.kill(ids[1]!, { source: "process.kill" });
  await home.pass(100);
  const before = home.machine.time.nowMs;
  await home.wait(now.keeper.hangup());
  expect(home.machine.time.nowMs - before).toBeLessThan(12_000);
  for (const id of ids) expect(home.json(id, "exit")).toMatchObject({ cause: "killed" });
  expect(home.json(ids[0]!, "exit")).toMatchObject({ termination_source: "hangup", signal: "SIGKILL" });
  expect(home.json(ids[1]!, "exit")).toMatchObject({ termination_source: "process.kill" });
  expect(await slow).toMatchObject({ verdict: "killed" });
  expect(now.keeper.held).toBe(0);
});

test("a hang-up ends within its bound though something cannot be ended and a disk takes no ending", async () => {
  fresh();
  const id = spec(sleeps);
  await home.wait(begin(id));
  const { open } = now.system.processes;
  const send = open.bind(now.system.processes);
  now.system.processes.open = (identity) => {
    const handle = send(identity);
    return typeof handle === "string" ? handle : { ...handle, send: () => "denied" };
  };
  const other = spec((run) => run.exit(1));
  now.system.files.fulfil = () => Promise.reject(new Error("bad sector"));
  await home.wait(begin(other));
  const before = home.machine.time.nowMs;
  await home.wait(now.keeper.hangup());
  expect(home.machine.time.nowMs - before).toBeLessThan(15_000);
  now.system.program.kill();
});

test("it leaves by itself only when it holds nothing, nothing starts, and nobody waits for an answer", async () => {
  fresh();
  const id = spec((run) => run.onSignal("SIGUSR1", () => run.exit(0)));
  const starting = begin(id);
  expect(now.keeper.leaveIfEmpty()).toBe(false);
  await home.wait(starting);
  expect(now.keeper.leaveIfEmpty()).toBe(false);
  await home.wait(now.keeper.kill(id, { source: "process.kill" }));
  await home.pass(10);
  const answered = now.keeper.enter();
  expect(now.keeper.leaveIfEmpty()).toBe(false);
  const before = now.emptied;
  answered();
  expect(now.emptied).toBe(before + 1);
  expect(now.keeper.leaveIfEmpty()).toBe(true);
  await expect(begin(spec(sleeps))).rejects.toMatchObject({ code: "KEEPER_LEAVING" });
});

test("the tree of one that is over long since is being ended: the keeper stays until that is done", async () => {
  fresh();
  const id = spec((run) => {
    run.fork(ignores, { session: true, holdsOutput: false });
    run.after(5, () => run.exit(0));
  });
  await home.wait(begin(id));
  await home.pass(50);
  expect(now.keeper.held).toBe(0);
  const killed = now.keeper.kill(id, { source: "process.kill", grace_ms: 1000 });
  await home.pass(10);
  expect(now.keeper.leaveIfEmpty()).toBe(false);
  expect(await home.wait(killed)).toMatchObject({ verdict: "killed", exit: { cause: "exited" } });
  expect(now.keeper.leaveIfEmpty()).toBe(true);
});

test("[peer 18] abandoned, it ends nothing, writes nothing any more but ends that come now, and its kills are the next one's", async () => {
  fresh();
  const running = spec(sleeps);
  const dying = spec((run) => run.onSignal("SIGUSR1", () => run.exit(8)));
  const killed = spec(ignores, { grace_ms: 60_000 });
  for (const id of [running, dying, killed]) await home.wait(begin(id));
  const kill = now.keeper.kill(killed, { source: "process.kill" }).catch((error: { code: string }) => error.code);
  await home.pass(10);
  await home.wait(now.keeper.abandon());
  expect(await home.wait(kill)).toBe("KEEPER_LEAVING");
  // The machine is going down: everybody gets TERM, and some are quicker than their keeper.
  const process = home.machine.kernel.processes.get((home.json(dying, "state") as { identity: { pid: number } }).identity.pid)!;
  home.machine.kernel.signal(process, "SIGUSR1");
  await home.pass(10);
  expect(home.json(dying, "state")).toMatchObject({ exited: { code: 8 } });
  expect(births(running)).toBe(1);
  now.keeper.forget();
  const before = home.machine.disk.steps;
  now.system.program.kill();
  await home.pass(5000);
  expect(home.machine.disk.steps).toBe(before);
  now = home.keeper();
  await home.wait(now.keeper.adopt());
  expect(home.json(dying, "exit")).toMatchObject({ cause: "exited", code: 8, evidence: "wait" });
  expect(home.json(killed, "state")).toMatchObject({ phase: "stopping", intent: { source: "process.kill" } });
});

test("abandoned in the middle of writing an end: the end is waited for", async () => {
  fresh();
  const id = spec((run) => run.exit(5));
  await home.wait(begin(id));
  const { fulfil } = now.system.files;
  const write = fulfil.bind(now.system.files);
  now.system.files.fulfil = async (...file) => {
    await new Promise<void>((resolve) => home.machine.time.after(100, null, resolve));
    await write(...file);
  };
  await home.until("it is over", () => home.machine.kernel.processes.size === 3);
  await home.pass(1);
  await home.wait(now.keeper.abandon());
  expect(home.json(id, "exit")).toMatchObject({ code: 5 });
});

test("an ended process is let go of: nothing in memory holds it", async () => {
  fresh();
  const refs: WeakRef<object>[] = [];
  for (let count = 0; count < 20; count += 1) {
    const id = spec((run) => {
      run.print("x");
      run.after(5, () => run.exit(0));
    });
    await home.wait(begin(id));
    refs.push(new WeakRef(now.keeper.get(id)));
    if (count % 2 === 0) await home.wait(now.keeper.kill(id, { source: "process.kill" }));
  }
  await home.pass(10_000);
  expect(now.keeper.held).toBe(0);
  // The fake machine itself remembers what it would close when this program dies; that is not what is asked here.
  now.system.program.process.onEnd.length = 0;
  const { setFlagsFromString } = await import("node:v8");
  const { runInNewContext } = await import("node:vm");
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  await new Promise((resolve) => setImmediate(resolve));
  collect();
  expect(refs.filter((ref) => ref.deref() !== undefined).length).toBeLessThanOrEqual(2);
});
