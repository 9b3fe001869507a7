import { afterEach, expect, test } from "vitest";
import { HermaError, homePaths, type ProcessId, processPaths, type StateFile } from "../contract/index.ts";
import type { Script } from "../system/fake/index.ts";
import { FakeHome, type FakeKeeper, type SpecWish } from "./testing/fakeHome.ts";

let home: FakeHome;
let first: FakeKeeper;
/** Keepers of the test; the living ones are emptied behind it. */
let keepers: FakeKeeper[] = [];

function fresh(): void {
  home = new FakeHome();
  keepers = [];
  first = keeper();
}

function keeper(generation?: string): FakeKeeper {
  const made = home.keeper(generation);
  keepers.push(made);
  return made;
}

afterEach(async () => {
  for (const { keeper: each, system } of keepers) {
    if (system.program.dead) continue;
    await home.wait(each.hangup());
    await home.wait(each.abandon());
    each.forget();
  }
  await home.pass(10_000);
  expect(home.machine.time.waiting).toBe(0);
});

async function start(script: Script, wish: SpecWish = {}): Promise<ProcessId> {
  home.install("program", script);
  const id = home.spec(["program"], wish);
  await home.wait(first.keeper.start(id, { PATH: "/bin" }, false));
  await home.pass(1);
  return id;
}

/** The keeper dies and the next one takes over. */
async function succeed(meanwhile: () => Promise<void> = async () => {}): Promise<FakeKeeper> {
  first.system.program.kill();
  await meanwhile();
  const next = keeper();
  await home.wait(next.keeper.adopt());
  return next;
}

function state(id: ProcessId): StateFile {
  return home.json(id, "state") as StateFile;
}

function rewrite(id: ProcessId, name: "spec" | "state" | "exit", text: string): void {
  home.client.files.replace(processPaths(home.home, id)[name], text, { durable: false });
}

const exitsOn: (code: number) => Script = (code) => (run) => run.onSignal("SIGUSR1", () => run.exit(code));

/** Ends the process as it wishes itself. */
async function usr1(id: ProcessId): Promise<void> {
  for (const process of home.machine.kernel.processes.values()) {
    if (process.variables.HERMA_PROCESS_ID === id) home.machine.kernel.signal(process, "SIGUSR1");
  }
  await home.pass(5);
}

test("a dead keeper is asked for once, each of its processes once; who is not taken over is not kept open", async () => {
  fresh();
  const ids = [await start(exitsOn(1)), await start(exitsOn(2)), await start(exitsOn(3))];
  rewrite(
    ids[2]!,
    "state",
    JSON.stringify({ ...state(ids[2]!), exited: { code: 0, signal: null, at: state(ids[2]!).updated_at, usage: null } }),
  );
  const dead = state(ids[0]!).keeper.identity.pid;
  first.system.program.kill();
  const next = keeper();
  const { processes } = next.system;
  const compared: number[] = [];
  const opened: number[] = [];
  const closed: number[] = [];
  const { compare, open } = processes;
  processes.compare = (identity) => {
    compared.push(identity.pid);
    return compare.call(processes, identity);
  };
  processes.open = (identity) => {
    const handle = open.call(processes, identity);
    if (typeof handle === "string") return handle;
    opened.push(identity.pid);
    const { close } = handle;
    return Object.assign(handle, {
      close: () => {
        closed.push(identity.pid);
        close.call(handle);
      },
    });
  };
  expect(await home.wait(next.keeper.adopt())).toBe(2);
  const pids = ids.map((id) => state(id).identity!.pid);
  expect(compared.filter((pid) => pid === dead)).toHaveLength(1);
  expect(opened.sort()).toEqual(pids.sort());
  expect(closed).toEqual([state(ids[2]!).identity!.pid]);
});

// ---- one for each verdict that something is done for

