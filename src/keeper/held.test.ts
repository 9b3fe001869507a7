import { afterEach, expect, test } from "vitest";
import { type ExitFile, exitReservedBytes, type ProcessId, processPaths } from "../contract/index.ts";
import type { Script } from "../system/fake/index.ts";
import { FakeHome, type FakeKeeper, type SpecWish } from "./testing/fakeHome.ts";

let home: FakeHome;
let now: FakeKeeper;

/** A home with one keeper. After each test its keeper is emptied, and nothing may be left. */
function fresh(options: ConstructorParameters<typeof FakeHome>[0] = {}): void {
  home = new FakeHome(options);
  now = home.keeper();
}

afterEach(async () => {
  home.machine.disk.bytesMax = 1 << 30;
  await home.wait(now.keeper.hangup());
  await home.pass(10_000);
  expect(now.keeper.held).toBe(0);
  expect(home.machine.time.waiting).toBe(0);
});

async function start(script: Script, wish: SpecWish = {}): Promise<ProcessId> {
  home.install("program", script);
  const id = home.spec(["program"], wish);
  await home.wait(now.keeper.start(id, { PATH: "/bin" }, false));
  return id;
}

function exit(id: ProcessId): ExitFile {
  const file = home.json(id, "exit");
  if (file === null) throw new Error("it has no exit.json");
  return file as ExitFile;
}

async function ended(id: ProcessId): Promise<ExitFile> {
  await home.until("it has ended", () => home.has(id, "exit"), 30_000);
  return exit(id);
}

function state(id: ProcessId): Record<string, unknown> {
  return home.json(id, "state")!;
}

function makeDiskFull(): void {
  home.machine.disk.bytesMax = home.machine.disk.usedBytes;
}

const sleeps: Script = () => {};
const ignores: Script = (run) => run.onSignal("SIGTERM", "ignore");
/** TERM makes it exit 0 a little later. */
const polite: Script = (run) => run.onSignal("SIGTERM", () => run.after(5, () => run.exit(0)));

// ---- how it ends

test("it prints and exits: its record, its bytes, and nothing else is left", async () => {
  fresh();
  const id = await start((run) => {
    run.print("hello\n");
    run.exit(3);
  });
  expect(await ended(id)).toMatchObject({
    code: 3,
    signal: null,
    cause: "exited",
    termination_source: "",
    evidence: "wait",
    output_end: 6,
  });
  expect(home.output(id).toString()).toBe("hello\n");
  await home.pass(0);
  expect(home.names(id)).toEqual(["exit.json", "output", "spec.json", "state.json"]);
  // Written twice since it was made: when it was spawned, and once for the ends of its stream and of itself.
  expect(state(id)).toMatchObject({ phase: "ended", exited: null, seq: 3 });
  expect(state(id)).not.toHaveProperty("output_open");
  expect(now.keeper.held).toBe(0);
  expect(now.emptied).toBeGreaterThan(0);
});

test("[peer 10] the stream ends first: the process goes on, and its exit settles at once", async () => {
  fresh();
  const id = await start((run) => {
    run.print("bye");
    run.closeOutput();
    run.after(500, () => run.exit(0));
  });
  await home.pass(100);
  expect(home.has(id, "exit")).toBe(false);
  expect(home.has(id, "pipe")).toBe(false);
  expect(now.keeper.view(id).state.phase).toBe("running");
  const { ended_at, output_end } = await ended(id);
  expect(Date.parse(ended_at) - home.machine.time.wallOffsetMs).toBeLessThan(510);
  expect(output_end).toBe(3);
});

test("[P33] [compat 13] [peer 10] a grandchild holds the stream: the end is settled after 250 ms of quiet, and later bytes are kept behind it", async () => {
  fresh();
  const id = await start((run) => {
    run.fork((child) => {
      child.after(400, () => child.print("late"));
      child.after(500, () => child.exit(0));
    });
    run.print("now");
    run.exit(0);
  });
  await home.pass(240);
  expect(home.has(id, "exit")).toBe(false);
  // Known, and noted for whoever comes after this keeper.
  expect(state(id).exited).toMatchObject({ code: 0, signal: null });
  await home.pass(30);
  expect(exit(id)).toMatchObject({ code: 0, output_end: 3 });
  expect(home.has(id, "pipe")).toBe(true);
  expect(now.keeper.held).toBe(1);
  expect(now.keeper.list()).toEqual([]);
  await home.pass(400);
  expect(home.output(id).toString()).toBe("nowlate");
  expect(exit(id).output_end).toBe(3);
  expect(home.has(id, "pipe")).toBe(false);
  expect(now.keeper.held).toBe(0);
});

