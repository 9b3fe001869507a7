import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import nodeProcess from "node:process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../../../test/setup/waiting.ts";
import { nodeSystem } from "../index.ts";
import type { ChildExit } from "../types.ts";
import { children } from "./children.ts";
import { native } from "./native.ts";

/** Reaping in a program that is a subreaper: what is ours, what is others', what is an orphan. */

const system = nodeSystem();
const start = (script: string, options: object = {}): ChildProcess =>
  spawn("sh", ["-c", script], { stdio: ["ignore", "pipe", "inherit"], ...options });

async function firstLine(child: ChildProcess): Promise<string> {
  let text = "";
  child.stdout!.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  await until("the first line", () => text.includes("\n"));
  return text.slice(0, text.indexOf("\n"));
}

const isOurChild = (pid: number): boolean => system.processes.list().some((row) => row.pid === pid && row.parent === nodeProcess.pid);
const isZombie = (pid: number): boolean => system.processes.list().some((row) => row.pid === pid && row.zombie);

describe("a subreaper", () => {
  let before: ChildProcess;
  let beforeExit: Promise<unknown[]>;
  beforeAll(() => {
    // A child of Node's own that was there first: nobody announced it.
    before = spawn("sh", ["-c", "read -r line"], { stdio: ["pipe", "ignore", "inherit"] });
    beforeExit = once(before, "exit");
    expect(system.processes.becomeSubreaper()).toBe(true);
    expect(system.processes.becomeSubreaper()).toBe(true);
  });
  afterAll(() => void native().prctl(36, 0));

  test.each(["", "setsid "])("reaps an orphan that came to it (%s) and leaves no zombie", async (prefix) => {
    const middle = start(`${prefix}sh -c 'echo $$; sleep 0.1' & sleep 0.03`);
    const middleExit = once(middle, "exit");
    const pid = Number(await firstLine(middle));
    await middleExit;
    await until("the orphan is ours", () => isOurChild(pid));
    await until("it is gone", () => system.processes.list().every((row) => row.pid !== pid));
  });

  test("an orphan's exit is told to whoever holds a handle, though we reap it ourselves", async () => {
    const middle = start("sh -c 'echo $$; sleep 0.1; exit 6' & sleep 0.03");
    const pid = Number(await firstLine(middle));
    const handle = system.processes.open(system.processes.identityOf(pid)!);
    if (typeof handle === "string") throw new Error(handle);
    let told: ChildExit | null | undefined;
    handle.onExit((exit) => {
      told = exit;
    });
    await until("it is told", () => told !== undefined);
    handle.close();
    expect([null, 6]).toContain(told?.code ?? null);
  });

  test("takes no child from Node: attached, detached, quick, many", async () => {
    const children = Array.from({ length: 20 }, (_, index) => start(`exit ${index}`, { detached: index % 2 === 0 }));
    const exits = await Promise.all(children.map((child) => once(child, "exit")));
    expect(exits.map(([code]) => code)).toEqual(children.map((_, index) => index));
  });

  test("takes no child from Node that was there before, nor one that has just ended", async () => {
    const later = start("read -r line", { stdio: ["pipe", "ignore", "inherit"] });
    const laterExit = once(later, "exit");
    for (const child of [before, later]) {
      child.kill("SIGKILL");
      endOf(child.pid!);
    }
    // Node has had no turn to wait for them.
    expect(system.processes.reapOrphans()).toBe(0);
    expect(await beforeExit).toEqual([null, "SIGKILL"]);
    expect(await laterExit).toEqual([null, "SIGKILL"]);
  });

  test("others' zombies do not hide our own children's ends", async () => {
    // An orphan that somebody else is said to wait for, and who never does.
    const middle = start("sh -c 'echo $$; exec sleep 1000' & sleep 0.03");
    const pid = Number(await firstLine(middle));
    await until("the orphan is ours", () => isOurChild(pid));
    children.leaveAlone(pid);
    kill(pid);
    await until("it is a zombie", () => isZombie(pid));
    const ours: number[] = [];
    for (let index = 0; index < 5; index += 1) {
      const request = { argv: ["sh", "-c", `exit ${index}`], cwd: "/", variables: { PATH: nodeProcess.env.PATH ?? "" } };
      const size = { rows: 2, cols: 2 };
      const handler = { bytes: () => {}, end: () => {} };
      expect(system.spawner.spawnTerminal({ ...request, size }, handler, (exit) => ours.push(exit.code ?? -1)).ok).toBe(true);
    }
    await until("all of ours are told", () => ours.length === 5);
    expect(ours.sort()).toEqual([0, 1, 2, 3, 4]);
    expect(isZombie(pid)).toBe(true);
    children.forget(pid);
    expect(system.processes.reapOrphans()).toBe(1);
    expect(isZombie(pid)).toBe(false);
  });

  test("reapOrphans reaps only orphans", async () => {
    const middle = start("sh -c 'echo $$; exec sleep 1000' & sleep 0.03");
    const pid = Number(await firstLine(middle));
    await until("the orphan is ours", () => isOurChild(pid));
    expect(system.processes.reapOrphans()).toBe(0);
    kill(pid);
    await until("it is gone", () => system.processes.list().every((row) => row.pid !== pid));
    expect(isZombie(pid)).toBe(false);
  });
});