test("adopt: the very process lives; output goes on, input is closed, its end is proven by its pidfd", async () => {
  fresh();
  const id = await start(
    (run) => {
      run.print("one\n");
      run.onSignal("SIGUSR1", () => {
        run.print("two\n");
        run.exit(7);
      });
    },
    { stdin: "pipe" },
  );
  const next = await succeed();
  expect(next.keeper.holds(id)).toBe(true);
  expect(state(id)).toMatchObject({ phase: "running", adoptions: 1, stdin: "closed", keeper: { instance_id: next.keeper.instanceId } });
  expect(() => next.keeper.get(id).write(Buffer.from("x"), false)).toThrow(expect.objectContaining({ code: "STDIN_CLOSED" }));
  await usr1(id);
  await home.pass(300);
  expect(home.output(id).toString()).toBe("one\ntwo\n");
  expect(home.json(id, "exit")).toMatchObject({ code: 7, cause: "exited", evidence: "pidfd", output_end: 8 });
  // Whether the dead keeper had read what it did not write, nobody can know.
  expect(home.json(id, "exit")).toMatchObject({ losses: [{ reason: "keeper_died", from: 4, bytes: null }] });
});

test("adopt: where the kernel does not tell a stranger's exit, none is invented", async () => {
  fresh();
  home.machine.tellsStrangersExit = false;
  const id = await start(exitsOn(7));
  await succeed();
  await usr1(id);
  await home.pass(300);
  expect(home.json(id, "exit")).toMatchObject({ code: null, signal: null, cause: "unknown", evidence: "none" });
});

test("adopt: a keeper that left in order has lost nothing, and nothing is said to be lost", async () => {
  fresh();
  const id = await start(exitsOn(0));
  await home.wait(first.keeper.abandon());
  first.keeper.forget();
  expect(state(id)).toMatchObject({ phase: "running", let_go: true });
  const next = await succeed();
  expect(state(id).let_go).toBeUndefined();
  expect(state(id).losses).toEqual([]);
  await usr1(id);
  await home.pass(300);
  expect(home.json(id, "exit")).toMatchObject({ code: 0, losses: [] });
  expect(next.keeper.held).toBe(0);
});

test("adopt: a terminal went with its keeper; whoever outlived the hang-up is held without it", async () => {
  fresh();
  const id = await start((run) => run.onSignal("SIGHUP", "ignore"), { tty: { rows: 24, cols: 80 } });
  const next = await succeed();
  expect(next.keeper.holds(id)).toBe(true);
  expect(() => next.keeper.get(id).resize({ rows: 1, cols: 1 })).toThrow(expect.objectContaining({ code: "NO_TERMINAL" }));
  expect(state(id).losses).toMatchObject([{ reason: "keeper_died", bytes: null }]);
  expect(await home.wait(next.keeper.kill(id, { source: "process.kill" }))).toMatchObject({
    verdict: "killed",
    exit: { signal: "SIGTERM" },
  });
});

test("adopt: a keeper that died on the ladder: the next one climbs on, with the same intent", async () => {
  fresh();
  const id = await start((run) => run.onSignal("SIGTERM", "ignore"), { grace_ms: 500 });
  first.keeper.kill(id, { source: "first", reason: "it was time" }).catch(() => {});
  await home.pass(100);
  await succeed();
  await home.until("it has ended", () => home.has(id, "exit"), 5000);
  expect(home.json(id, "exit")).toMatchObject({
    cause: "killed",
    termination_source: "first",
    intent: { reason: "it was time" },
    evidence: "pidfd",
  });
});

const printsOnUsr1: Script = (run) =>
  run.onSignal("SIGUSR1", () => {
    run.print("later\n");
    run.exit(0);
  });

test("adopt: its FIFO's name was removed, and the next keepers find it at the process", async () => {
  fresh();
  const id = await start(printsOnUsr1);
  home.client.files.remove(processPaths(home.home, id).pipe);
  first = await succeed();
  await succeed();
  await usr1(id);
  await home.pass(300);
  expect(home.output(id).toString()).toBe("later\n");
  expect(home.json(id, "exit")).toMatchObject({ code: 0, output_end: 6, losses: [{ reason: "keeper_died" }, { reason: "keeper_died" }] });
});

test("adopt: a FIFO that cannot be had again is on record, and the process is held all the same", async () => {
  fresh();
  const id = await start(printsOnUsr1);
  home.client.files.remove(processPaths(home.home, id).pipe);
  first.system.program.kill();
  const next = keeper();
  next.system.files.openFifo = () => {
    throw new HermaError("IO", "not permitted", { cause: { code: "EACCES" } });
  };
  await home.wait(next.keeper.adopt());
  expect(state(id)).toMatchObject({ phase: "running", adoptions: 1, losses: [{ reason: "pipe_removed", from: 0, bytes: null }] });
  await usr1(id);
  await home.pass(300);
  expect(home.json(id, "exit")).toMatchObject({ losses: [{ reason: "pipe_removed" }] });
});

