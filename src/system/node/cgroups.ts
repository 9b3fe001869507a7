import fs from "node:fs";
import { join } from "node:path";
import nodeProcess from "node:process";
import { HermaError } from "../../contract/index.ts";
import type { Group, GroupLimits, Groups } from "../types.ts";
import { type Controller, groupFolders, ownLeaf, ownPlaces, type Place, words } from "./cgroupPlaces.ts";
import { codeOf } from "./systemError.ts";

const cpuPeriodUs = 100_000;

/**
 * Groups by cgroups. Limits hold where this program may divide its own place: as root, in a container that may write there, in a systemd scope
 * that is delegated to it. Resource limits of single processes (prlimit) are no substitute: they count address space instead of memory, and
 * processes of a user instead of those of a tree. `proc` is for tests.
 */
export function cgroups(proc = "/proc"): Groups {
  return {
    make: (name, limits) => make(ownPlaces(proc), name, limits),
    open: (folders) => groupAt(folders),
    of: (pid, name) => groupAt(groupFolders(pid, name, proc)),
    list: (prefix) => list(ownPlaces(proc), prefix),
  };
}

/** Where the kernel has nothing of that kind. */
export const noGroups: Groups = {
  make: (_name, limits) => {
    throw unavailable(asked(limits)[0] ?? "memory", "this system has no cgroups");
  },
  open: () => null,
  of: () => null,
  list: () => [],
};

function make(places: readonly Place[], name: string, limits: GroupLimits): Group {
  const needed = asked(limits);
  for (const controller of needed) {
    if (!places.some((place) => place.controllers.includes(controller)))
      throw unavailable(controller, "no cgroup with this controller is to be had here");
  }
  const folders: string[] = [];
  try {
    for (const place of places) {
      const folder = divide(place, name, needed);
      if (folder !== null) folders.push(folder);
    }
    const group = new Cgroup(folders);
    group.limit(limits);
    return group;
  } catch (error) {
    new Cgroup(folders).remove();
    throw error;
  }
}

/** The group's folder in one hierarchy. Null when it cannot be made and no limit needs it; controllers that none needs may be missing. */
function divide(place: Place, name: string, needed: readonly Controller[]): string | null {
  for (const controller of place.unified ? place.controllers : []) {
    try {
      switchOn(place, controller);
    } catch (error) {
      if (needed.includes(controller)) throw undivided(place, controller, error);
    }
  }
  const folder = join(place.folder, name);
  try {
    fs.mkdirSync(folder, { recursive: true, mode: 0o755 });
    return folder;
  } catch (error) {
    const controller = place.controllers.find((each) => needed.includes(each));
    if (controller !== undefined) throw undivided(place, controller, error);
    return null;
  }
}

function undivided(place: Place, controller: Controller, error: unknown): HermaError {
  return unavailable(controller, `${place.folder} cannot be divided: ${codeOf(error)}`, error);
}

/** A place with members of its own may not give its controllers on (but for the root): this program then steps aside into a leaf. */
function switchOn({ folder }: Place, controller: Controller): void {
  const control = join(folder, "cgroup.subtree_control");
  if (words(control).includes(controller)) return;
  try {
    fs.writeFileSync(control, `+${controller}`);
  } catch (error) {
    if (codeOf(error) !== "EBUSY") throw error;
    const leaf = join(folder, ownLeaf);
    fs.mkdirSync(leaf, { recursive: true, mode: 0o755 });
    fs.writeFileSync(join(leaf, "cgroup.procs"), String(nodeProcess.pid));
    fs.writeFileSync(control, `+${controller}`);
  }
}

function list(places: readonly Place[], prefix: string): { readonly name: string; readonly group: Group }[] {
  const found = new Map<string, string[]>();
  for (const { folder } of places) {
    for (const name of namesIn(folder)) {
      if (!name.startsWith(prefix)) continue;
      const folders = found.get(name);
      if (folders === undefined) found.set(name, [join(folder, name)]);
      else folders.push(join(folder, name));
    }
  }
  return [...found].map(([name, folders]) => ({ name, group: new Cgroup(folders) }));
}

