import { afterEach, expect, test } from "vitest";
import type { ExitFile, ProcessId } from "../contract/index.ts";
import { groupName } from "../rules/index.ts";
import type { Script } from "../system/fake/index.ts";
import { FakeHome, type FakeKeeper, type SpecWish } from "./testing/fakeHome.ts";

const mebibyte = 1_048_576;
let home: FakeHome;
let now: FakeKeeper;

function fresh(): void {
  home = new FakeHome();
  now = home.keeper();
}

/** After each test its keeper is emptied, and no group and no timer may be left. */
afterEach(async () => {
  await home.wait(now.keeper.hangup());
  await home.pass(120_000);
  expect(now.keeper.held).toBe(0);
  expect(home.machine.time.waiting).toBe(0);
  expect([...home.machine.kernel.groups.keys()]).toEqual([]);
});

async function start(script: Script, wish: SpecWish = {}): Promise<ProcessId> {
  home.install("program", script);
  const id = home.spec(["program"], wish);
  await home.wait(now.keeper.start(id, { PATH: "/bin" }, false));
  return id;
}

async function ended(id: ProcessId): Promise<ExitFile> {
  await home.until("it has ended", () => home.has(id, "exit"), 600_000);
  return home.json(id, "exit") as ExitFile;
}

/** The old keeper dies as by SIGKILL; another one takes over. */
async function succeed(): Promise<void> {
  now.system.program.kill();
  await home.pass(0);
  now = home.keeper();
  await home.wait(now.keeper.adopt());
}

const sleeps: Script = () => {};
const ignores: Script = (run) => run.onSignal("SIGTERM", "ignore");

// ---- run time

test("what runs longer than it may is ended, and the limit is its cause", async () => {
  fresh();
  const id = await start(sleeps, { limits: { run_ms_max: 5000 } });
  await home.pass(4990);
  expect(home.json(id, "state")).toMatchObject({ phase: "running", intent: null });
  const began = home.machine.time.nowMs;
  expect(await ended(id)).toMatchObject({ cause: "limit", termination_source: "limit:run", signal: "SIGTERM" });
  expect(home.machine.time.nowMs - began).toBeLessThan(1000);
});

test("a grace of TERM only is no way around the time limit", async () => {
  fresh();
  const id = await start(ignores, { limits: { run_ms_max: 1000 }, grace_ms: 0 });
  expect(await ended(id)).toMatchObject({ cause: "limit", termination_source: "limit:run", signal: "SIGKILL" });
});

test("the time goes on when its keeper dies: it counts from the recorded start", async () => {
  fresh();
  const id = await start(sleeps, { limits: { run_ms_max: 10_000 } });
  await home.pass(6000);
  await succeed();
  await home.pass(3900);
  expect(home.has(id, "exit")).toBe(false);
  await home.pass(300);
  expect(await ended(id)).toMatchObject({ cause: "limit", termination_source: "limit:run" });
});

test("time that was over while nobody watched is over at once for the next keeper", async () => {
  fresh();
  const id = await start(sleeps, { limits: { run_ms_max: 1000 } });
  now.system.program.kill();
  await home.pass(60_000);
  expect(home.has(id, "exit")).toBe(false);
  now = home.keeper();
  await home.wait(now.keeper.adopt());
  await home.pass(100);
  expect(await ended(id)).toMatchObject({ cause: "limit", termination_source: "limit:run" });
});

test("first cause wins: a kill before the time is over is a kill", async () => {
  fresh();
  const id = await start(ignores, { limits: { run_ms_max: 2000 } });
  await home.pass(1500);
  const killed = now.keeper.kill(id, { source: "process.kill" });
  await home.wait(killed);
  expect(await ended(id)).toMatchObject({ cause: "killed", termination_source: "process.kill" });
});