test("[P15] [compat 13] one that never falls quiet is settled after two seconds", async () => {
  fresh();
  const id = await start((run) => {
    run.fork((child) => {
      const chat = (): void => {
        child.print(".");
        child.after(100, chat);
      };
      chat();
    });
    run.exit(0);
  });
  await home.pass(1990);
  expect(home.has(id, "exit")).toBe(false);
  await home.pass(20);
  expect(exit(id)).toMatchObject({ code: 0 });
  expect(exit(id).output_end).toBeGreaterThan(10);
});

test("[P26] a start that fails has the same shape as an end, and leaves nothing behind", async () => {
  fresh();
  const id = home.spec(["nowhere"]);
  const answer = await home.wait(now.keeper.start(id, { PATH: "/bin" }, false));
  expect(answer.exit).toMatchObject({ cause: "failed_start", code: 127, failure: { error: "ENOENT" }, started_at: null, evidence: "none" });
  expect(home.names(id)).toEqual(["exit.json", "output", "spec.json", "state.json"]);
  expect(state(id).phase).toBe("ended");
});

test("[P25] [P26] a working folder that is gone, a terminal that cannot be made, a spawner that throws: all of them fail as starts", async () => {
  fresh();
  const noFolder = home.spec(["program"], { cwd: "/not/there" });
  expect((await home.wait(now.keeper.start(noFolder, {}, false))).exit).toMatchObject({
    cause: "failed_start",
    failure: { error: "ENOENT" },
  });
  home.install("program", sleeps);
  home.machine.spawnFailures.push({ error: "EAGAIN", message: "no pty" });
  const noTerminal = home.spec(["program"], { tty: { rows: 24, cols: 80 } });
  expect((await home.wait(now.keeper.start(noTerminal, { PATH: "/bin" }, false))).exit).toMatchObject({
    code: 126,
    failure: { error: "EAGAIN" },
  });
  now.system.spawner.spawnPiped = () => {
    throw new Error("a bug below");
  };
  const thrown = home.spec(["program"]);
  expect((await home.wait(now.keeper.start(thrown, { PATH: "/bin" }, false))).exit).toMatchObject({ failure: { message: "a bug below" } });
  expect(home.has(thrown, "pipe")).toBe(false);
});

test("[P26] a start that went wrong behind the spawn leaves nothing of it running", async () => {
  fresh();
  home.install("program", (run) => run.fork(ignores, { session: true }));
  const spawn = now.system.spawner.spawnPiped.bind(now.system.spawner);
  now.system.spawner.spawnPiped = (request, told) => {
    spawn(request, told);
    throw new Error("a bug below");
  };
  const id = home.spec(["program"]);
  await home.wait(now.keeper.start(id, { PATH: "/bin" }, false));
  await home.pass(10);
  expect([...home.machine.kernel.processes.values()].filter((process) => process.variables.HERMA_PROCESS_ID === id)).toEqual([]);
  expect(exit(id)).toMatchObject({ cause: "failed_start", failure: { error: "INTERNAL" } });
});

test("usage that cannot be learnt is null", async () => {
  fresh();
  const spawn = now.system.spawner.spawnPiped.bind(now.system.spawner);
  now.system.spawner.spawnPiped = (request, told) => spawn(request, (exit) => told({ ...exit, usage: null }));
  const id = await start((run) => run.exit(0));
  expect((await ended(id)).usage).toBeNull();
});

// ---- kill

