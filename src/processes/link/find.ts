import { dirname } from "node:path";
import { homePaths, Identity, KeeperFile, keeperPaths } from "../../contract/index.ts";
import { requirePrivateFolder, socketPlace } from "../../rules/index.ts";
import { type LockView, runtimeFolder, type System } from "../../system/index.ts";
import { surroundings } from "./surroundings.ts";

/** A keeper, as far as its files and its lock tell, without asking it. */
export type Found = {
  readonly generation: string;
  readonly file: KeeperFile | null;
  /** Where it listens, or would. */
  readonly socket: string;
  readonly lock: LockView;
};

/** Generations that have a folder in the home. */
export function generations(files: Pick<System["files"], "list" | "stat">, home: string): string[] {
  try {
    const folder = homePaths(home).keepers;
    return files.list(folder).filter((name) => files.stat(keeperPaths(home, name).folder)?.kind === "folder");
  } catch {
    return [];
  }
}

export function findKeeper(system: Pick<System, "files" | "locks" | "processes">, home: string, generation: string): Found {
  const paths = keeperPaths(home, generation);
  const file = readKeeperFile(system.files, paths.file);
  // A keeper holds its lock as long as it lives, and its identity is told twenty times sooner than the kernel's list of locks is read.
  const lives = file !== null && system.processes.compare(file.identity) === "same";
  const lock: LockView = lives ? { held: true, pid: file.identity.pid } : lookAt(system, paths.lock);
  return { generation, file, socket: socketOf(system.files, file, home, generation), lock };
}

/** By the lock's own file, which tells of its holder at once; the kernel's list of locks holds up whoever reads it for ten milliseconds. */
export function holderIsGone(system: Pick<System, "files" | "processes">, home: string, generation: string): boolean {
  try {
    const bytes = system.files.read(keeperPaths(home, generation).lock);
    const holder = bytes === null ? null : Identity.safeParse(JSON.parse(bytes.toString("utf8")));
    return holder?.success === true && system.processes.compare(holder.data) === "gone";
  } catch {
    return false;
  }
}

/** Where a generation's keeper listens, or would: without the look at its lock, which costs as much as the rest of a start. */
export function findSocket(files: Pick<System["files"], "read" | "stat">, home: string, generation: string): string {
  return socketOf(files, readKeeperFile(files, keeperPaths(home, generation).file), home, generation);
}

function socketOf(files: Pick<System["files"], "stat">, file: KeeperFile | null, home: string, generation: string): string {
  if (file !== null) return file.socket;
  const uid = surroundings.uid();
  return socketPlace({ home, generation, runtimeFolder: runtimeFolder(files, surroundings.variables(), uid), uid }).path;
}

function readKeeperFile(files: Pick<System["files"], "read">, path: string): KeeperFile | null {
  try {
    const bytes = files.read(path);
    if (bytes === null) return null;
    const parsed = KeeperFile.safeParse(JSON.parse(bytes.toString("utf8")));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

function lookAt(system: Pick<System, "locks">, path: string): LockView {
  try {
    return system.locks.look(path);
  } catch {
    return { held: "unknown" };
  }
}

/** What files and kernel say about a keeper's life: unknown is never taken for dead. */
export function keeperLife(
  system: Pick<System, "files" | "locks" | "processes">,
  home: string,
  keeper: { readonly generation: string; readonly identity: KeeperFile["identity"] | null },
): "yes" | "no" | "unknown" {
  // The identity first: the kernel's list of locks costs milliseconds to read, more than all else that `herma ps` does.
  const sameness = keeper.identity === null ? "unknown" : system.processes.compare(keeper.identity);
  if (sameness === "same") return "yes";
  const lock = lookAt(system, keeperPaths(home, keeper.generation).lock);
  if (lock.held !== "unknown") return lock.held ? "yes" : "no";
  return sameness === "gone" ? "no" : "unknown";
}

/**
 * A socket outside the home stands in a folder that others could have made: before anything is sent to it, the folder must be a real one
 * of this user that nobody else may enter. Throws HOME_UNUSABLE.
 */
export function checkSocketFolder(files: Pick<System["files"], "stat">, home: string, socket: string): void {
  if (socket.startsWith(`${home}/`)) return;
  const folder = dirname(socket);
  const stat = files.stat(folder);
  if (stat !== null) requirePrivateFolder(folder, stat, surroundings.uid());
}