test("adopt: its stream ended as its keeper died: the next one finds that out, and takes the FIFO away", async () => {
  fresh();
  let close = (): void => {};
  const id = await start((run) => {
    close = () => run.closeOutput();
  });
  close();
  await home.pass(1);
  expect(home.has(id, "pipe")).toBe(true);
  await succeed();
  await home.until("its FIFO is taken away", () => !home.has(id, "pipe"));
  expect(state(id)).toMatchObject({ phase: "running", adoptions: 1 });
  expect(state(id)).not.toHaveProperty("output_open");
});

test("adopt: one that had closed its output has nothing to lose", async () => {
  fresh();
  const id = await start((run) => {
    run.closeOutput();
    run.process.fifo = null;
  });
  await home.until("its FIFO is taken away", () => !home.has(id, "pipe"));
  await succeed();
  expect(state(id)).toMatchObject({ phase: "running", adoptions: 1, losses: [] });
});

test("adopt: a keeper dies ten times, one after the other, and every byte is told once", async () => {
  fresh();
  let printed = "";
  const id = await start((run) => {
    const talk = (line: number): void => {
      printed += `line ${line}\n`;
      run.print(`line ${line}\n`);
      if (line < 100) run.after(7, () => talk(line + 1));
      else run.exit(0);
    };
    talk(1);
  });
  let now = first;
  for (let death = 0; death < 10; death += 1) {
    await home.pass(60);
    now.system.program.kill();
    now = keeper();
    await home.wait(now.keeper.adopt());
  }
  await home.until("it has ended", () => home.has(id, "exit"), 5000);
  expect(home.output(id).toString()).toBe(printed);
  expect(state(id).adoptions).toBe(10);
});

test("adoptByMark: a keeper that died between the spawn and the first state; found by its mark", async () => {
  fresh();
  const id = await start(exitsOn(4));
  home.client.files.remove(processPaths(home.home, id).state);
  const next = await succeed();
  expect(next.keeper.holds(id)).toBe(true);
  const [root] = [...home.machine.kernel.processes.values()].filter((process) => process.variables.HERMA_PROCESS_ID === id);
  expect(state(id)).toMatchObject({ phase: "running", identity: { pid: root!.pid, start_time: root!.startTime }, group: root!.pid });
  await usr1(id);
  await home.pass(300);
  expect(home.json(id, "exit")).toMatchObject({ code: 4, evidence: "pidfd" });
});

test("adoptByMark: of several that carry the mark it is the session's leader; and its own group is the one that is signalled", async () => {
  fresh();
  const id = await start((run) => {
    run.fork(exitsOn(0));
    run.fork(exitsOn(0));
  });
  home.client.files.remove(processPaths(home.home, id).state);
  const next = await succeed();
  expect(state(id).identity?.pid).toBe(state(id).session);
  expect(next.keeper.get(id).signal("SIGWINCH", false)).toHaveLength(3);
});

test("adoptByMark: nobody of the keeper's own group is ever taken for a process, whatever mark it carries", async () => {
  fresh();
  const id = await start(exitsOn(0));
  await usr1(id);
  first.system.program.kill();
  const next = keeper();
  home.client.files.remove(processPaths(home.home, id).exit);
  home.client.files.remove(processPaths(home.home, id).state);
  home.client.program.kill();
  home.machine.kernel.create({ parent: next.system.program.process, name: "helper", variables: { HERMA_PROCESS_ID: id }, leads: false });
  await home.wait(next.keeper.adopt());
  expect(next.keeper.holds(id)).toBe(false);
  // What never ran cannot be told here from what ran and lost its files.
  expect(next.system.files.read(processPaths(home.home, id).exit)?.toString()).toContain('"NEVER_STARTED"');
});