test("the time limit can be set, moved and lifted while it runs, and the next keeper keeps to it", async () => {
  fresh();
  const id = await start(sleeps);
  expect(now.keeper.get(id).changeLimits({ run_ms_max: 3000 })).toMatchObject({ run_ms_max: 3000 });
  await home.pass(2000);
  now.keeper.get(id).changeLimits({ run_ms_max: 20_000 });
  await home.pass(10_000);
  expect(home.has(id, "exit")).toBe(false);
  expect(home.json(id, "state")).toMatchObject({ limits: { run_ms_max: 20_000 } });
  await succeed();
  await home.pass(9000);
  expect(await ended(id)).toMatchObject({ cause: "limit", termination_source: "limit:run" });
  const other = await start(sleeps, { limits: { run_ms_max: 1000 } });
  now.keeper.get(other).changeLimits({ run_ms_max: null });
  await home.pass(60_000);
  expect(home.has(other, "exit")).toBe(false);
});

// ---- groups

test("memory that runs out ends it, is told as that, and its group goes", async () => {
  fresh();
  const id = await start((run) => run.after(100, () => run.holdMemory(11 * mebibyte)), { limits: { memory_bytes_max: 10 * mebibyte } });
  expect(home.json(id, "state")?.cgroups).toEqual([`/sys/fs/cgroup/${groupName(home.home, id)}`]);
  expect(await ended(id)).toMatchObject({ cause: "oom", termination_source: "limit:memory", signal: "SIGKILL", intent: null });
  await home.pass(0);
  expect(home.machine.kernel.groups.size).toBe(0);
});

test("memory that ran out while no keeper lived is told by the next one", async () => {
  fresh();
  const id = await start((run) => run.after(500, () => run.holdMemory(11 * mebibyte)), { limits: { memory_bytes_max: 10 * mebibyte } });
  now.system.program.kill();
  await home.pass(1000);
  now = home.keeper();
  await home.wait(now.keeper.adopt());
  expect(await ended(id)).toMatchObject({ cause: "oom", termination_source: "limit:memory", code: null, signal: null, evidence: "none" });
});

test("a child that ran out of memory, and a process that ended well all the same", async () => {
  fresh();
  const id = await start(
    (run) => {
      run.fork((child) => child.holdMemory(11 * mebibyte));
      run.after(200, () => run.exit(0));
    },
    { limits: { memory_bytes_max: 10 * mebibyte } },
  );
  expect(await ended(id)).toMatchObject({ cause: "exited", code: 0 });
});

test("a limit that cannot be enforced refuses the start, and nothing is left of it", async () => {
  fresh();
  home.machine.controllers.delete("memory");
  home.install("program", sleeps);
  const id = home.spec(["program"], { limits: { memory_bytes_max: 10 * mebibyte, pids_max: 5 } });
  await expect(home.wait(now.keeper.start(id, { PATH: "/bin" }, false))).rejects.toMatchObject({ code: "LIMIT_UNAVAILABLE" });
  expect(home.names(id)).toEqual(["output", "spec.json"]);
  expect(now.keeper.held).toBe(0);
});

test("a start that fails takes its group along", async () => {
  fresh();
  const id = home.spec(["no-such-program"], { limits: { pids_max: 5 } });
  await home.wait(now.keeper.start(id, { PATH: "/bin" }, false));
  expect(await ended(id)).toMatchObject({ cause: "failed_start", code: 127 });
  await home.pass(0);
  expect(home.machine.kernel.groups.size).toBe(0);
});

test("limits of its group can be changed and lifted; without a group they are refused, and nothing changes", async () => {
  fresh();
  const id = await start(sleeps, { limits: { pids_max: 5 } });
  const record = home.machine.kernel.groups.get(groupName(home.home, id));
  now.keeper.get(id).changeLimits({ pids_max: null, memory_bytes_max: 20 * mebibyte });
  expect(record?.limits).toEqual({ pidsMax: null, memoryBytesMax: 20 * mebibyte });
  home.machine.controllers.delete("cpu");
  expect(() => now.keeper.get(id).changeLimits({ memory_bytes_max: 2 * mebibyte, cpu_percent_max: 50 })).toThrow(/cpu/);
  expect(record?.limits).toMatchObject({ memoryBytesMax: 20 * mebibyte });
  expect(home.json(id, "state")?.limits).toEqual({ memory_bytes_max: 20 * mebibyte });

  const free = await start(sleeps);
  expect(() => now.keeper.get(free).changeLimits({ memory_bytes_max: mebibyte, run_ms_max: 1 })).toThrow(/started without/);
  expect(home.json(free, "state")).not.toHaveProperty("limits");
  now.keeper.get(free).changeLimits({ memory_bytes_max: null });
  await home.pass(1000);
  expect(home.has(free, "exit")).toBe(false);
});

