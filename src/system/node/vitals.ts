import fs from "node:fs";
import os from "node:os";
import nodeProcess from "node:process";
import { getHeapStatistics } from "node:v8";
import type { CgroupVitals, ProgramVitals, Vitals } from "../types.ts";

/** `/proc` and `/sys` where there are such; `roots` is for tests. */
export function nodeVitals(
  roots: { readonly proc: string; readonly cgroups: string } = { proc: "/proc", cgroups: "/sys/fs/cgroup" },
): Vitals {
  return {
    program: (pid) => programVitals(roots.proc, pid),
    machine: () => ({
      load1m: numberAfter(textOf(`${roots.proc}/loadavg`), /^([\d.]+)/) ?? loadAverage(),
      memoryFreeBytes: kibibytes(numberAfter(textOf(`${roots.proc}/meminfo`), /^MemAvailable:\s+(\d+)/m)) ?? os.freemem(),
      oomKills: numberAfter(textOf(`${roots.proc}/vmstat`), /^oom_kill (\d+)$/m),
      cgroup: cgroupVitals(roots),
    }),
    memory: () => {
      const heap = getHeapStatistics();
      return { rssBytes: nodeProcess.memoryUsage.rss(), heapBytes: heap.used_heap_size, heapBytesMax: heap.heap_size_limit };
    },
  };
}

/** Null when it cannot be read, for whatever reason. */
function textOf(path: string): string | null {
  try {
    return fs.readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

function numberAfter(text: string | null, pattern: RegExp): number | null {
  const found = text === null ? undefined : pattern.exec(text)?.[1];
  return found === undefined ? null : Number(found);
}

function kibibytes(count: number | null): number | null {
  return count === null ? null : count * 1024;
}

/** Windows knows no such number and gives 0. */
function loadAverage(): number | null {
  return nodeProcess.platform === "win32" ? null : (os.loadavg()[0] ?? null);
}

function programVitals(proc: string, pid: number): ProgramVitals {
  const status = pid > 0 ? textOf(`${proc}/${pid}/status`) : null;
  const field = (name: string): string | null =>
    status === null ? null : (new RegExp(`^${name}:[ \\t]*(.*)$`, "m").exec(status)?.[1]?.trim() ?? null);
  const number = (name: string): number | null => numberAfter(field(name), /^(\d+)/);
  const words = pid > 0 ? textOf(`${proc}/${pid}/cmdline`)?.replaceAll("\0", " ").trim() : undefined;
  const known: ProgramVitals = {
    pid,
    name: field("Name"),
    state: field("State"),
    parent: number("PPid"),
    uid: number("Uid"),
    commandLine: words === undefined || words === "" ? null : words,
    tracer: number("TracerPid"),
  };
  if (status !== null || pid !== nodeProcess.pid) return known;
  // Without /proc a program still knows itself.
  const commandLine = [nodeProcess.execPath, ...nodeProcess.argv.slice(1)].join(" ");
  return { ...known, name: nodeProcess.title, parent: nodeProcess.ppid, uid: nodeProcess.getuid?.() ?? null, commandLine };
}

function cgroupVitals(roots: { readonly proc: string; readonly cgroups: string }): CgroupVitals | null {
  const text = textOf(`${roots.proc}/self/cgroup`);
  if (text === null) return null;
  const second = /^0::(\/.*)$/m.exec(text)?.[1];
  // Where both hierarchies stand, memory may still be counted in the first.
  const first = /^\d+:(?:[\w=,]+,)?memory(?:,[\w=,]+)?:(\/.*)$/m.exec(text)?.[1];
  const unified = second === undefined ? null : unifiedVitals(roots.cgroups, second);
  if (unified !== null && (unified.memoryBytes !== null || first === undefined)) return unified;
  return first === undefined ? unified : firstVitals(roots.cgroups, first);
}

function unifiedVitals(root: string, path: string): CgroupVitals {
  const folder = `${root}${path === "/" ? "" : path}`;
  return {
    path,
    memoryBytes: numberAfter(textOf(`${folder}/memory.current`), /^(\d+)/),
    memoryBytesMax: numberAfter(textOf(`${folder}/memory.max`), /^(\d+)/),
    oomKills: numberAfter(textOf(`${folder}/memory.events`), /^oom_kill (\d+)$/m),
  };
}

/** In cgroup v1 a group without a limit shows a huge number instead of none. */
const noLimit = 2 ** 60;

function firstVitals(root: string, path: string): CgroupVitals {
  // In a container the path is the host's, but the mount shows the container's own group.
  const folder = [`${root}/memory${path}`, `${root}/memory`].find((each) => fs.existsSync(`${each}/memory.usage_in_bytes`));
  const max = numberAfter(textOf(`${folder}/memory.limit_in_bytes`), /^(\d+)/);
  return {
    path,
    memoryBytes: numberAfter(textOf(`${folder}/memory.usage_in_bytes`), /^(\d+)/),
    memoryBytesMax: max === null || max >= noLimit ? null : max,
    oomKills: numberAfter(textOf(`${folder}/memory.oom_control`), /^oom_kill (\d+)$/m),
  };
}