test("lost: it ended while nobody watched; what it had printed is kept, and what was in the pipe is on record as unknown", async () => {
  fresh();
  const id = await start((run) => {
    run.print("kept");
    run.onSignal("SIGUSR1", () => {
      run.print("unread");
      run.exit(5);
    });
  });
  await succeed(() => usr1(id));
  expect(home.json(id, "exit")).toMatchObject({
    cause: "lost",
    termination_source: "backend_lost",
    code: null,
    signal: null,
    evidence: "none",
    output_end: 4,
    losses: [{ reason: "keeper_died", from: 4, bytes: null }],
  });
  expect(state(id).phase).toBe("ended");
  await home.pass(10);
  expect(home.names(id)).toEqual(["exit.json", "output", "spec.json", "state.json"]);
});

test("lost: a stranger has its pid by now, and is neither taken over nor signalled", async () => {
  fresh();
  const id = await start(exitsOn(0));
  const { pid } = state(id).identity!;
  const next = await succeed(async () => {
    await usr1(id);
    await home.pass(50);
    home.machine.kernel.nextPids.unshift(pid);
    expect(home.machine.stranger("stranger").pid).toBe(pid);
  });
  expect(home.json(id, "exit")).toMatchObject({ cause: "lost" });
  expect(await home.wait(next.keeper.kill(id, { source: "process.kill" }))).toMatchObject({ verdict: "already_exited" });
  expect(home.machine.kernel.signals).toEqual([]);
});

test("lost, with an intent: it was killed, though nobody saw how it ended", async () => {
  fresh();
  const id = await start((run) => run.onSignal("SIGTERM", () => run.after(20, () => run.exit(0))));
  first.keeper.kill(id, { source: "process.kill" }).catch(() => {});
  await home.pass(5);
  await succeed(() => home.pass(100));
  expect(home.json(id, "exit")).toMatchObject({ cause: "killed", termination_source: "process.kill", code: null, evidence: "none" });
});

test("lost: a start that died behind its first step cannot be said never to have run, though its starter lives and never asks again", async () => {
  fresh();
  home.install("program", exitsOn(0));
  const id = home.spec(["program"]);
  // reserve, then makeFifo: the keeper dies before the second one.
  home.machine.disk.failAt(3, "crash");
  first.keeper.start(id, { PATH: "/bin" }, false).catch(() => {});
  await home.pass(10);
  expect(first.system.program.dead).toBe(true);
  expect(home.has(id, "exitReserved")).toBe(true);
  const next = await succeed();
  expect(home.json(id, "exit")).toMatchObject({ cause: "lost", started_at: null, code: null });
  // The starter that asks again is told what became of it, and it is not run a second time.
  const answer = await home.wait(next.keeper.start(id, { PATH: "/bin" }, false));
  expect(answer).toMatchObject({ state: { phase: "ended", identity: null }, exit: { cause: "lost" } });
  expect([...home.machine.kernel.processes.values()].some((process) => process.variables.HERMA_PROCESS_ID === id)).toBe(false);
});

test("lost: the starter that asks the next keeper at once is answered with the end, and nothing is run twice", async () => {
  fresh();
  home.install("program", exitsOn(0));
  // At each step between the reserved ending and the first state: a child that was spawned is found, one that was not is not spawned again.
  for (const steps of [3, 4, 5, 6]) {
    const id = home.spec(["program"]);
    home.machine.disk.failAt(steps, "crash");
    first.keeper.start(id, { PATH: "/bin" }, false).catch(() => {});
    await home.pass(10);
    first.system.program.kill();
    first = keeper();
    const born = () => [...home.machine.kernel.processes.values()].filter((process) => process.variables.HERMA_PROCESS_ID === id).length;
    const before = born();
    const answer = await home.wait(first.keeper.start(id, { PATH: "/bin" }, false));
    expect(born()).toBe(before);
    if (before === 0) expect(answer).toMatchObject({ state: { phase: "ended" }, exit: { cause: "lost", started_at: null } });
    else expect(answer).toMatchObject({ state: { phase: "running", adoptions: 1 }, exit: null });
  }
});

test("neverStarted: its starter is gone and no keeper has begun", async () => {
  fresh();
  const id = home.spec(["program"], { starter: null });
  await home.wait(first.keeper.adopt());
  expect(home.json(id, "exit")).toMatchObject({ cause: "failed_start", failure: { error: "NEVER_STARTED" }, losses: [] });
});