test("[defect 6.1.10] [peer 18] the intent stands in state.json before the first signal is sent, and a process that then exits 0 was killed", async () => {
  fresh();
  const id = await start(polite);
  const seen: unknown[] = [];
  const signals = home.machine.kernel.signals;
  const push = signals.push.bind(signals);
  signals.push = (...sent) => {
    seen.push(state(id).intent);
    return push(...sent);
  };
  const result = await home.wait(now.keeper.kill(id, { source: "process.kill", reason: "no longer needed" }));
  expect(seen.length).toBeGreaterThan(0);
  for (const intent of seen) expect(intent).toMatchObject({ source: "process.kill", reason: "no longer needed", grace_ms: 3000 });
  expect(result).toMatchObject({
    verdict: "killed",
    survivors: [],
    exit: { cause: "killed", code: 0, signal: null, termination_source: "process.kill" },
  });
});

test("killed twice at once: the signals are sent once, the first intent stays, and a shorter grace shortens the wait", async () => {
  fresh();
  const id = await start(ignores, { grace_ms: 60_000 });
  const first = now.keeper.kill(id, { source: "first" });
  await home.pass(100);
  const second = now.keeper.kill(id, { source: "second", grace_ms: 50 });
  expect(await home.wait(Promise.all([first, second]))).toMatchObject([{ verdict: "killed" }, { verdict: "killed" }]);
  expect(exit(id)).toMatchObject({ termination_source: "first", signal: "SIGKILL", intent: { grace_ms: 60_000 } });
  expect(home.machine.kernel.signals.filter(({ signal }) => signal === "SIGKILL")).toHaveLength(1);
});

test("[defect 6.1.10] [peer 18] it exits by itself just before the kill: the first cause wins, nothing is signalled", async () => {
  fresh();
  const spawn = now.system.spawner.spawnPiped.bind(now.system.spawner);
  // The system is late to tell.
  now.system.spawner.spawnPiped = (request, told) => spawn(request, (seen) => void now.system.clock.after(50, () => told(seen)));
  const id = await start((run) => run.after(100, () => run.exit(0)));
  await home.pass(120);
  const result = await home.wait(now.keeper.kill(id, { source: "process.kill" }));
  expect(result).toMatchObject({ verdict: "already_exited", exit: { cause: "exited", code: 0, intent: null } });
  expect(home.machine.kernel.signals).toEqual([]);
});

test("a kill while the last output is drained ends the children that hold it, and changes nothing about the end", async () => {
  fresh();
  let child = 0;
  const id = await start((run) => {
    child = run.fork(ignores, { session: true }).pid;
    run.after(10, () => run.exit(4));
  });
  await home.pass(50);
  const result = await home.wait(now.keeper.kill(id, { source: "process.kill", grace_ms: 100 }));
  expect(result).toMatchObject({ verdict: "killed", exit: { cause: "exited", code: 4, intent: null } });
  expect(home.machine.kernel.processes.has(child)).toBe(false);
});

test("the end waits for the verdict, but is noted at once", async () => {
  fresh();
  const id = await start((run) => {
    run.fork(ignores, { session: true, holdsOutput: false });
  });
  await home.pass(1);
  const kill = now.keeper.kill(id, { source: "process.kill", grace_ms: 5000 });
  await home.pass(100);
  expect(home.has(id, "exit")).toBe(false);
  expect(state(id)).toMatchObject({ phase: "stopping", exited: { signal: "SIGTERM" } });
  await home.wait(kill);
  expect(exit(id)).toMatchObject({ cause: "killed", signal: "SIGTERM", survivors: [] });
});

test("survivors are named, and the process stays killable", async () => {
  fresh();
  const id = await start(ignores, { grace_ms: 0 });
  const first = await home.wait(now.keeper.kill(id, { source: "first" }));
  expect(first).toMatchObject({ verdict: "survivors", survivors: [{ name: "program" }], exit: null });
  expect(now.keeper.view(id).state).toMatchObject({ phase: "stopping", intent: { source: "first" } });
  const second = await home.wait(now.keeper.kill(id, { source: "second", grace_ms: 50 }));
  expect(second).toMatchObject({
    verdict: "killed",
    survivors: [],
    exit: { termination_source: "first", signal: "SIGKILL", survivors: [] },
  });
});

