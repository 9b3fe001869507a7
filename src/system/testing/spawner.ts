import { expect, test } from "vitest";
import type { SpawnFailure } from "../types.ts";
import { type ConformanceWorld, endChild, startPiped, startTerminal, type Watched } from "./world.ts";

const over = (seen: Watched<unknown>): boolean => seen.exits.length > 0 && seen.ends.length > 0;

function failureOf(world: ConformanceWorld, argv: string[], cwd = world.folder): SpawnFailure | null {
  const output = `${world.folder}/fifo-${argv.length}-${Math.abs(argv.join().length)}`;
  if (world.system.files.stat(output) === null) world.system.files.makeFifo(output);
  const spawned = world.system.spawner.spawnPiped({ argv, cwd, variables: world.variables, output, stdin: "none" }, () => {});
  if (!spawned.ok) return spawned.failure;
  endChild(world, spawned.child);
  return null;
}

export function spawningConforms(given: () => ConformanceWorld): void {
  test.each([0, 1, 7, 255])("exit code %i is told once, after the start has returned", async (code) => {
    const world = given();
    const seen = startPiped(world, world.programs.exit(code));
    expect(seen.exits).toEqual([]);
    await world.until("it is over", () => over(seen));
    await world.pass(20);
    expect(seen.exits).toMatchObject([{ code, signal: null }]);
    expect(seen.ends).toEqual([null]);
    expect(world.system.processes.compare(seen.child.identity)).toBe("gone");
  });

  test.each(["SIGTERM", "SIGKILL", "SIGINT", "SIGHUP"])("an end by %s is a signal, not a code", async (signal) => {
    const world = given();
    const seen = startPiped(world, world.programs.dieOf(signal));
    await world.until("it is over", () => over(seen));
    expect(seen.exits).toMatchObject([{ code: null, signal }]);
  });

  test("[P23] a child leads its own group and session", () => {
    const world = given();
    const { child } = startPiped(world, world.programs.sleep());
    const seen = world.system.processes.look(child.pid);
    expect(seen).toMatchObject({ kind: "alive", row: { group: child.pid, session: child.pid, startTime: child.identity.start_time } });
    expect(child.identity.boot_id).toBe(world.system.processes.bootId());
  });

  test("output and errors come through the same FIFO; /dev/stderr can be opened", async () => {
    const world = given();
    const seen = startPiped(world, world.programs.printError("to error\n"));
    await world.until("it is over", () => over(seen));
    expect(seen.text()).toBe("to error\n");
  });

  test("the child gets exactly the given variables and folder", async () => {
    const world = given();
    const seen = startPiped(world, world.programs.showVariable("HERMA_TEST_ÄÖ"), {
      variables: { ...world.variables, HERMA_TEST_ÄÖ: "a=b\nç" },
    });
    await world.until("it is over", () => over(seen));
    expect(seen.text()).toBe("a=b\nç\n");
  });

  test("[P26] nobody is left behind when the start fails, and the failures are told apart", () => {
    const world = given();
    const { folder } = world;
    expect(failureOf(world, ["no-such-program"])).toMatchObject({ error: "ENOENT", message: expect.stringContaining("no-such-program") });
    expect(failureOf(world, [`${folder}/none`])).toMatchObject({ error: "ENOENT" });
    expect(failureOf(world, world.programs.exit(0), `${folder}/gone`)).toMatchObject({
      error: "ENOENT",
      message: expect.stringMatching(/working directory.*gone/),
    });
    expect(failureOf(world, [world.notExecutable])).toMatchObject({ error: "EACCES" });
    expect(failureOf(world, [folder])).toMatchObject({ error: "EACCES" });
    expect(failureOf(world, [world.noFormat])).toMatchObject({ error: "ENOEXEC" });
    expect(failureOf(world, [])).toMatchObject({ error: "EINVAL" });
    expect(failureOf(world, ["a\0b"])).toMatchObject({ error: "EINVAL" });
    const request = { argv: world.programs.exit(0), cwd: folder, variables: world.variables, stdin: "none" as const };
    const spawned = world.system.spawner.spawnPiped({ ...request, output: `${folder}/no-fifo` }, () => {});
    expect(spawned).toMatchObject({ ok: false, failure: { error: "ENOENT", message: expect.stringContaining("no-fifo") } });
  });

  test("a relative program with a slash is relative to the child's folder", async () => {
    const world = given();
    expect(failureOf(world, ["./none"])).toMatchObject({ error: "ENOENT", message: expect.stringContaining(world.folder) });
  });

  test("a daemon is started with its output in a log", async () => {
    const world = given();
    const { spawner, files, processes } = world.system;
    const log = `${world.folder}/log`;
    files.createExclusive(log, "before\n");
    const request = { argv: world.programs.print("from the daemon\n"), cwd: world.folder, variables: world.variables };
    const spawned = spawner.spawnDaemon({ ...request, log });
    if (!spawned.ok) throw new Error(spawned.failure.message);
    await world.until("it has ended", () => processes.compare(spawned.child.identity) === "gone");
    expect(files.read(log)?.toString()).toBe("before\nfrom the daemon\n");
    expect(spawner.spawnDaemon({ ...request, argv: ["no-such-program"], log })).toMatchObject({ ok: false, failure: { error: "ENOENT" } });
  });
}

