import { expect, onTestFinished, test } from "vitest";
import type { ChildExit, ProcessHandle } from "../types.ts";
import { codeThrown } from "./files.ts";
import { type ConformanceWorld, startPiped } from "./world.ts";

function open(world: ConformanceWorld, pid: number): ProcessHandle {
  const identity = world.system.processes.identityOf(pid);
  const handle = identity === null ? "gone" : world.system.processes.open(identity);
  if (typeof handle === "string") throw new Error(`${pid} is ${handle}`);
  onTestFinished(() => handle.close());
  return handle;
}

/** Names that break readers which split a row at blanks. */
const hostileNames = ["a) R 1 (b", "x y z", ") Z 1 2 3", "(((", "tab\there"];

export function tableConforms(given: () => ConformanceWorld): void {
  test("this program is alive and the same as itself", () => {
    const { processes } = given().system;
    const self = processes.self();
    expect(self.boot_id).toBe(processes.bootId());
    expect(processes.look(self.pid)).toMatchObject({ kind: "alive", row: { pid: self.pid, startTime: self.start_time, zombie: false } });
    expect(processes.compare(self)).toBe("same");
    expect(processes.pidNamespace()).toBe(processes.pidNamespace());
    expect(processes.ageMs(self)).toBeGreaterThanOrEqual(0);
    expect(processes.ageMs({ ...self, boot_id: "another" })).toBeNull();
    expect(processes.list().some((row) => row.pid === self.pid && row.startTime === self.start_time)).toBe(true);
  });

  test("[S12] [peer 5] another start time or another boot is gone, whoever has the pid", () => {
    const { processes } = given().system;
    const self = processes.self();
    expect(processes.compare({ ...self, start_time: self.start_time + 1 })).toBe("gone");
    expect(processes.compare({ ...self, boot_id: "another" })).toBe("gone");
    expect(processes.open({ ...self, start_time: self.start_time + 1 })).toBe("gone");
  });

  test("[compat 7] what is no process id is never alive or dead", () => {
    const { processes } = given().system;
    for (const pid of [0, -1, 1.5, Number.NaN]) expect(processes.look(pid).kind).toBe("unknown");
  });

  test.each(hostileNames)("[defect 6.2.1] [peer 3] identity holds under the name %j", async (name) => {
    const world = given();
    const { processes } = world.system;
    const stranger = await world.stranger(name);
    const seen = processes.look(stranger.pid);
    expect(seen).toMatchObject({ kind: "alive", row: { pid: stranger.pid, name: name.slice(0, 15), zombie: false, stopped: false } });
    const identity = processes.identityOf(stranger.pid);
    expect(identity?.start_time).toBeGreaterThan(0);
    expect(processes.compare(identity!)).toBe("same");
    stranger.end();
    await world.until("it is gone", () => processes.compare(identity!) === "gone");
    expect(processes.look(stranger.pid).kind).toBe("dead");
    expect(processes.open(identity!)).toBe("gone");
  });

  test("[S12] [defect 6.1.20] [peer 1] a zombie is dead", async () => {
    const { system, neglected, until } = given();
    const { pid, end } = await neglected();
    const identity = system.processes.identityOf(pid)!;
    end();
    await until("it has ended", () => system.processes.look(pid).kind === "dead");
    expect(system.processes.compare(identity)).toBe("gone");
    expect(system.processes.identityOf(pid)).toBeNull();
    expect(system.processes.list().find((row) => row.pid === pid)).toMatchObject({ zombie: true });
  });

  test("[S12] [peer 1] stopped is alive", async () => {
    const world = given();
    const { processes } = world.system;
    const stranger = await world.stranger("sleeper");
    const handle = open(world, stranger.pid);
    expect(handle.send("SIGSTOP")).toBe("sent");
    await world.until("it is stopped", () => {
      const seen = processes.look(stranger.pid);
      return seen.kind === "alive" && seen.row.stopped;
    });
    expect(processes.compare(handle.identity)).toBe("same");
    expect(handle.send("SIGCONT")).toBe("sent");
    stranger.end();
  });

  test("the mark is found in the initial variables, and only the whole of it", async () => {
    const world = given();
    const variables = { ...world.variables, HERMA_PROCESS_ID: "proc_aaaaaaaaaaaa", NOT_HERMA_PROCESS_ID: "proc_bbbbbbbbbbbb" };
    const seen = startPiped(world, world.programs.sleep(), { variables });
    const { child } = seen;
    const { processes } = world.system;
    // Right after the start its variables may not be readable yet; that is "not known", never "no".
    expect(processes.hasMark(child.pid, "proc_aaaaaaaaaaaa")).not.toBe(false);
    await world.until("it runs", () => seen.text().includes("ready"));
    expect(processes.hasMark(child.pid, "proc_aaaaaaaaaaaa")).toBe(true);
    expect(processes.markOf(child.pid)).toBe("proc_aaaaaaaaaaaa");
    expect(processes.hasMark(child.pid, "proc_aaaaaaaaaaa")).toBe(false);
    expect(processes.hasMark(child.pid, "proc_bbbbbbbbbbbb")).toBe(false);
  });
}

