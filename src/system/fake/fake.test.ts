import { describe, expect, test } from "vitest";
import { FakeCrash, FakeMachine, type FakeSystem, fakeProgram, fakeSystem, type Script } from "./index.ts";

/** What tests rely on in the fake beyond the interfaces: crashes, reboots, several programs, staged pids, recorded signals. */

const sleeper: Script = () => {};
const variables = { PATH: "/bin" };

function start(system: FakeSystem, script: Script, seen: { exits: unknown[]; text: string } = { exits: [], text: "" }) {
  system.machine.install("program", script);
  if (system.files.stat("/out") === null) system.files.makeFifo("/out");
  const reader = system.files.openFifo("/out", {
    bytes: (chunk) => {
      seen.text += Buffer.from(chunk).toString();
    },
    end: () => {},
  });
  const request = { argv: ["program"], cwd: "/tmp", variables, output: "/out", stdin: "none" as const };
  const spawned = system.spawner.spawnPiped(request, (exit) => seen.exits.push(exit));
  if (!spawned.ok) throw new Error(spawned.failure.message);
  return { child: spawned.child, seen, reader };
}

describe("a crash at every change of the disk", () => {
  const before = "the old content";
  const after = "the new content, which is longer";

  /** The file after a crash at the nth change of a replacement; null when the replacement has fewer changes. */
  function contentAfterCrash(nth: number, fault: "crash" | "tear", reboot: boolean): string | null {
    const system = fakeSystem();
    const { disk } = system.machine;
    system.files.makeFolder("/home");
    system.files.replace("/home/state", before, { durable: true });
    disk.sync(system.program, disk.folderOf("/home"));
    disk.failAt(nth, fault);
    let crashed = false;
    try {
      system.files.replace("/home/state", after, { durable: true });
    } catch (error) {
      expect(error).toBeInstanceOf(FakeCrash);
      crashed = true;
    }
    if (!crashed) return null;
    expect(system.program.dead).toBe(true);
    expect(() => system.files.read("/home/state")).toThrow(FakeCrash);
    if (reboot) system.machine.reboot();
    return fakeProgram(system.machine, "next").files.read("/home/state")?.toString() ?? "absent";
  }

  test.each([
    ["crash", false, [before, after]],
    ["tear", false, [before, after]],
    // The name is safe only after the last change, the sync of the folder.
    ["crash", true, [before]],
    ["tear", true, [before, after]],
  ] as const)("%s, reboot %s: a replaced file is the old one or the new one, whole", (fault, reboot, expected) => {
    const seen: string[] = [];
    for (let nth = 1; ; nth += 1) {
      const content = contentAfterCrash(nth, fault, reboot);
      if (content === null) break;
      seen.push(content);
    }
    expect(seen.length).toBeGreaterThanOrEqual(5);
    expect(new Set(seen)).toEqual(new Set(expected));
  });

  test("what was not synced is lost by a reboot, and only that", () => {
    const { machine, files, program } = fakeSystem();
    files.makeFolder("/tmp/a");
    files.replace("/tmp/a/kept", "1", { durable: true });
    files.replace("/tmp/a/lost", "1", { durable: false });
    machine.disk.sync(program, machine.disk.folderOf("/tmp/a"));
    const log = files.appender("/tmp/a/log");
    log.write(Buffer.from("x"));
    machine.reboot();
    const next = fakeProgram(machine, "next");
    expect(next.files.list("/tmp/a")).toEqual(["kept"]);
  });

  test("a write that fails says so once; the next one works", () => {
    const { machine, files } = fakeSystem();
    machine.disk.failAt(2, "EIO");
    expect(() => files.replace("/tmp/x", "1", { durable: false })).toThrow(/EIO/);
    expect(files.list("/tmp")).toEqual([]);
    files.replace("/tmp/x", "1", { durable: false });
    expect(files.list("/tmp")).toEqual(["x"]);
  });

  test("a torn append leaves half", () => {
    const { machine, files } = fakeSystem();
    const log = files.appender("/tmp/log");
    machine.disk.failAt(1, "tear");
    expect(() => log.write(Buffer.from("12345678"))).toThrow(FakeCrash);
    expect(fakeProgram(machine, "next").files.read("/tmp/log")?.toString()).toBe("1234");
  });
});

