import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import nodeProcess from "node:process";
import { expect, test } from "vitest";
import { temporaryFolder } from "../../../test/setup/folders.ts";
import { nodeVitals } from "./vitals.ts";

/** A `/proc` and a `/sys/fs/cgroup` of the test's own. */
function machineOf(files: Readonly<Record<string, string>>): ReturnType<typeof nodeVitals> {
  const root = temporaryFolder();
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return nodeVitals({ proc: join(root, "proc"), cgroups: join(root, "cgroup") });
}

const status = "Name:\tnode (x) y\nState:\tS (sleeping)\nPPid:\t1\nTracerPid:\t0\nUid:\t1000\t0\t0\t0\n";

test("[F2] [F3] [F4] what is told of a program: fields by key, the real user, the command line with blanks", () => {
  const vitals = machineOf({ "proc/77/status": status, "proc/77/cmdline": "node\0-e\0a b\xff\0" });
  expect(vitals.program(77)).toEqual({
    pid: 77,
    name: "node (x) y",
    state: "S (sleeping)",
    parent: 1,
    uid: 1000,
    commandLine: "node -e a b\xff",
    tracer: 0,
  });
});

test("[F2] [F4] what cannot be read is null, for a pid that is no pid as well", () => {
  const vitals = machineOf({ "proc/77/status": "noise", "proc/77/cmdline": "" });
  const nothing = { name: null, state: null, parent: null, uid: null, commandLine: null, tracer: null };
  for (const pid of [77, 78, 0, -1]) expect(vitals.program(pid)).toEqual({ pid, ...nothing });
});

test("[F8] a debugger on it is told", () => {
  const vitals = machineOf({ "proc/77/status": status.replace("TracerPid:\t0", "TracerPid:\t99") });
  expect(vitals.program(77).tracer).toBe(99);
});

test("[F7] load, free memory and kills for want of memory come from /proc, those of our cgroup from its files", () => {
  const vitals = machineOf({
    "proc/loadavg": "0.52 0.58 0.59 1/389 12345\n",
    "proc/meminfo": "MemTotal: 100 kB\nMemAvailable:   2048 kB\n",
    "proc/vmstat": "pgfault 5\noom_kill 7\n",
    "proc/self/cgroup": "0::/user.slice/a.service\n",
    "cgroup/user.slice/a.service/memory.current": "4096\n",
    "cgroup/user.slice/a.service/memory.max": "8192\n",
    "cgroup/user.slice/a.service/memory.events": "low 0\noom 3\noom_kill 2\noom_group_kill 0\n",
  });
  expect(vitals.machine()).toEqual({
    load1m: 0.52,
    memoryFreeBytes: 2_097_152,
    oomKills: 7,
    cgroup: { path: "/user.slice/a.service", memoryBytes: 4096, memoryBytesMax: 8192, oomKills: 2 },
  });
});

test("a group without a limit, and one of the first version", () => {
  const unlimited = machineOf({ "proc/self/cgroup": "0::/\n", "cgroup/memory.current": "1\n", "cgroup/memory.max": "max\n" });
  expect(unlimited.machine().cgroup).toEqual({ path: "/", memoryBytes: 1, memoryBytesMax: null, oomKills: null });
  const first = machineOf({
    "proc/self/cgroup": "4:cpu,memory:/a\n0::/\n",
    "cgroup/memory/a/memory.usage_in_bytes": "5\n",
    "cgroup/memory/a/memory.limit_in_bytes": "9223372036854771712\n",
    "cgroup/memory/a/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n",
  });
  expect(first.machine().cgroup).toEqual({ path: "/a", memoryBytes: 5, memoryBytesMax: null, oomKills: 4 });
});

test("a system without /proc tells what a program knows of itself", () => {
  const vitals = nodeVitals({ proc: "/nonexistent", cgroups: "/nonexistent" });
  expect(vitals.program(nodeProcess.pid)).toMatchObject({ parent: nodeProcess.ppid, uid: nodeProcess.getuid?.() });
  expect(vitals.program(nodeProcess.ppid)).toMatchObject({ name: null, commandLine: null });
  expect(vitals.machine()).toMatchObject({ oomKills: null, cgroup: null });
  const { rssBytes, heapBytes, heapBytesMax } = vitals.memory();
  expect(rssBytes).toBeGreaterThan(heapBytes / 2);
  expect(heapBytesMax).toBeGreaterThan(heapBytes);
});