export function streamsConform(given: () => ConformanceWorld): void {
  test("input arrives, and its end", async () => {
    const world = given();
    const seen = startPiped(world, world.programs.copyInput(), { stdin: "pipe" });
    const input = seen.child.stdin!;
    expect(input.write(Buffer.from("one "))).toBe(true);
    await world.until("the first part is back", () => seen.text() === "one ");
    input.write(Buffer.from("two"));
    input.close();
    input.close();
    expect(input.closed).toBe(true);
    expect(input.write(Buffer.from("late"))).toBe(false);
    await world.until("it is over", () => over(seen));
    expect(seen.text()).toBe("one two<eof>");
    expect(seen.exits).toMatchObject([{ code: 0 }]);
  });

  test("what was written is what was given then, though the caller goes on with its buffer", async () => {
    const world = given();
    const seen = startPiped(world, world.programs.copyInput(), { stdin: "pipe" });
    // More than a pipe holds, so most of it waits.
    const reused = Buffer.alloc(300_000, "a");
    seen.child.stdin!.write(reused);
    reused.fill("b");
    seen.child.stdin!.close();
    await world.until("it is over", () => over(seen));
    expect(seen.text()).toBe(`${"a".repeat(300_000)}<eof>`);
  });

  test("without input the child reads an end at once", async () => {
    const world = given();
    const seen = startPiped(world, world.programs.copyInput());
    expect(seen.child.stdin).toBeNull();
    await world.until("it is over", () => over(seen));
    expect(seen.text()).toBe("<eof>");
  });

  test("input that nobody reads is bounded, and a reader that went away closes it", async () => {
    const world = given();
    const seen = startPiped(world, world.programs.sleep(), { stdin: "pipe" });
    await world.until("it runs", () => seen.text().includes("ready"));
    const input = seen.child.stdin!;
    const chunk = Buffer.alloc(100_000);
    let taken = 0;
    while (taken < 50 && input.write(chunk)) taken += 1;
    expect(taken).toBeGreaterThanOrEqual(10);
    expect(taken).toBeLessThan(12);
    endChild(world, seen.child);
    await world.until("the input is closed", () => input.closed);
    expect(input.write(Buffer.from("x"))).toBe(false);
  });

  test("a pause stops reading, so the child waits; nothing is lost", async () => {
    const world = given();
    const bytes = 500_000;
    const seen = startPiped(world, world.programs.flood(bytes));
    seen.reader!.pause();
    const before = seen.bytes.count;
    await world.until("the pipe is full", () => (seen.reader!.pending() ?? 0) >= 65_536);
    await world.pass(30);
    expect(seen.bytes.count).toBe(before);
    expect(seen.exits).toEqual([]);
    seen.reader!.resume();
    await world.until("it is over", () => over(seen));
    expect(seen.bytes.count).toBe(bytes);
    expect(seen.reader!.pending() ?? 0).toBe(0);
  });

  test("an exit is told though something left behind holds the output, and its bytes still come", async () => {
    const world = given();
    const { processes } = world.system;
    const seen = startPiped(world, world.programs.leaveBehind());
    await world.until("the exit is told", () => seen.exits.length > 0);
    expect(seen.exits).toMatchObject([{ code: 5 }]);
    await world.until("the pid is printed", () => seen.text().endsWith("\n"));
    expect(seen.ends).toEqual([]);
    const handle = processes.open(processes.identityOf(Number(seen.text()))!);
    if (typeof handle === "string") throw new Error(`what was left behind is ${handle}`);
    expect(handle.send("SIGUSR1")).toBe("sent");
    handle.close();
    await world.until("the output has ended", () => seen.ends.length > 0);
    expect(seen.text()).toMatch(/^\d+\nlate\n$/);
    expect(seen.ends).toEqual([null]);
  });

  test("a closed reader is silent", async () => {
    const world = given();
    const seen = startPiped(world, world.programs.print("x"));
    seen.reader!.close();
    seen.reader!.close();
    await world.until("the exit is told", () => seen.exits.length > 0);
    await world.pass(20);
    expect(seen.ends).toEqual([]);
    expect(seen.text()).toBe("");
  });

  test("a FIFO without a writer is silent, and its reader can be taken over by another", async () => {
    const world = given();
    const { files } = world.system;
    const seen = startPiped(world, world.programs.ignoreTerm());
    await world.until("it runs", () => seen.text().includes("ready"));
    seen.reader!.close();
    const fifo = files.list(world.folder).find((name) => name.startsWith("output-"))!;
    let text = "";
    const second = files.openFifo(`${world.folder}/${fifo}`, {
      bytes: (chunk) => {
        text += Buffer.from(chunk).toString();
      },
      end: () => {},
    });
    const handle = world.system.processes.open(seen.child.identity);
    if (typeof handle === "string") throw new Error(handle);
    handle.send("SIGTERM");
    handle.close();
    await world.until("the second reader hears it", () => text === "no\n");
    second.close();
  });
}