export function handlesConform(given: () => ConformanceWorld): void {
  test("the exit of a process that is not our child is told with its code", async () => {
    const world = given();
    const stranger = await world.stranger("stranger");
    const handle = open(world, stranger.pid);
    const exits: (ChildExit | null)[] = [];
    handle.onExit((exit) => exits.push(exit));
    stranger.end();
    await world.until("the exit is told", () => exits.length > 0);
    // Kernels before 6.15 cannot tell; what they say must be "not known", never a guess.
    expect([null, 7]).toContain(exits[0]?.code ?? null);
    expect(world.system.processes.compare(handle.identity)).toBe("gone");
    await world.pass(20);
    expect(exits).toHaveLength(1);
  });

  test("an end that no parent waits for is told without an exit, and signals to it are gone", async () => {
    const world = given();
    const stranger = await world.neglected();
    const handle = open(world, stranger.pid);
    const exits: (ChildExit | null)[] = [];
    handle.onExit((exit) => exits.push(exit));
    stranger.end();
    await world.until("it has ended", () => world.system.processes.compare(handle.identity) === "gone");
    // The kernel would take a signal to a zombie without a word.
    expect(handle.send("SIGTERM")).toBe("gone");
    await world.until("the end is told", () => exits.length > 0);
    expect(exits).toEqual([null]);
  });

  test("an end alone is told at once, though no parent waits for it", async () => {
    const world = given();
    const stranger = await world.neglected();
    const handle = open(world, stranger.pid);
    let told = 0;
    handle.onEnd(() => {
      told += 1;
    });
    stranger.end();
    await world.until("the end is told", () => told > 0);
    expect(world.system.processes.compare(handle.identity)).toBe("gone");
    await world.pass(20);
    expect(told).toBe(1);
  });

  test("many handles at once are each told their own exit", async () => {
    const world = given();
    const strangers = await Promise.all(Array.from({ length: 5 }, (_, index) => world.stranger(`s${index}`)));
    const told: number[] = [];
    for (const [index, stranger] of strangers.entries()) open(world, stranger.pid).onExit(() => told.push(index));
    for (const index of [3, 0, 4]) {
      strangers[index]!.end();
      await world.until(`exit of ${index}`, () => told.includes(index));
    }
    expect(told).toEqual([3, 0, 4]);
  });

  test("a closed handle tells nothing and sends nothing", async () => {
    const world = given();
    const stranger = await world.stranger("stranger");
    const handle = open(world, stranger.pid);
    const exits: unknown[] = [];
    handle.onExit((exit) => exits.push(exit));
    handle.close();
    handle.close();
    expect(handle.send("SIGKILL")).toBe("gone");
    expect(world.system.processes.compare(handle.identity)).toBe("same");
    stranger.end();
    await world.until("it is gone", () => world.system.processes.compare(handle.identity) === "gone");
    await world.pass(20);
    expect(exits).toEqual([]);
  });

  test("[defect 6.2.11] a signal to what has ended is gone; one this system does not know is refused", async () => {
    const world = given();
    const stranger = await world.stranger("stranger");
    const handle = open(world, stranger.pid);
    expect(codeThrown(() => handle.send("SIGNOSUCH"))).toBe("BAD_REQUEST");
    stranger.end();
    await world.until("it is gone", () => world.system.processes.compare(handle.identity) === "gone");
    expect(handle.send("SIGTERM")).toBe("gone");
  });

  test("an ended process cannot be opened, nor one of another boot", async () => {
    const world = given();
    const { processes } = world.system;
    const stranger = await world.stranger("stranger");
    const identity = processes.identityOf(stranger.pid)!;
    stranger.end();
    await world.until("it is gone", () => processes.compare(identity) === "gone");
    expect(processes.open(identity)).toBe("gone");
    expect(processes.open({ ...processes.self(), boot_id: "another" })).toBe("gone");
  });
}