test("a root that has ended while its children survive: the record names them, and a later kill still ends them", async () => {
  fresh();
  let child = 0;
  const id = await start(
    (run) => {
      child = run.fork(ignores, { session: true, holdsOutput: false }).pid;
    },
    { grace_ms: 0 },
  );
  await home.pass(1);
  const first = await home.wait(now.keeper.kill(id, { source: "first" }));
  expect(first).toMatchObject({
    verdict: "survivors",
    survivors: [{ pid: child }],
    exit: { cause: "killed", survivors: [{ pid: child }] },
  });
  expect(now.keeper.held).toBe(0);
  const both = [now.keeper.kill(id, { source: "second", grace_ms: 50 }), now.keeper.kill(id, { source: "third", grace_ms: 50 })];
  expect(await home.wait(Promise.all(both))).toMatchObject([{ verdict: "killed" }, { verdict: "killed" }]);
  expect(home.machine.kernel.signals.filter(({ signal }) => signal === "SIGKILL")).toHaveLength(1);
  expect(exit(id)).toMatchObject({ survivors: [{ pid: child }] });
  expect(await home.wait(now.keeper.kill(id, { source: "fourth" }))).toMatchObject({ verdict: "already_exited" });
});

test("a process that survived its kill and ends later by itself: its record does not name it as its own survivor", async () => {
  fresh();
  const id = await start(
    (run) => {
      run.onSignal("SIGTERM", "ignore");
      run.after(8000, () => run.exit(0));
    },
    { grace_ms: 0 },
  );
  expect(await home.wait(now.keeper.kill(id, { source: "process.kill" }))).toMatchObject({ verdict: "survivors", survivors: [{}] });
  expect(await ended(id)).toMatchObject({ cause: "killed", code: 0, survivors: [] });
});

test("a kill that cannot be carried out takes neither the end nor the keeper along", async () => {
  fresh();
  const id = await start((run) => run.after(50, () => run.exit(6)));
  const { list } = now.system.processes;
  now.system.processes.list = () => {
    throw new Error("the process table cannot be read");
  };
  await expect(home.wait(now.keeper.kill(id, { source: "process.kill" }))).rejects.toThrow("cannot be read");
  expect(await ended(id)).toMatchObject({ code: 6, cause: "killed" });
  now.system.processes.list = list;
});

test("a signal leaves no intent; it reaches the group, or the tree", async () => {
  fresh();
  const pids: number[] = [];
  const id = await start((run) => {
    run.onSignal("SIGUSR1", () => run.print("got it\n"));
    pids.push(run.pid, run.fork(ignores).pid, run.fork(ignores, { session: true }).pid);
  });
  await home.pass(1);
  expect(now.keeper.get(id).signal("SIGWINCH", false).sort()).toEqual(pids.slice(0, 2).sort());
  expect(now.keeper.get(id).signal("SIGWINCH", true).sort()).toEqual([...pids].sort());
  now.keeper.get(id).signal("SIGUSR1", false);
  await home.pass(10);
  expect(home.output(id).toString()).toBe("got it\n");
  expect(state(id).intent).toBeNull();
});

test("right after the start there is something to signal, whoever looked at the machine just before", async () => {
  fresh();
  const first = await start(sleeps);
  await home.wait(now.keeper.kill(first, { source: "process.kill" }));
  const id = await start(sleeps);
  expect(now.keeper.get(id).signal("SIGWINCH", true)).toHaveLength(1);
});

test("what is over, unproven or not started takes no signal", async () => {
  fresh();
  const id = await start(sleeps);
  const process = [...home.machine.kernel.processes.values()].find((each) => each.variables.HERMA_PROCESS_ID === id)!;
  process.hidden = true;
  expect(() => now.keeper.get(id).signal("SIGTERM", false)).toThrow(expect.objectContaining({ code: "IDENTITY_UNPROVEN" }));
  process.hidden = false;
  home.machine.kernel.end(process, { code: 0, signal: null });
  expect(() => now.keeper.get(id).signal("SIGTERM", false)).toThrow(expect.objectContaining({ code: "PROCESS_ENDED" }));
  await ended(id);
  expect(() => now.keeper.get(id).signal("SIGTERM", false)).toThrow(expect.objectContaining({ code: "PROCESS_ENDED" }));
});