function namesIn(folder: string): string[] {
  try {
    return fs
      .readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch {
    return [];
  }
}

function groupAt(folders: readonly string[]): Group | null {
  const there = folders.filter((folder) => fs.existsSync(join(folder, "cgroup.procs")));
  return there.length === 0 ? null : new Cgroup(there);
}

class Cgroup implements Group {
  readonly folders: readonly string[];

  constructor(folders: readonly string[]) {
    this.folders = folders;
  }

  limit({ memoryBytesMax, pidsMax, cpuPercentMax }: GroupLimits): void {
    if (memoryBytesMax !== undefined) this.#limitMemory(memoryBytesMax);
    if (pidsMax !== undefined) this.#write("pids", [["pids.max", String(pidsMax ?? "max")]]);
    if (cpuPercentMax !== undefined) this.#limitCpu(cpuPercentMax);
  }

  #limitMemory(bytes: number | null): void {
    if (this.#with("memory.max") !== null) {
      this.#write("memory", [["memory.max", String(bytes ?? "max")]]);
      // Without this what is over the limit would only move to the swap. Absent on a kernel without swap.
      if (this.#with("memory.swap.max") !== null) this.#write("memory", [["memory.swap.max", bytes === null ? "max" : "0"]]);
      return;
    }
    const limit: [string, string] = ["memory.limit_in_bytes", String(bytes ?? -1)];
    if (this.#with("memory.memsw.limit_in_bytes") === null) {
      this.#write("memory", [limit]);
      return;
    }
    // The one with swap is never below the other: which goes first depends on the direction.
    const both: [string, string] = ["memory.memsw.limit_in_bytes", String(bytes ?? -1)];
    try {
      this.#write("memory", [both, limit]);
    } catch {
      this.#write("memory", [limit, both]);
    }
  }

  #limitCpu(percent: number | null): void {
    const quotaUs = percent === null ? null : Math.max(1000, Math.round((percent * cpuPeriodUs) / 100));
    const files: [string, string][] =
      this.#with("cpu.max") === null
        ? [
            ["cpu.cfs_period_us", String(cpuPeriodUs)],
            ["cpu.cfs_quota_us", String(quotaUs ?? -1)],
          ]
        : [["cpu.max", `${quotaUs ?? "max"} ${cpuPeriodUs}`]];
    this.#write("cpu", files);
  }

  members(): number[] {
    const pids = new Set<number>();
    for (const folder of this.folders) for (const pid of words(join(folder, "cgroup.procs"))) pids.add(Number(pid));
    pids.delete(0);
    return [...pids];
  }

  kill(): void {
    // A ladder that follows ends whom this does not reach: an old kernel, a place of version 1 alone.
    if (this.#tryWrite("cgroup.kill", "1")) return;
    this.#tryWrite("pids.max", "0");
  }

  memoryKills(): number {
    for (const name of ["memory.events", "memory.oom_control"]) {
      const folder = this.#with(name);
      if (folder === null) continue;
      const found = words(join(folder, name));
      return Number(found[found.indexOf("oom_kill") + 1]) || 0;
    }
    return 0;
  }

  remove(): boolean {
    return this.folders.map((folder) => removeTree(folder)).every(Boolean);
  }

  #with(file: string): string | null {
    return this.folders.find((folder) => fs.existsSync(join(folder, file))) ?? null;
  }

  #write(controller: Controller, files: readonly (readonly [name: string, text: string])[]): void {
    for (const [name, text] of files) {
      const folder = this.#with(name);
      if (folder === null) throw unavailable(controller, "its cgroup has no such controller; start it with this limit");
      try {
        fs.writeFileSync(join(folder, name), text);
      } catch (error) {
        const used = codeOf(error) === "EBUSY" ? "more than that is in use" : codeOf(error);
        throw unavailable(controller, `${name} does not take ${text}: ${used}`, error);
      }
    }
  }

  #tryWrite(name: string, text: string): boolean {
    const folder = this.#with(name);
    if (folder === null) return false;
    try {
      fs.writeFileSync(join(folder, name), text);
      return true;
    } catch {
      return false;
    }
  }
}

/** A group may have been divided further from within. */
function removeTree(folder: string): boolean {
  for (const name of namesIn(folder)) removeTree(join(folder, name));
  try {
    fs.rmdirSync(folder);
    return true;
  } catch (error) {
    return codeOf(error) === "ENOENT";
  }
}

function asked({ memoryBytesMax, pidsMax, cpuPercentMax }: GroupLimits): Controller[] {
  const set = (value: number | null | undefined): boolean => value !== undefined && value !== null;
  const needed: Controller[] = [];
  if (set(memoryBytesMax)) needed.push("memory");
  if (set(pidsMax)) needed.push("pids");
  if (set(cpuPercentMax)) needed.push("cpu");
  return needed;
}

const titles: Readonly<Record<Controller, string>> = { memory: "memory", pids: "processes", cpu: "processor time" };

function unavailable(controller: Controller, why: string, cause?: unknown): HermaError {
  return new HermaError("LIMIT_UNAVAILABLE", `A limit of ${titles[controller]} cannot be enforced here: ${why}`, { cause });
}
