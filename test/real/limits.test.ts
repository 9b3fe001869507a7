import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import nodeProcess from "node:process";
import { expect, test } from "vitest";
import type { ProcessId, StateFile } from "../../src/contract/index.ts";
import { processPaths } from "../../src/contract/index.ts";
import { noGroupsHere } from "../setup/groups.ts";
import { until } from "../setup/waiting.ts";
import { type Home, makeHome, runHerma } from "./home.ts";

const mebibyte = 1_048_576;
const testGroups = test.skipIf(noGroupsHere() !== null);

function folders(home: Home, id: ProcessId): readonly string[] {
  const state = JSON.parse(readFileSync(processPaths(home.home, id).state, "utf8")) as StateFile;
  return state.cgroups ?? [];
}

/** A file of the process's group, in whichever hierarchy has it; the first name that is there. */
function groupFile(home: Home, id: ProcessId, ...names: string[]): string {
  for (const name of names)
    for (const folder of folders(home, id)) if (existsSync(join(folder, name))) return readFileSync(join(folder, name), "utf8").trim();
  throw new Error(`no ${names.join(" or ")} in ${folders(home, id).join(", ")}`);
}

async function groupGone(home: Home, id: ProcessId): Promise<void> {
  const made = folders(home, id);
  expect(made.length).toBeGreaterThan(0);
  await until("its group is gone", () => made.every((folder) => !existsSync(folder)));
}

/** Processor time of its first process, in the kernel's hundredths of a second. */
function cpuMsOf(home: Home, id: ProcessId): number {
  const stat = readFileSync(`/proc/${home.registry.get(id).pid}/stat`, "latin1");
  const [user = 0, system = 0] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 13)
    .map(Number);
  return (user + system) * 10;
}

/** SIGKILL; then another one takes over. */
async function killKeeper(home: Home): Promise<void> {
  const pid = home.keeperPid();
  nodeProcess.kill(pid, "SIGKILL");
  await until("the keeper is dead", () => home.system.processes.look(pid).kind === "dead");
  await home.registry.recover();
}

testGroups("a memory hog is ended, and told as that; its group goes", async () => {
  const home = makeHome();
  const { id } = await home.start(["tail", "/dev/zero"], { limits: { memory_bytes_max: 48 * mebibyte } });
  const { exit, limits } = await home.ended(id);
  expect(exit).toMatchObject({ cause: "oom", signal: "SIGKILL", termination_source: "limit:memory", intent: null });
  expect(limits.memory_bytes_max).toBe(48 * mebibyte);
  await groupGone(home, id);
});

testGroups("memory of a child counts, and what the shell makes of its end is told", async () => {
  const home = makeHome();
  const { id } = await home.start("tail /dev/zero; code=$?; echo child ended with $code; exit $code", {
    limits: { memory_bytes_max: 48 * mebibyte },
  });
  const { exit } = await home.ended(id);
  expect(exit).toMatchObject({ cause: "oom", code: 137, signal: null, termination_source: "limit:memory" });
  expect(home.bytes(id).toString()).toContain("child ended with 137");
});

testGroups("a fork bomb stays within its number, and is ended clean", async () => {
  const home = makeHome();
  // Each child leaves the session, drops the mark and starts two more, which is what no look at the process table keeps up with.
  const bomb = 'b() { while :; do (env -u HERMA_PROCESS_ID setsid sh "$0" &) 2>/dev/null; sleep 0.05; done; }; b';
  const file = join(home.home, "bomb.sh");
  writeFileSync(file, `trap '' TERM HUP\n${bomb}\n`);
  const { id } = await home.start(["sh", file], { limits: { pids_max: 40 }, graceMs: 200 });
  await until("it has reached its number", () => Number(groupFile(home, id, "pids.current")) >= 40);
  expect(Number(groupFile(home, id, "pids.current"))).toBeLessThanOrEqual(40);
  const made = folders(home, id);
  const result = await home.registry.kill(id);
  expect(result).toMatchObject({ verdict: "killed", survivors: [] });
  await until("its group is gone", () => made.every((folder) => !existsSync(folder)));
});

testGroups("processor time is in the kernel's hands, and holds", async () => {
  const home = makeHome();
  const { id } = await home.start("while :; do :; done", { limits: { cpu_percent_max: 20 } });
  const beganMs = performance.now();
  expect(groupFile(home, id, "cpu.max", "cpu.cfs_quota_us")).toMatch(/^20000\b/);
  await until("it has been held back", () => Number(/nr_throttled (\d+)/.exec(groupFile(home, id, "cpu.stat"))?.[1]) >= 10);
  const usedMs = cpuMsOf(home, id);
  // A fifth of the time is allowed; twice that, and what a look may take, leaves room for a busy machine.
  expect(usedMs).toBeLessThan((performance.now() - beganMs) * 0.4 + 200);
  await home.registry.updateLimits(id, { cpu_percent_max: 150, pids_max: 20 });
  expect(groupFile(home, id, "cpu.max", "cpu.cfs_quota_us")).toMatch(/^150000\b/);
  expect(groupFile(home, id, "pids.max")).toBe("20");
  expect(home.registry.get(id).limits).toMatchObject({ cpu_percent_max: 150, pids_max: 20 });
  await home.registry.kill(id);
  await groupGone(home, id);
});