describe("programs", () => {
  test("die with their timers, watches, readers and locks; their children live on", async () => {
    const keeper = fakeSystem();
    const { machine } = keeper;
    const heard: string[] = [];
    keeper.clock.after(10, () => heard.push("timer"));
    keeper.files.watch("/tmp", () => heard.push("watch"));
    expect(keeper.locks.tryTake("/lock")).not.toBeNull();
    const { child, seen } = start(keeper, (run) => run.after(100, () => run.print("hello")));
    await machine.time.advance(5);
    keeper.program.kill();
    const next = fakeProgram(machine, "next");
    expect(next.locks.tryTake("/lock")).not.toBeNull();
    next.files.replace("/tmp/x", "", { durable: false });
    const texts: string[] = [];
    next.files.openFifo("/out", { bytes: (chunk) => texts.push(Buffer.from(chunk).toString()), end: () => {} });
    await machine.time.advance(1000);
    expect(heard).toEqual([]);
    expect(seen.text).toBe("");
    expect(texts).toEqual(["hello"]);
    expect(next.processes.compare(child.identity)).toBe("same");
    expect(next.processes.look(child.pid)).toMatchObject({ row: { parent: 1 } });
    expect(seen.exits).toEqual([]);
  });

  test("that are dead make no calls, and promises they wait for never settle", async () => {
    const system = fakeSystem();
    let settled = false;
    const settle = (): void => {
      settled = true;
    };
    void system.files.replaceDurably("/tmp/x", "1").then(settle, settle);
    system.program.kill();
    await system.machine.time.advance(100);
    expect(settled).toBe(false);
    expect(() => system.processes.list()).toThrow(FakeCrash);
    expect(fakeProgram(system.machine, "next").files.list("/tmp")).toEqual([]);
  });

  test("hang their terminals up when they die", async () => {
    const system = fakeSystem();
    system.machine.install("shell", sleeper);
    const request = { argv: ["shell"], cwd: "/", variables, size: { rows: 1, cols: 1 } };
    const spawned = system.spawner.spawnTerminal(request, { bytes: () => {}, end: () => {} }, () => {});
    if (!spawned.ok) throw new Error(spawned.failure.message);
    system.program.kill();
    await system.machine.time.advance(0);
    expect(fakeProgram(system.machine, "next").processes.compare(spawned.child.identity)).toBe("gone");
  });
});