// ---- limits

const flood: Script = (run) => {
  for (let block = 0; block < 20; block += 1) run.print(Buffer.alloc(50_000, block));
  run.exit(0);
};

test("policy pause: the child waits, nothing is dropped, and its end still comes when it is killed", async () => {
  fresh();
  const id = await start(flood, { limits: { output_bytes_max: 65_536, on_output_limit: "pause" } });
  await home.pass(1000);
  expect(state(id)).toMatchObject({ paused: true, phase: "running" });
  const kept = home.output(id).length;
  expect(kept).toBeGreaterThanOrEqual(262_144 + 65_536);
  expect(kept).toBeLessThan(500_000);
  await home.wait(now.keeper.kill(id, { source: "process.kill" }));
  // What waited in the pipe is part of its run.
  expect(exit(id).output_end).toBe(kept + 65_536);
  expect(home.output(id).length).toBe(kept + 65_536);
  expect(state(id)).toMatchObject({ paused: false });
});

test("policy pause: whoever writes on behind the end is kept inside the limit, and its end is seen", async () => {
  fresh();
  const id = await start(
    (run) => {
      run.fork(
        (child) => {
          for (let block = 0; block < 60; block += 1) child.after(block, () => child.print(Buffer.alloc(50_000)));
        },
        { session: true },
      );
      run.after(20, () => run.exit(0));
    },
    { limits: { output_bytes_max: 65_536, on_output_limit: "pause" } },
  );
  await home.pass(5000);
  expect(exit(id)).toMatchObject({ code: 0 });
  expect(home.output(id).length).toBeLessThan(262_144 + 65_536 + 1_048_576 + 200_000);
  expect(home.has(id, "pipe")).toBe(true);
  await home.wait(now.keeper.kill(id, { source: "process.kill" }));
  await home.pass(10);
  expect(now.keeper.held).toBe(0);
});

test("policy kill: the limit is the cause, and the ladder's time costs no room", async () => {
  fresh();
  const id = await start(
    (run) => {
      run.onSignal("SIGTERM", "ignore");
      const spill = (): void => {
        run.print(Buffer.alloc(50_000));
        run.after(1, spill);
      };
      spill();
    },
    { limits: { output_bytes_max: 65_536, on_output_limit: "kill" }, grace_ms: 1000 },
  );
  expect(await ended(id)).toMatchObject({
    cause: "limit",
    termination_source: "limit:output",
    signal: "SIGKILL",
    intent: { source: "limit:output" },
  });
  expect(home.output(id).length).toBeLessThan(262_144 + 3 * 65_536);
});

// ---- input and terminals

test("input is written, its end is told, and then there is no more of it", async () => {
  fresh();
  const id = await start(
    (run) => {
      run.onInput((bytes) => {
        run.print(bytes ?? "<end>");
        if (bytes === null) run.exit(0);
      });
    },
    { stdin: "pipe" },
  );
  expect(state(id).stdin).toBe("open");
  expect(now.keeper.get(id).write(Buffer.from("abc"), false)).toEqual({ bytes_written: 3, offset: 0 });
  await home.pass(5);
  expect(now.keeper.get(id).write(Buffer.from("de"), true)).toEqual({ bytes_written: 2, offset: 3 });
  expect(state(id).stdin).toBe("closed");
  expect(() => now.keeper.get(id).write(Buffer.from("x"), false)).toThrow(expect.objectContaining({ code: "STDIN_CLOSED" }));
  await ended(id);
  expect(home.output(id).toString()).toBe("abcde<end>");
  expect(() => now.keeper.get(id).write(Buffer.from("x"), false)).toThrow(expect.objectContaining({ code: "PROCESS_ENDED" }));
});

