import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryFolder } from "../../../test/setup/folders.ts";
import { groupFolders, ownPlaces } from "./cgroupPlaces.ts";
import { cgroups } from "./cgroups.ts";

/** A /proc that shows these mounts and memberships. */
function procWith(mountinfo: string, cgroup: string): string {
  const proc = temporaryFolder();
  mkdirSync(join(proc, "self"));
  writeFileSync(join(proc, "self/mountinfo"), mountinfo);
  writeFileSync(join(proc, "self/cgroup"), cgroup);
  return proc;
}

/** A folder as the kernel makes it for a group. */
function groupWith(files: Readonly<Record<string, string>>): string {
  const folder = temporaryFolder();
  for (const [name, text] of Object.entries({ "cgroup.procs": "", ...files })) writeFileSync(join(folder, name), text);
  return folder;
}

const read = (folder: string, name: string): string => readFileSync(join(folder, name), "utf8");

test("version 2: one hierarchy, with the controllers of the own place", () => {
  const root = temporaryFolder();
  mkdirSync(join(root, "user.slice/keeper.scope"), { recursive: true });
  writeFileSync(join(root, "user.slice/keeper.scope/cgroup.controllers"), "cpuset cpu io memory pids\n");
  const mountinfo = `30 23 0:26 / ${root} rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n`;
  const place = { folder: join(root, "user.slice/keeper.scope"), unified: true, controllers: ["memory", "pids", "cpu"] };
  expect(ownPlaces(procWith(mountinfo, "0::/user.slice/keeper.scope\n"))).toEqual([place]);
  // It has stepped aside into a leaf before.
  expect(ownPlaces(procWith(mountinfo, "0::/user.slice/keeper.scope/herma-keeper\n"))).toEqual([place]);
});

test("version 1 beside version 2; controllers on one mount; blanks in a path; what a container does not show", () => {
  const mountinfo = [
    "31 30 0:27 / /cg/memory rw - cgroup cgroup rw,memory",
    "32 30 0:28 /docker/a1 /cg/cpu\\040and\\040more rw shared:1 - cgroup cgroup rw,cpu,cpuacct",
    "33 30 0:29 / /cg/freezer rw - cgroup cgroup rw,freezer",
    "34 30 0:30 / /cg/unified rw - cgroup2 cgroup2 rw",
    "35 30 0:31 / /tmp rw - tmpfs tmpfs rw",
  ].join("\n");
  const proc = procWith(mountinfo, "4:memory:/job\n3:cpu,cpuacct:/docker/a1/inner\n2:freezer:/\n5:pids:/job\n0::/\n");
  expect(ownPlaces(proc)).toEqual([
    { folder: "/cg/memory/job", unified: false, controllers: ["memory"] },
    { folder: "/cg/cpu and more/inner", unified: false, controllers: ["cpu"] },
    { folder: "/cg/unified", unified: true, controllers: [] },
  ]);
  expect(() => cgroups(proc).make("x", { pidsMax: 5 })).toThrow(/A limit of processes cannot be enforced here: no cgroup/);
  mkdirSync(join(proc, "77"));
  writeFileSync(join(proc, "77/cgroup"), "4:memory:/job/mine\n3:cpu,cpuacct:/docker/a1/inner\n0::/mine\n");
  expect(groupFolders(77, "mine", proc)).toEqual(["/cg/memory/job/mine", "/cg/unified/mine"]);
  expect(groupFolders(77, "ine", proc)).toEqual([]);
});

test("no cgroups at all: nothing can be made, and nothing is found", () => {
  const groups = cgroups(procWith("35 30 0:31 / /tmp rw - tmpfs tmpfs rw\n", "0::/\n"));
  expect(() => groups.make("x", { memoryBytesMax: 1 })).toThrow(expect.objectContaining({ code: "LIMIT_UNAVAILABLE" }));
  expect(groups.list("x")).toEqual([]);
  expect(groups.open(["/nowhere/x"])).toBeNull();
  expect(cgroups("/nowhere").list("")).toEqual([]);
});

test("a place that may not be divided refuses, and leaves nothing", () => {
  const root = temporaryFolder();
  writeFileSync(join(root, "cgroup.controllers"), "memory pids\n");
  mkdirSync(join(root, "cgroup.subtree_control"));
  const groups = cgroups(procWith(`30 23 0:26 / ${root} rw - cgroup2 cgroup2 rw\n`, "0::/\n"));
  expect(() => groups.make("x", { memoryBytesMax: 5_000_000 })).toThrow(
    /A limit of memory cannot be enforced here: .* cannot be divided: EISDIR/,
  );
  expect(existsSync(join(root, "x"))).toBe(false);
});