test("neverStarted: nobody states it of a process that the asking keeper is just starting", async () => {
  fresh();
  const { promise, resolve } = Promise.withResolvers<typeof home.machine.snapshot>();
  Object.defineProperty(home.machine, "snapshot", { get: () => promise });
  const slow = keeper("v2-test");
  first.system.program.kill();
  home.machine.command("work", exitsOn(0));
  const id = home.spec("work", { starter: null });
  const started = slow.keeper.start(id, {}, true);
  await home.wait(slow.keeper.adopt());
  resolve({ variables: { PATH: "/bin" }, script: null, problem: null });
  expect(await home.wait(started)).toMatchObject({ state: { phase: "running" }, exit: null });
  expect(home.has(id, "exit")).toBe(false);
});

test("lost: a failed start whose keeper died before it could write that down", async () => {
  fresh();
  first.system.files.fulfil = () => Promise.reject(new Error("bad sector"));
  const id = home.spec(["nowhere"]);
  expect(await home.wait(first.keeper.start(id, { PATH: "/bin" }, false))).toMatchObject({ exit: null, state: { exited: null } });
  await succeed();
  expect(home.json(id, "exit")).toMatchObject({ cause: "lost", started_at: null, code: null });
});

test("leaveToStarter: it lives and will have it started", async () => {
  fresh();
  const id = home.spec(["program"]);
  await home.wait(first.keeper.adopt());
  expect(home.names(id)).toEqual(["output", "spec.json"]);
});

test("writeNotedExit: the keeper saw the exit and died while it drained", async () => {
  fresh();
  const id = await start((run) => {
    run.fork((child) => child.after(5000, () => child.exit(0)));
    run.print("done");
    run.exit(6);
  });
  await home.pass(50);
  expect(state(id).exited).toMatchObject({ code: 6 });
  const next = await succeed();
  expect(home.json(id, "exit")).toMatchObject({ cause: "exited", code: 6, evidence: "wait", usage: { cpu_ms: 0 }, output_end: 4 });
  // Its child still has the stream.
  expect(next.keeper.get(id).lingers).toBe(true);
});

test("writeNotedExit: what was noted without a proof stays without one", async () => {
  fresh();
  home.machine.tellsStrangersExit = false;
  const id = await start((run) => {
    run.fork((child) => child.after(5000, () => child.exit(0)));
    run.onSignal("SIGUSR1", () => run.exit(6));
  });
  const second = await succeed();
  const root = home.machine.kernel.processes.get(state(id).identity!.pid)!;
  home.machine.kernel.signal(root, "SIGUSR1");
  await home.pass(50);
  expect(state(id).exited).toMatchObject({ code: null, signal: null });
  first = second;
  await succeed();
  expect(home.json(id, "exit")).toMatchObject({ cause: "unknown", code: null, evidence: "none" });
});

test("reboot: the machine went down under it", async () => {
  fresh();
  const id = await start(exitsOn(0));
  // What a disk keeps over a power cut is another matter: here everything had reached it.
  const files = new Map<string, Buffer>();
  for (const name of ["spec", "state"] as const)
    files.set(processPaths(home.home, id)[name], home.client.files.read(processPaths(home.home, id)[name])!);
  home.machine.reboot();
  const next = keeper();
  next.system.files.makeFolder(processPaths(home.home, id).output);
  for (const [path, bytes] of files) next.system.files.replace(path, bytes, { durable: false });
  await home.wait(next.keeper.adopt());
  const exit = JSON.parse(next.system.files.read(processPaths(home.home, id).exit)!.toString()) as Record<string, unknown>;
  expect(exit).toMatchObject({ cause: "reboot", termination_source: "reboot", code: null, evidence: "none" });
});

