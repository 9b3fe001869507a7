import fs from "node:fs";
import { join } from "node:path";

/** What a group can be held by. `unified` is version 2, which counts and kills members whatever controllers it has. */
export type Controller = "memory" | "pids" | "cpu";
export const controllers: readonly Controller[] = ["memory", "pids", "cpu"];

/** One hierarchy, and this program's place in it. */
export type Place = {
  /** Where groups are made. */
  readonly folder: string;
  /** Version 2. Its controllers have to be switched on for the groups below. */
  readonly unified: boolean;
  readonly controllers: readonly Controller[];
};

/** Where a keeper that had to make room for its groups stands, below its own place. */
export const ownLeaf = "herma-keeper";

type Mount = { readonly root: string; readonly point: string; readonly kind: "cgroup" | "cgroup2"; readonly options: readonly string[] };

/** This program's places; none where there are no cgroups. `proc` is for tests. */
export function ownPlaces(proc = "/proc"): Place[] {
  const places: Place[] = [];
  for (const { mount, path } of memberships(proc, "self")) {
    const folder = folderOf(mount, path);
    if (mount.kind === "cgroup") {
      const held = controllers.filter((controller) => mount.options.includes(controller));
      if (held.length > 0) places.push({ folder, unified: false, controllers: held });
      continue;
    }
    const above = folder.endsWith(`/${ownLeaf}`) ? folder.slice(0, -ownLeaf.length - 1) : folder;
    const held = words(join(above, "cgroup.controllers"));
    places.push({ folder: above, unified: true, controllers: controllers.filter((controller) => held.includes(controller)) });
  }
  return places;
}

/** The folders of the group of this name that a process is in; none when it is in none, or that cannot be told. */
export function groupFolders(pid: number, name: string, proc = "/proc"): string[] {
  return memberships(proc, String(pid), name).map(({ mount, path }) => folderOf(mount, path));
}

/** Words of a small file; none when it cannot be read. */
export function words(path: string): string[] {
  try {
    return fs.readFileSync(path, "utf8").split(/\s+/).filter(Boolean);
  } catch {
    return [];
  }
}

/** Of groups of one name alone where that is given: mounts are looked at only for those. */
function memberships(proc: string, pid: string, name?: string): { readonly mount: Mount; readonly path: string }[] {
  let mounts: readonly Mount[];
  let lines: readonly string[];
  try {
    lines = fs.readFileSync(`${proc}/${pid}/cgroup`, "utf8").split("\n");
    if (name !== undefined) lines = lines.filter((line) => line.endsWith(`/${name}`));
    if (lines.length === 0) return [];
    mounts = mountsIn(fs.readFileSync(`${proc}/self/mountinfo`, "utf8"));
  } catch {
    return [];
  }
  const found: { readonly mount: Mount; readonly path: string }[] = [];
  for (const line of lines) {
    const match = /^\d+:([^:]*):(\/.*)$/.exec(line);
    if (match === null) continue;
    const [, names = "", path = "/"] = match;
    const mount = mounts.find(({ kind, options }) =>
      names === "" ? kind === "cgroup2" : kind === "cgroup" && names.split(",").every((name) => options.includes(name)),
    );
    if (mount !== undefined) found.push({ mount, path });
  }
  return found;
}

/** Lines of mountinfo: id, parent, device, root, mount point, options, optional fields, "-", type, source, super options. */
function mountsIn(text: string): Mount[] {
  const mounts: Mount[] = [];
  for (const line of text.split("\n")) {
    const [before = "", after = ""] = line.split(" - ");
    const [, , , root = "/", point = ""] = before.split(" ").map(unescaped);
    const [kind, , options = ""] = after.split(" ");
    if (kind === "cgroup" || kind === "cgroup2") mounts.push({ root, point, kind, options: options.split(",") });
  }
  return mounts;
}

/** Blanks and the like are octal there. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_all, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/** A container may show only its own part of the hierarchy. */
function folderOf({ root, point }: Mount, path: string): string {
  const inner = root === "/" ? path : path === root || path.startsWith(`${root}/`) ? path.slice(root.length) : "/";
  return join(point, inner).replace(/(.)\/$/, "$1");
}