describe("exits of strangers", () => {
  test("that nobody waits for cost no time while they are waited for", async () => {
    const middle = start("exec 3<&0; sh -c 'echo $$; read -r line' <&3 & exec sleep 1000", { stdio: ["pipe", "pipe", "ignore"] });
    const exit = once(middle, "exit");
    const handle = system.processes.open(system.processes.identityOf(Number(await firstLine(middle)))!);
    if (typeof handle === "string") throw new Error(handle);
    const told = new Promise<ChildExit | null>((resolve) => handle.onExit(resolve));
    const before = performance.eventLoopUtilization();
    middle.stdin!.end();
    const timer = setTimeout(() => {}, 20_000);
    expect(await told).toBeNull();
    clearTimeout(timer);
    // A bell that rings on and on would take the whole wait.
    expect(performance.eventLoopUtilization(before).utilization).toBeLessThan(0.5);
    handle.close();
    middle.kill();
    await exit;
  });

  test("are told within a few milliseconds", async () => {
    const delays: number[] = [];
    for (let round = 0; round < 20; round += 1) {
      const middle = start("sh -c 'echo $$; read -r line'; exit 0", { stdio: ["pipe", "pipe", "ignore"] });
      const exit = once(middle, "exit");
      const pid = Number(await firstLine(middle));
      const handle = system.processes.open(system.processes.identityOf(pid)!);
      if (typeof handle === "string") throw new Error(handle);
      const told = new Promise<number>((resolve) => handle.onExit(() => resolve(performance.now())));
      const gone = pollGone(pid);
      middle.stdin!.end();
      const [toldAt, goneAt] = await Promise.all([told, gone]);
      delays.push(toldAt - goneAt);
      handle.close();
      await exit;
    }
    // A bound against a poll or a timeout in the path, not a measurement: this machine is noisy.
    expect(delays.sort((a, b) => a - b)[10]).toBeLessThan(400);
  });
});

function kill(pid: number): void {
  const handle = system.processes.open(system.processes.identityOf(pid)!);
  if (typeof handle === "string") throw new Error(handle);
  handle.send("SIGKILL");
  handle.close();
}

/** Waits without giving the event loop a turn. */
function endOf(pid: number): void {
  const endAt = performance.now() + 10_000;
  while (!isZombie(pid)) if (performance.now() > endAt) throw new Error(`${pid} does not end`);
}

/** When the process was first seen dead, looking as often as the loop turns. */
async function pollGone(pid: number): Promise<number> {
  for (;;) {
    try {
      if (/^\d+ \(.*\) Z /.test(readFileSync(`/proc/${pid}/stat`, "latin1"))) return performance.now();
    } catch {
      return performance.now();
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}