test("finished: others still write into its stream, and the next keeper reads on for them", async () => {
  fresh();
  const id = await start((run) => {
    run.fork((child) =>
      child.after(1000, () => {
        child.print("late");
        child.exit(0);
      }),
    );
    run.exit(0);
  });
  await home.pass(300);
  expect(home.has(id, "exit")).toBe(true);
  const exit = home.json(id, "exit");
  const next = await succeed();
  expect(next.keeper.get(id).lingers).toBe(true);
  await home.pass(1000);
  expect(home.output(id).toString()).toBe("late");
  expect(home.json(id, "exit")).toEqual(exit);
  expect(state(id)).toMatchObject({ phase: "ended", losses: [{ reason: "keeper_died", bytes: null }] });
  expect(next.keeper.held).toBe(0);
  expect(home.has(id, "pipe")).toBe(false);
});

test("finished: a FIFO that nobody has open any more is taken away", async () => {
  fresh();
  const id = await start((run) => {
    run.fork((child) => child.after(1000, () => child.exit(0)));
    run.exit(0);
  });
  await home.pass(300);
  const next = await succeed(() => home.pass(2000));
  await home.pass(10);
  expect(home.has(id, "pipe")).toBe(false);
  expect(next.keeper.held).toBe(0);
});

test("leaveUnknown: what cannot be seen is neither taken nor stated, and is taken when it can be seen", async () => {
  fresh();
  const id = await start(exitsOn(0));
  const root = home.machine.kernel.processes.get(state(id).identity!.pid)!;
  const next = await succeed(async () => {
    root.hidden = true;
  });
  expect(next.keeper.holds(id)).toBe(false);
  expect(home.has(id, "exit")).toBe(false);
  root.hidden = false;
  expect(await home.wait(next.keeper.adopt())).toBe(1);
});

// ---- keepers beside each other

test("[peer 33] a living keeper of another generation keeps its processes; when it dies they are taken", async () => {
  fresh();
  const id = await start(exitsOn(0));
  const other = keeper("v2-test");
  expect(await home.wait(other.keeper.adopt())).toBe(0);
  expect(state(id).keeper.instance_id).toBe(first.keeper.instanceId);
  first.system.program.kill();
  expect(await home.wait(other.keeper.adopt())).toBe(1);
  expect(state(id).keeper).toMatchObject({ generation: "v2-test", instance_id: other.keeper.instanceId });
});

test("a folder without a state is left alone while a keeper of another generation may be starting it", async () => {
  fresh();
  const id = home.spec(["program"], { starter: null });
  const other = keeper("v2-test");
  await home.wait(other.keeper.adopt());
  expect(home.has(id, "exit")).toBe(false);
  first.system.program.kill();
  await home.wait(other.keeper.adopt());
  expect(home.has(id, "exit")).toBe(true);
});

test("two keepers adopt at once: each process has one of them", async () => {
  fresh();
  const ids: ProcessId[] = [];
  for (let count = 0; count < 5; count += 1) ids.push(await start(exitsOn(count)));
  first.system.program.kill();
  const two = [keeper("v2-test"), keeper("v3-test")];
  const taken = await home.wait(Promise.all(two.map(({ keeper: each }) => each.adopt())));
  expect(taken[0]! + taken[1]!).toBe(5);
  for (const id of ids) expect(two.filter(({ keeper: each }) => each.holds(id))).toHaveLength(1);
});

test("one that hangs while it adopts keeps nobody from coming up; what it left is taken later", async () => {
  fresh();
  const id = await start(exitsOn(0));
  first.system.program.kill();
  const stuck = home.client.locks.tryTake(homePaths(home.home).adoptLock);
  const next = keeper();
  expect(await home.wait(next.keeper.adopt())).toBe(0);
  expect(home.machine.time.nowMs).toBeLessThan(10_000);
  stuck!.release();
  await home.pass(3000);
  expect(next.keeper.holds(id)).toBe(true);
});

test("a full disk: a process of one's own generation is taken over all the same, and told when there is room", async () => {
  fresh();
  const id = await start(exitsOn(3));
  const next = await succeed(async () => {
    home.machine.disk.bytesMax = home.machine.disk.usedBytes;
  });
  expect(next.keeper.holds(id)).toBe(true);
  expect(state(id).adoptions).toBe(0);
  home.machine.disk.bytesMax = 1 << 30;
  await home.pass(1000);
  expect(state(id)).toMatchObject({ adoptions: 1, keeper: { instance_id: next.keeper.instanceId } });
});