test("a controller that no limit needs may be missing", () => {
  const [unified, pids] = [temporaryFolder(), temporaryFolder()];
  writeFileSync(join(unified, "cgroup.controllers"), "cpu\n");
  // It can be neither read nor written, so nothing is switched on.
  mkdirSync(join(unified, "cgroup.subtree_control"));
  mkdirSync(join(pids, "x"));
  writeFileSync(join(pids, "x", "pids.max"), "max");
  const mounts = [`30 23 0:26 / ${unified} rw - cgroup2 cgroup2 rw`, `31 23 0:27 / ${pids} rw - cgroup cgroup rw,pids`, ""].join("\n");
  const groups = cgroups(procWith(mounts, "1:pids:/\n0::/\n"));
  expect(groups.make("x", { pidsMax: 7 }).folders.toSorted()).toEqual([join(unified, "x"), join(pids, "x")].sort());
  expect(read(join(pids, "x"), "pids.max")).toBe("7");
  expect(() => groups.make("x", { pidsMax: 7, cpuPercentMax: 50 })).toThrow(/A limit of processor time .* cannot be divided/);
});

test("version 2: what is written, counted and killed", () => {
  const folder = groupWith({
    "memory.max": "max",
    "memory.swap.max": "max",
    "memory.events": "low 0\nhigh 0\nmax 31\noom 4\noom_kill 3\noom_group_kill 0\n",
    "pids.max": "max",
    "cpu.max": "max 100000",
    "cgroup.kill": "",
    "cgroup.procs": "12\n77\n",
  });
  const group = cgroups().open([folder, "/nowhere/x"]);
  expect(group?.folders).toEqual([folder]);
  group?.limit({ memoryBytesMax: 5_000_000, pidsMax: 12, cpuPercentMax: 33.3 });
  expect(["memory.max", "memory.swap.max", "pids.max", "cpu.max"].map((name) => read(folder, name))).toEqual([
    "5000000",
    "0",
    "12",
    "33300 100000",
  ]);
  group?.limit({ memoryBytesMax: null, cpuPercentMax: null });
  expect(["memory.max", "memory.swap.max", "pids.max", "cpu.max"].map((name) => read(folder, name))).toEqual([
    "max",
    "max",
    "12",
    "max 100000",
  ]);
  expect(group?.memoryKills()).toBe(3);
  expect(group?.members()).toEqual([12, 77]);
  group?.kill();
  expect([read(folder, "cgroup.kill"), read(folder, "pids.max")]).toEqual(["1", "12"]);
});

test("version 1: what is written and counted; without a way to kill, nobody may start another", () => {
  const memory = groupWith({
    "memory.limit_in_bytes": "9",
    "memory.memsw.limit_in_bytes": "9",
    "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
  });
  const cpu = groupWith({ "cpu.cfs_period_us": "5", "cpu.cfs_quota_us": "-1", "cgroup.procs": "12\n" });
  const pids = groupWith({ "pids.max": "max", "cgroup.procs": "12\n13\n" });
  const group = cgroups().open([memory, cpu, pids]);
  group?.limit({ memoryBytesMax: 5_000_000, pidsMax: 12, cpuPercentMax: 150 });
  expect(read(memory, "memory.limit_in_bytes")).toBe("5000000");
  expect(read(memory, "memory.memsw.limit_in_bytes")).toBe("5000000");
  expect(read(cpu, "cpu.cfs_quota_us")).toBe("150000");
  expect(read(cpu, "cpu.cfs_period_us")).toBe("100000");
  expect(group?.memoryKills()).toBe(2);
  expect(group?.members().toSorted()).toEqual([12, 13]);
  group?.kill();
  expect(read(pids, "pids.max")).toBe("0");
  group?.limit({ memoryBytesMax: null, cpuPercentMax: null });
  expect(read(memory, "memory.limit_in_bytes")).toBe("-1");
  expect(read(cpu, "cpu.cfs_quota_us")).toBe("-1");
});

test("a group without the controller refuses a limit that needs it", () => {
  const group = cgroups().open([groupWith({ "pids.max": "max" })]);
  expect(() => group?.limit({ memoryBytesMax: 5_000_000 })).toThrow(/A limit of memory cannot be enforced here/);
});