/** Opens the FIFO of another reader's child; returns what is told. */
function openSecond(world: ConformanceWorld, path: string): { ends: number; close(): void } {
  const told = {
    ends: 0,
    count: () => {
      told.ends += 1;
    },
    close: () => reader.close(),
  };
  const handler = { bytes: () => {}, end: () => told.count() };
  const reader = world.system.files.openFifo(path, handler, { endWhenUnheld: true });
  return told;
}

export function adoptionConforms(given: () => ConformanceWorld): void {
  test("an unheld FIFO ends at once where that is asked for, a held one does not", async () => {
    const world = given();
    const { files } = world.system;
    files.makeFifo(`${world.folder}/nobody`);
    const nobody = openSecond(world, `${world.folder}/nobody`);
    await world.until("the end is told", () => nobody.ends > 0);
    const seen = startPiped(world, world.programs.sleep());
    await world.until("it runs", () => seen.text().includes("ready"));
    seen.reader!.close();
    const held = openSecond(world, `${world.folder}/${files.list(world.folder).find((name) => name.startsWith("output-"))}`);
    await world.pass(30);
    expect(held.ends).toBe(0);
    endChild(world, seen.child);
    await world.until("its end is told", () => held.ends > 0);
    await world.pass(20);
    expect([nobody.ends, held.ends]).toEqual([1, 1]);
    held.close();
  });

  test("how many descriptors are left is known, or known not to be", () => {
    const left = given().system.files.descriptorsLeft();
    expect(left === null || left > 10).toBe(true);
  });
}

export function terminalsConform(given: () => ConformanceWorld): void {
  test("a terminal has its size, echoes, changes its size, and ends with its child", async () => {
    const world = given();
    const seen = startTerminal(world, world.programs.showSize(), { rows: 33, cols: 99 });
    await world.until("the size is shown", () => seen.text().includes("33x99"));
    seen.child.resize({ rows: 40, cols: 50 });
    expect(seen.child.write(Buffer.from("hé\n"))).toBe(true);
    await world.until("it is over", () => over(seen));
    expect(seen.text()).toBe("33x99\r\nhé\r\ngot hé\r\n40x50\r\n");
    expect(seen.exits).toMatchObject([{ code: 4, signal: null }]);
    expect(seen.ends).toEqual([null]);
    expect(seen.child.write(Buffer.from("x"))).toBe(false);
    seen.child.resize({ rows: 1, cols: 1 });
  });

  test("a terminal child leads its session", async () => {
    const world = given();
    const seen = startTerminal(world, world.programs.sleep());
    await world.until("it runs", () => seen.text().includes("ready"));
    const { child } = seen;
    expect(world.system.processes.look(child.pid)).toMatchObject({ kind: "alive", row: { session: child.pid, group: child.pid } });
  });

  test("closing the terminal hangs up", async () => {
    const world = given();
    const seen = startTerminal(world, world.programs.sleep());
    await world.until("it runs", () => seen.text().includes("ready"));
    seen.child.close();
    seen.child.close();
    await world.until("it has ended", () => seen.exits.length > 0);
    expect(seen.exits).toMatchObject([{ code: null, signal: "SIGHUP" }]);
  });

  test("a start that fails in a terminal is told like any other", () => {
    const world = given();
    const request = { cwd: world.folder, variables: world.variables, size: { rows: 3, cols: 3 } };
    const handler = { bytes: () => {}, end: () => {} };
    const start = (argv: string[], cwd = world.folder) => world.system.spawner.spawnTerminal({ ...request, argv, cwd }, handler, () => {});
    expect(start(["no-such-program"])).toMatchObject({ ok: false, failure: { error: "ENOENT" } });
    expect(start([world.notExecutable])).toMatchObject({ ok: false, failure: { error: "EACCES" } });
    expect(start([world.noFormat])).toMatchObject({ ok: false, failure: { error: "ENOEXEC" } });
    expect(start(world.programs.exit(0), `${world.folder}/gone`)).toMatchObject({ ok: false, failure: { error: "ENOENT" } });
  });

  test("a paused terminal gives nothing until it is resumed", async () => {
    const world = given();
    const seen = startTerminal(world, world.programs.sleep());
    await world.until("it runs", () => seen.text().includes("ready"));
    const before = seen.bytes.count;
    seen.child.pause();
    seen.child.write(Buffer.from("echo me\n"));
    await world.pass(50);
    expect(seen.bytes.count).toBe(before);
    seen.child.resume();
    await world.until("the echo comes", () => seen.text().includes("echo me"));
  });
}