test("one that does not read is told full, and nothing of what was refused arrives", async () => {
  fresh();
  const id = await start(sleeps, { stdin: "pipe" });
  now.keeper.get(id).write(Buffer.alloc(1_000_000), false);
  expect(() => now.keeper.get(id).write(Buffer.alloc(1_000_000), false)).toThrow(expect.objectContaining({ code: "STDIN_FULL" }));
  const none = await start(sleeps);
  expect(() => now.keeper.get(none).write(Buffer.from("x"), false)).toThrow(expect.objectContaining({ code: "STDIN_CLOSED" }));
  expect(() => now.keeper.get(none).resize({ rows: 1, cols: 1 })).toThrow(expect.objectContaining({ code: "NO_TERMINAL" }));
});

test("a terminal: size, input, Ctrl-D, resize; behind the end it takes neither", async () => {
  fresh();
  const id = await start(
    (run) => {
      run.terminal!.onResize(() => run.print(`${run.terminal!.size().rows}x${run.terminal!.size().cols}\n`));
      run.onInput((line) => {
        if (line === null) run.exit(9);
        else run.print(`got ${line.toString()}`);
      });
    },
    { tty: { rows: 24, cols: 80 } },
  );
  const held = now.keeper.get(id);
  held.write(Buffer.from("hi\n"), false);
  held.resize({ rows: 50, cols: 100 });
  await home.pass(5);
  expect(state(id).tty).toEqual({ rows: 50, cols: 100 });
  held.write(Buffer.alloc(0), true);
  expect(await ended(id)).toMatchObject({ code: 9 });
  expect(home.output(id).toString()).toBe("hi\r\ngot hi\r\n50x100\r\n");
  expect(() => held.resize({ rows: 1, cols: 1 })).toThrow(expect.objectContaining({ code: "PROCESS_ENDED" }));
  expect(() => held.write(Buffer.from("x"), false)).toThrow(expect.objectContaining({ code: "PROCESS_ENDED" }));
  expect(now.keeper.held).toBe(0);
});

test("a terminal that somebody else still has open is let go of at the end: the keeper holds nothing for ever", async () => {
  fresh();
  let hungUp = false;
  const id = await start(
    (run) => {
      run.fork((child) =>
        child.onSignal("SIGHUP", () => {
          hungUp = true;
        }),
      );
      run.after(10, () => run.exit(0));
    },
    { tty: { rows: 24, cols: 80 } },
  );
  await ended(id);
  await home.pass(10);
  expect(now.keeper.held).toBe(0);
  expect(hungUp).toBe(true);
});

// ---- a disk that fails

test("a full disk at the kill: the intent stands in memory and gets into exit.json, whose space was reserved", async () => {
  fresh();
  const id = await start(polite);
  makeDiskFull();
  const kill = now.keeper.kill(id, { source: "process.kill", reason: "make room" });
  expect(state(id).intent).toBeNull();
  expect(now.keeper.view(id).state.intent).toMatchObject({ source: "process.kill" });
  expect(await home.wait(kill)).toMatchObject({ verdict: "killed", exit: { cause: "killed", code: 0, intent: { reason: "make room" } } });
  expect(exit(id)).toMatchObject({ cause: "killed", intent: { source: "process.kill" } });
});

test("a full disk at the kill: as soon as there is room, state.json has the intent", async () => {
  fresh();
  const id = await start(ignores, { grace_ms: 30_000 });
  makeDiskFull();
  const kill = now.keeper.kill(id, { source: "process.kill" });
  await home.pass(2000);
  expect(state(id).phase).toBe("running");
  home.machine.disk.bytesMax = 1 << 30;
  await home.pass(1000);
  expect(state(id)).toMatchObject({ phase: "stopping", intent: { source: "process.kill" } });
  now.keeper.kill(id, { source: "again", grace_ms: 1 }).catch(() => {});
  await home.wait(kill);
});

test("a full disk at the exit: the end is written all the same", async () => {
  fresh();
  const id = await start((run) => {
    run.after(10, () => {
      run.print("lost");
      run.exit(5);
    });
  });
  makeDiskFull();
  expect(await ended(id)).toMatchObject({ code: 5, output_end: 4, losses: [{ reason: "disk_full", from: 0, bytes: 4 }] });
  await home.pass(0);
  expect(now.keeper.held).toBe(0);
});