testGroups("limits hold in a terminal, and the program gets the variables it would get without", async () => {
  const home = makeHome();
  const wish = { limits: { pids_max: 30 }, variables: { PATH: nodeProcess.env.PATH ?? "", A: "1", "odd-name": "2" } };
  const limited = await home.start(["env"], wish);
  const free = await home.start(["env"], { ...wish, limits: {} });
  await home.ended(limited.id);
  await home.ended(free.id);
  const lines = (id: ProcessId): string[] =>
    home
      .bytes(id)
      .toString()
      .split("\n")
      .filter((line) => !/^(HERMA_PROCESS_ID|SHLVL)=/.test(line))
      .sort();
  expect(lines(limited.id)).toEqual(lines(free.id));
  const terminal = await home.start("tty; cat /proc/self/cgroup", { tty: true, limits: { pids_max: 30 } });
  await home.ended(terminal.id);
  expect(home.bytes(terminal.id).toString()).toMatch(/\/dev\/pts\/\d+/);
  expect(home.bytes(terminal.id).toString()).toContain(terminal.id);
});

testGroups("a keeper that is killed: the limits hold, and the next one tells of memory and removes the group", async () => {
  const home = makeHome();
  home.system.files.makeFifo(join(home.home, "go"));
  const { id } = await home.start("read -r line < go; tail /dev/zero", { cwd: home.home, limits: { memory_bytes_max: 48 * mebibyte } });
  await killKeeper(home);
  await until("another keeper has it", () => home.registry.get(id).adoptions === 1);
  writeFileSync(join(home.home, "go"), "go\n");
  expect((await home.ended(id)).exit).toMatchObject({ cause: "oom", termination_source: "limit:memory" });
  await groupGone(home, id);
});

test("run time is counted across the death of a keeper", async () => {
  const home = makeHome();
  const { id } = await home.start("sleep 300", { limits: { run_ms_max: 2000 } });
  await killKeeper(home);
  const { exit, adoptions, uptime_seconds } = await home.ended(id);
  expect(adoptions).toBe(1);
  expect(exit).toMatchObject({ cause: "limit", termination_source: "limit:run" });
  expect(uptime_seconds).toBeGreaterThanOrEqual(1.99);
});

test("what waits at its output limit goes on when the limit is raised", async () => {
  const home = makeHome();
  const { id } = await home.start(["head", "-c", "2000000", "/dev/zero"], {
    limits: { output_bytes_max: 65_536, on_output_limit: "pause" },
  });
  await until("it is paused", () => home.registry.get(id).paused);
  const { code, stdout } = await runHerma(home.home, ["limit", id, "--output-max", "16M"]);
  expect([code, stdout]).toEqual([0, `${id}: output 16 MiB (pause)\n`]);
  expect((await home.ended(id)).exit).toMatchObject({ cause: "exited", code: 0, output_end: 2_000_000 });
});

test("the command line: limits at the start, told, changed, refused", async () => {
  const home = makeHome();
  const started = await runHerma(home.home, ["run", "-d", "--timeout", "10m", "--", "sleep", "300"]);
  const id = started.stdout.trim() as ProcessId;
  expect((await runHerma(home.home, ["limit", id])).stdout).toMatch(/time 10m 0s, output 64 MiB \(dropMiddle\)\n$/);
  expect((await runHerma(home.home, ["inspect", id])).stdout).toMatch(/limits: +time 10m 0s/);
  const changed = await runHerma(home.home, ["limit", id, "--timeout", "none", "--json"]);
  expect(JSON.parse(changed.stdout)).toEqual({ id, limits: { output_bytes_max: 67_108_864, on_output_limit: "dropMiddle" } });
  const refused = await runHerma(home.home, ["limit", id, "--memory", "1G"]);
  expect(refused.code).toBe(6);
  expect(refused.stderr).toMatch(/was started without a limit of memory/);
  for (const [option, value] of [
    ["--memory", "tiny"],
    ["--pids", "0"],
    ["--cpu", "-1"],
    ["--timeout", "soon"],
  ])
    expect((await runHerma(home.home, ["limit", id, `${option}=${value}`])).code, option).toBe(2);
  const { code, stderr } = await runHerma(home.home, ["run", "--timeout", "300ms", "--", "sleep", "300"]);
  expect(code).toBe(143);
  expect(stderr).toMatch(/was ended by SIGTERM at the limit of the time it may run/);
});