test("whoever left everything else behind is still found in the group", async () => {
  fresh();
  let escaped = 0;
  const id = await start(
    (run) => {
      escaped = run.fork(ignores, { session: true, marked: false, holdsOutput: false }).pid;
      run.after(50, () => run.exit(0));
    },
    { limits: { pids_max: 50 } },
  );
  // Its parent is gone, its session and group are its own, and it carries no mark.
  await ended(id);
  await home.pass(1000);
  expect(home.machine.kernel.groups.size).toBe(1);
  expect(await home.wait(now.keeper.kill(id, { source: "process.kill" }))).toMatchObject({ verdict: "killed" });
  expect(home.machine.kernel.processes.get(escaped)?.dead ?? true).toBe(true);
});

test("a group that somebody is still in is the next keeper's to remove", async () => {
  fresh();
  const id = await start(
    (run) => {
      run.fork((child) => child.after(30_000, () => child.exit(0)), { session: true, holdsOutput: false });
      run.after(50, () => run.exit(0));
    },
    { limits: { pids_max: 50 } },
  );
  await ended(id);
  await succeed();
  expect(home.machine.kernel.groups.size).toBe(1);
  await home.pass(120_000);
  expect(home.machine.kernel.groups.size).toBe(0);
});

test("a keeper that died between the spawn and its record: the group is found at the process", async () => {
  fresh();
  const id = await start((run) => run.after(5000, () => run.holdMemory(11 * mebibyte)), { limits: { memory_bytes_max: 10 * mebibyte } });
  now.system.program.kill();
  home.client.files.remove(`${home.home}/processes/${id}/state.json`);
  now = home.keeper();
  await home.wait(now.keeper.adopt());
  expect(home.json(id, "state")?.cgroups).toHaveLength(1);
  expect(await ended(id)).toMatchObject({ cause: "oom" });
});

// ---- output

const prints = (chunks: number): Script => {
  return (run) => {
    const print = (left: number): void => {
      run.print(Buffer.alloc(32_768, "x"));
      run.after(1, () => (left === 1 ? run.exit(0) : print(left - 1)));
    };
    print(chunks);
  };
};

test("what waits at its output limit goes on when the limit is raised, or the policy is another", async () => {
  fresh();
  const limits = { output_bytes_max: 65_536, on_output_limit: "pause" } as const;
  const id = await start(prints(40), { limits });
  await home.until("it is paused", () => home.json(id, "state")?.paused === true);
  now.keeper.get(id).changeLimits({ output_bytes_max: 262_144 });
  expect(home.json(id, "state")).toMatchObject({ paused: false, limits: { output_bytes_max: 262_144, on_output_limit: "pause" } });
  await home.until("it is paused again", () => home.json(id, "state")?.paused === true);
  const atLimit = home.output(id).length;
  expect(atLimit).toBeGreaterThanOrEqual(262_144 + 262_144);
  now.keeper.get(id).changeLimits({ on_output_limit: "dropMiddle" });
  expect(await ended(id)).toMatchObject({ cause: "exited", code: 0, output_end: 40 * 32_768 });
});

test("[P1] a lower limit with the policy to end it does so at the next output", async () => {
  fresh();
  const id = await start((run) => {
    run.print(Buffer.alloc(1_000_000, "x"));
    run.after(10_000, () => run.print("more"));
  });
  await home.pass(1000);
  now.keeper.get(id).changeLimits({ output_bytes_max: 65_536, on_output_limit: "kill" });
  expect(await ended(id)).toMatchObject({ cause: "limit", termination_source: "limit:output" });
});