describe("processes", () => {
  test("a pid can be given to somebody else, and the handle still means the first", async () => {
    const system = fakeSystem();
    const { machine } = system;
    machine.kernel.nextPids.push(4242);
    const first = machine.stranger("first");
    const identity = system.processes.identityOf(4242)!;
    const handle = system.processes.open(identity);
    if (typeof handle === "string") throw new Error(handle);
    first.exit(0);
    await machine.time.advance(1000);
    machine.kernel.nextPids.push(4242);
    const second = machine.stranger("second");
    expect(system.processes.look(4242).kind).toBe("alive");
    expect(system.processes.compare(identity)).toBe("gone");
    expect(handle.send("SIGKILL")).toBe("gone");
    await machine.time.advance(10);
    expect(second.process.dead).toBe(false);
    expect(() => {
      machine.kernel.nextPids.push(4242);
      machine.stranger("third");
    }).toThrow(/in use/);
  });

  test("every signal that is sent is recorded with who it meant", async () => {
    const system = fakeSystem();
    const stranger = system.machine.stranger("victim");
    const handle = system.processes.open(system.processes.identityOf(stranger.pid)!);
    if (typeof handle === "string") throw new Error(handle);
    handle.send("SIGTERM");
    await system.machine.time.advance(10);
    handle.send("SIGKILL");
    const { signals } = system.machine.kernel;
    expect(signals).toMatchObject([
      { from: system.program.process.pid, name: "victim", signal: "SIGTERM", result: "sent", target: handle.identity },
      { signal: "SIGKILL", result: "gone" },
    ]);
  });

  test("orphans go to init, or to a program that is a subreaper, which reaps them", async () => {
    const leaveOrphan: Script = (run) => {
      run.fork((orphan) => orphan.after(50, () => orphan.exit(3)), { session: true, holdsOutput: false });
      run.exit(0);
    };
    for (const subreaper of [false, true]) {
      const system = fakeSystem();
      if (subreaper) expect(system.processes.becomeSubreaper()).toBe(true);
      const { seen } = start(system, leaveOrphan);
      await system.machine.time.advance(10);
      const orphan = system.processes.list().find((row) => row.name === "program");
      expect(orphan).toMatchObject({ parent: subreaper ? system.program.process.pid : 1 });
      await system.machine.time.advance(100);
      expect(system.processes.list().some((row) => row.name === "program")).toBe(false);
      expect(seen.exits).toMatchObject([{ code: 0 }]);
    }
  });

  test("the stopped do nothing until they are continued; KILL reaches them", async () => {
    const system = fakeSystem();
    const { child, seen } = start(system, (run) => run.after(10, () => run.print("late")));
    const handle = system.processes.open(child.identity);
    if (typeof handle === "string") throw new Error(handle);
    handle.send("SIGSTOP");
    handle.send("SIGTERM");
    await system.machine.time.advance(100);
    expect(seen).toEqual({ exits: [], text: "" });
    handle.send("SIGCONT");
    await system.machine.time.advance(100);
    expect(seen.exits).toMatchObject([{ signal: "SIGTERM" }]);
  });

  test("a reboot ends everything without telling, under another boot id", async () => {
    const system = fakeSystem();
    const { child, seen } = start(system, sleeper);
    const { bootId } = system.machine.kernel;
    system.machine.reboot();
    await system.machine.time.advance(1000);
    const next = fakeProgram(system.machine, "next");
    expect(next.processes.bootId()).not.toBe(bootId);
    expect(next.processes.compare(child.identity)).toBe("gone");
    expect(seen.exits).toEqual([]);
  });

  test("a hidden process is not known, and a planned failure to start is told once", () => {
    const system = fakeSystem();
    const stranger = system.machine.stranger("s");
    stranger.process.hidden = true;
    expect(system.processes.look(stranger.pid).kind).toBe("unknown");
    expect(system.processes.hasMark(stranger.pid, "x")).toBeNull();
    system.machine.spawnFailures.push({ error: "EAGAIN", message: "no more" });
    system.machine.install("program", sleeper);
    system.files.makeFifo("/out");
    const request = { argv: ["program"], cwd: "/", variables, output: "/out", stdin: "none" as const };
    expect(system.spawner.spawnPiped(request, () => {})).toMatchObject({ ok: false, failure: { error: "EAGAIN" } });
    expect(system.spawner.spawnPiped(request, () => {}).ok).toBe(true);
  });

  test("the fake shell runs the commands it was told", async () => {
    const system = fakeSystem();
    system.machine.command("make all", (run) => {
      run.print("made\n");
      run.exit(2);
    });
    const run = (text: string) =>
      system.machine.time.wait(system.spawner.run({ argv: ["sh", "-c", text], cwd: "/", variables, timeoutMs: 1000, bytesMax: 1000 }));
    expect(await run("make all")).toEqual({ code: 2, stdout: Buffer.from("made\n") });
    expect((await run("make nothing"))?.code).toBe(127);
  });
});

test("the same seed gives the same bytes, another seed others", () => {
  const bytes = (seed: number): string => Buffer.from(new FakeMachine({ seed }).random(32)).toString("hex");
  expect(bytes(5)).toBe(bytes(5));
  expect(bytes(5)).not.toBe(bytes(6));
});

test("waiting for what never comes fails instead of hanging", async () => {
  const { time } = new FakeMachine();
  await expect(time.until("never", () => false)).rejects.toThrow(/never/);
  await expect(time.wait(new Promise(() => {}))).rejects.toThrow(/settled/);
});