test("a disk that refuses exit.json is asked again until it takes it; meanwhile the exit is noted and nobody waits for ever", async () => {
  fresh();
  const id = await start(sleeps);
  let refused = 0;
  const fulfil = now.system.files.fulfil.bind(now.system.files);
  now.system.files.fulfil = (...file) => {
    refused += 1;
    return refused <= 3 ? Promise.reject(new Error("bad sector")) : fulfil(...file);
  };
  expect(await home.wait(now.keeper.kill(id, { source: "process.kill" }))).toMatchObject({ verdict: "killed", exit: null });
  expect(state(id).exited).toMatchObject({ signal: "SIGTERM" });
  expect(home.has(id, "exit")).toBe(false);
  expect(await ended(id)).toMatchObject({ cause: "killed", signal: "SIGTERM" });
  expect(refused).toBe(4);
});

test("exit.json always fits into its reserved space, whatever there is to say", async () => {
  fresh();
  const id = await start(
    (run) => {
      for (let count = 0; count < 70; count += 1) run.fork(ignores, { session: true, holdsOutput: false, name: `child-${count}` });
    },
    { grace_ms: 0 },
  );
  await home.pass(1);
  await home.wait(now.keeper.kill(id, { source: "process.kill", reason: "\u0001".repeat(500) }));
  const size = now.system.files.stat(processPaths(home.home, id).exit)!.size;
  expect(size).toBeLessThanOrEqual(exitReservedBytes);
  expect(exit(id)).toMatchObject({ cause: "killed", signal: "SIGTERM" });
  expect(exit(id).survivors.length).toBeGreaterThan(5);
});

test("[peer 14] no room for the ending: the start is refused with the reason, and nothing is left or running", async () => {
  fresh();
  home.install("program", sleeps);
  const id = home.spec(["program"]);
  makeDiskFull();
  await expect(home.wait(now.keeper.start(id, { PATH: "/bin" }, false))).rejects.toMatchObject({ code: "DISK_FULL" });
  expect(home.names(id)).toEqual(["output", "spec.json"]);
  expect(now.keeper.held).toBe(0);
  home.machine.disk.bytesMax = 1 << 30;
  expect((await home.wait(now.keeper.start(id, { PATH: "/bin" }, false))).state.phase).toBe("running");
});

test("[peer 14] losses while it runs are on record while it runs", async () => {
  fresh();
  const id = await start((run) => {
    run.print("kept");
    run.after(10, () => run.print("lost one"));
    run.after(20, () => run.print("lost two"));
    run.after(30, () => run.print("kept again"));
  });
  await home.pass(5);
  home.machine.disk.failAt(1, "EIO");
  await home.pass(10);
  expect(state(id).losses).toMatchObject([{ reason: "disk_error", from: 4, bytes: 8 }]);
  home.machine.disk.failAt(1, "EIO");
  await home.pass(600);
  expect(state(id).losses).toMatchObject([{ reason: "disk_error", from: 4, bytes: 16 }]);
  expect(home.output(id).toString()).toBe("keptkept again");
});

test("its folder is removed while it runs: it can be killed, its keeper says so once, and is empty after it", async () => {
  fresh();
  const id = await start(function printsOn(run) {
    run.after(100, () => {
      run.print("more\n");
      printsOn(run);
    });
  });
  home.client.files.removeTree(processPaths(home.home, id).folder);
  await home.pass(5000);
  expect(now.keeper.view(id).state.phase).toBe("running");
  expect(await home.wait(now.keeper.kill(id, { source: "process.kill" }))).toMatchObject({ verdict: "killed", exit: { cause: "killed" } });
  await home.pass(5000);
  expect(now.keeper.held).toBe(0);
  expect(home.client.files.stat(processPaths(home.home, id).folder)).toBeNull();
  expect(now.log.filter((line) => line.includes(id))).toEqual([`${id}: its folder was removed; nothing more is written of it`]);
});

test("its folder is removed and it ends by itself: the keeper does not wait for a place to write that", async () => {
  fresh();
  const id = await start((run) => run.after(1000, () => run.exit(3)));
  home.client.files.removeTree(processPaths(home.home, id).folder);
  await home.pass(5000);
  expect(now.keeper.held).toBe(0);
  expect(now.emptied).toBeGreaterThan(0);
});