test("a full disk: another generation's process is taken only when that can be told, so that no two ever have it", async () => {
  fresh();
  const id = await start(exitsOn(3));
  first.system.program.kill();
  home.machine.disk.bytesMax = home.machine.disk.usedBytes + 100;
  const other = keeper("v2-test");
  expect(await home.wait(other.keeper.adopt())).toBe(0);
  expect(other.keeper.holds(id)).toBe(false);
  home.machine.disk.bytesMax = 1 << 30;
  await home.pass(5000);
  expect(other.keeper.holds(id)).toBe(true);
  await usr1(id);
  await home.pass(300);
  expect(home.json(id, "exit")).toMatchObject({ code: 3 });
});

test("an end is stated on a full disk, in its reserved space", async () => {
  fresh();
  const id = await start(exitsOn(0));
  await succeed(async () => {
    await usr1(id);
    home.machine.disk.bytesMax = home.machine.disk.usedBytes;
  });
  expect(home.json(id, "exit")).toMatchObject({ cause: "lost" });
  home.machine.disk.bytesMax = 1 << 30;
});

test("what could not be taken over for a fault that passes is tried again", async () => {
  fresh();
  const id = await start(exitsOn(0));
  first.system.program.kill();
  const next = keeper();
  const open = next.system.files.openFifo.bind(next.system.files);
  let refused = 0;
  next.system.files.openFifo = (...wish) => {
    refused += 1;
    if (refused <= 2) throw new Error("no descriptors");
    return open(...wish);
  };
  expect(await home.wait(next.keeper.adopt())).toBe(0);
  await home.pass(4000);
  expect(next.keeper.holds(id)).toBe(true);
  expect(refused).toBe(3);
});

// ---- corrupt files

test("corrupt files are set aside, and nothing else is disturbed", async () => {
  fresh();
  const good = await start(exitsOn(1));
  const badState = await start(exitsOn(2));
  const badSpec = await start(exitsOn(3));
  const badAll = home.spec(["program"], { starter: null });
  const badExit = await start(exitsOn(4));
  rewrite(badExit, "exit", "{}");
  rewrite(badState, "state", '{"format":1,"id":"proc_');
  rewrite(badSpec, "spec", Buffer.from([0xff, 0xfe, 0]).toString("latin1"));
  rewrite(badAll, "spec", "[]");
  rewrite(badAll, "state", "7");
  const next = await succeed();
  expect([good, badState, badSpec, badExit].map((id) => next.keeper.holds(id))).toEqual([true, true, true, true]);
  expect(home.names(badState)).toContain("state.json.corrupt");
  expect(state(badState)).toMatchObject({ phase: "running" });
  expect(home.names(badSpec)).toContain("spec.json.corrupt");
  expect(home.names(badExit)).toContain("exit.json.corrupt");
  expect(home.json(badAll, "exit")).toMatchObject({ cause: "failed_start" });
  expect(home.names(badAll)).toEqual(expect.arrayContaining(["spec.json.corrupt", "state.json.corrupt"]));
  // One without a spec is looked after with the usual limits.
  expect(await home.wait(next.keeper.kill(badSpec, { source: "process.kill" }))).toMatchObject({
    verdict: "killed",
    exit: { signal: "SIGTERM" },
  });
});

test("files of another process, or of the future, are not this one's", async () => {
  fresh();
  const one = await start(exitsOn(1));
  const two = await start(exitsOn(2));
  rewrite(two, "state", JSON.stringify(state(one)));
  const next = await succeed();
  expect(next.keeper.holds(two)).toBe(true);
  expect(state(two).identity).not.toEqual(state(one).identity);
});

test("names that are no ids and folders with nothing in them are let be", async () => {
  fresh();
  const folder = homePaths(home.home).processes;
  home.client.files.makeFolder(`${folder}/..proc_000000000000`);
  home.client.files.makeFolder(`${folder}/proc_XYZ`);
  home.client.files.makeFolder(`${folder}/proc_00000000ffff`);
  const id = await start(exitsOn(0));
  const next = await succeed();
  expect(next.keeper.holds(id)).toBe(true);
  expect(home.client.files.list(`${folder}/proc_XYZ`)).toEqual([]);
  // Its starter may be about to write into it.
  expect(home.client.files.list(`${folder}/proc_00000000ffff`)).toEqual([]);
});
