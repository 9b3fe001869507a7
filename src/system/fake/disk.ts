import type { FileStat } from "../types.ts";
import { FakePipe } from "./pipe.ts";
import type { Actor } from "./program.ts";
import { FakeCrash, type FakeTime } from "./time.ts";

/** `crash`: the program dies before the change. `tear`: it dies after it, and of a write only half was done. */
export type DiskFault = "ENOSPC" | "EIO" | "crash" | "tear";

type Common = { readonly ino: number; mode: number; mtimeMs: number };
export type FileNode = Common & { readonly kind: "file"; data: Buffer; synced: Buffer };
export type FolderNode = Common & {
  readonly kind: "folder";
  readonly entries: Map<string, DiskNode>;
  synced: ReadonlyMap<string, DiskNode>;
};
export type FifoNode = Common & { readonly kind: "fifo"; readonly pipe: FakePipe };
export type LinkNode = Common & { readonly kind: "link"; readonly target: string };
export type DiskNode = FileNode | FolderNode | FifoNode | LinkNode;

/** An error as the system gives it. */
export function systemError(code: string): Error {
  return Object.assign(new Error(code), { code });
}

/**
 * A disk in memory: inodes, names, bytes, what of both has been synced, and how much room there is. Every change is one step, counted, so
 * that a test can make any of them fail or crash the program that makes it.
 */
export class FakeDisk {
  /** Room for the bytes of files. A test may change it. */
  bytesMax: number;
  /** Changes made so far. */
  steps = 0;
  /** Called after a change of a folder's entries or of a file in it. */
  changed: (folder: string, name: string) => void = () => {};
  readonly root: FolderNode;
  readonly #time: FakeTime;
  readonly #faults = new Map<number, DiskFault>();
  #inodes = 1;

  constructor(time: FakeTime, bytesMax: number) {
    this.#time = time;
    this.bytesMax = bytesMax;
    this.root = this.#folder(0o755);
  }

  /** Makes the `nth` change from now (1 is the next one) fail. */
  failAt(nth: number, fault: DiskFault): void {
    this.#faults.set(this.steps + nth, fault);
  }

  /** Takes back every fault that has not come yet. */
  failNever(): void {
    this.#faults.clear();
  }

  /** Counts a change; throws when it is the one to fail. Returns true when the program dies after it. */
  #step(actor: Actor): boolean {
    actor.demandAlive();
    this.steps += 1;
    const fault = this.#faults.get(this.steps);
    this.#faults.delete(this.steps);
    if (fault === "ENOSPC" || fault === "EIO") throw systemError(fault);
    if (fault === "crash") actor.crash(`at change ${this.steps} of the disk`);
    return fault === "tear";
  }

  /** The node, or null when there is none. A link in the last place is not followed; one before it is. */
  find(path: string): DiskNode | null {
    let node: DiskNode = this.root;
    for (const name of partsOf(path)) {
      if (node.kind === "link") node = this.find(node.target) ?? node;
      const next: DiskNode | undefined = node.kind === "folder" ? node.entries.get(name) : undefined;
      if (next === undefined) return null;
      node = next;
    }
    return node;
  }

  folderOf(path: string): FolderNode {
    const parent = this.find(parentOf(path));
    if (parent === null) throw systemError("ENOENT");
    if (parent.kind !== "folder") throw systemError("ENOTDIR");
    return parent;
  }

  makeFolder(actor: Actor, path: string, mode: number): void {
    let at = "";
    for (const name of partsOf(path)) {
      at += `/${name}`;
      const node = this.find(at);
      if (node?.kind === "folder") continue;
      if (node !== null) throw systemError(at === path ? "EEXIST" : "ENOTDIR");
      this.#enter(actor, at, this.#folder(mode));
    }
  }

  makeFile(actor: Actor, path: string, mode: number): FileNode {
    if (this.find(path) !== null) throw systemError("EEXIST");
    const node: FileNode = { kind: "file", ...this.#common(mode), data: Buffer.alloc(0), synced: Buffer.alloc(0) };
    this.#enter(actor, path, node);
    return node;
  }

  makeFifo(actor: Actor, path: string): void {
    if (this.find(path) !== null) throw systemError("EEXIST");
    this.#enter(actor, path, { kind: "fifo", ...this.#common(0o600), pipe: new FakePipe(this.#time) });
  }

  makeLink(path: string, target: string): void {
    this.folderOf(path).entries.set(nameOf(path), { kind: "link", ...this.#common(0o777), target });
  }

  /** A second name for a node. */
  enterAgain(actor: Actor, path: string, node: FileNode): void {
    if (this.find(path) !== null) throw systemError("EEXIST");
    this.#enter(actor, path, node);
  }

  #enter(actor: Actor, path: string, node: DiskNode): void {
    const folder = this.folderOf(path);
    const dies = this.#step(actor);
    folder.entries.set(nameOf(path), node);
    this.#touched(path, folder);
    if (dies) actor.crash(`after change ${this.steps} of the disk`);
  }

  /** Writes what fits, as a real disk does; throws ENOSPC when nothing does. Returns how much was taken. */
  write(actor: Actor, path: string, node: FileNode, offset: number, bytes: Uint8Array): number {
    const dies = this.#step(actor);
    const room = Math.max(0, this.bytesMax - this.usedBytes) + Math.max(0, node.data.length - offset);
    const length = dies ? Math.floor(bytes.length / 2) : Math.min(bytes.length, room);
    if (length === 0 && bytes.length > 0 && !dies) throw systemError("ENOSPC");
    const grown = Buffer.alloc(Math.max(node.data.length, offset + length));
    node.data.copy(grown);
    grown.set(bytes.subarray(0, length), offset);
    node.data = grown;
    node.mtimeMs = this.#wallMs();
    this.changed(parentOf(path), nameOf(path));
    if (dies) actor.crash(`in the middle of change ${this.steps} of the disk`);
    return length;
  }

  truncate(actor: Actor, node: FileNode, length: number): void {
    const dies = this.#step(actor);
    node.data = Buffer.from(node.data.subarray(0, length));
    if (dies) actor.crash(`after change ${this.steps} of the disk`);
  }

  /** Makes bytes, or the names in a folder, safe from a reboot. */
  sync(actor: Actor, node: DiskNode): void {
    const dies = this.#step(actor);
    if (node.kind === "file") node.synced = node.data;
    if (node.kind === "folder") node.synced = new Map(node.entries);
    if (dies) actor.crash(`after change ${this.steps} of the disk`);
  }

  rename(actor: Actor, from: string, to: string): void {
    const source = this.folderOf(from);
    const node = source.entries.get(nameOf(from));
    if (node === undefined) throw systemError("ENOENT");
    const target = this.folderOf(to);
    const dies = this.#step(actor);
    source.entries.delete(nameOf(from));
    target.entries.set(nameOf(to), node);
    this.#touched(from, source);
    this.#touched(to, target);
    if (dies) actor.crash(`after change ${this.steps} of the disk`);
  }

  /** Takes a name away; `kind` is what it must be. */
  unlink(actor: Actor, path: string): void {
    const folder = this.folderOf(path);
    const node = folder.entries.get(nameOf(path));
    if (node === undefined) throw systemError("ENOENT");
    if (node.kind === "folder") throw systemError("EISDIR");
    const dies = this.#step(actor);
    folder.entries.delete(nameOf(path));
    this.#touched(path, folder);
    if (dies) actor.crash(`after change ${this.steps} of the disk`);
  }

  removeTree(actor: Actor, path: string): void {
    const node = this.find(path);
    if (node === null) return;
    if (node.kind !== "folder") {
      this.unlink(actor, path);
      return;
    }
    for (const name of [...node.entries.keys()]) this.removeTree(actor, `${path}/${name}`);
    this.#step(actor);
    this.folderOf(path).entries.delete(nameOf(path));
    this.changed(parentOf(path), nameOf(path));
  }

  stat(node: DiskNode): FileStat {
    const size = node.kind === "file" ? node.data.length : 0;
    return { kind: node.kind, size, mtimeMs: node.mtimeMs, mode: node.mode, uid: 0, dev: 1, ino: node.ino };
  }

  get usedBytes(): number {
    const seen = new Set<number>();
    const count = (node: DiskNode): number => {
      if (seen.has(node.ino)) return 0;
      seen.add(node.ino);
      if (node.kind === "file") return node.data.length;
      return node.kind === "folder" ? [...node.entries.values()].reduce((sum, each) => sum + count(each), 0) : 0;
    };
    return count(this.root);
  }

  /** The power was cut: names and bytes that were not synced are as they were. */
  loseUnsynced(): void {
    const lose = (node: DiskNode): void => {
      if (node.kind === "file") node.data = node.synced;
      if (node.kind !== "folder") return;
      node.entries.clear();
      for (const [name, each] of node.synced) {
        node.entries.set(name, each);
        lose(each);
      }
    };
    // The top stands for what was there before the test; only what is below can be lost.
    this.root.synced = new Map(this.root.entries);
    lose(this.root);
  }

  #touched(path: string, folder: FolderNode): void {
    folder.mtimeMs = this.#wallMs();
    this.changed(parentOf(path), nameOf(path));
  }

  #folder(mode: number): FolderNode {
    return { kind: "folder", ...this.#common(mode), entries: new Map(), synced: new Map() };
  }

  #common(mode: number): Common {
    this.#inodes += 1;
    return { ino: this.#inodes, mode, mtimeMs: this.#wallMs() };
  }

  #wallMs(): number {
    return this.#time.nowMs + this.#time.wallOffsetMs;
  }
}

function partsOf(path: string): string[] {
  if (!path.startsWith("/")) throw new FakeCrash(`the fake disk knows absolute paths only, not ${path}`);
  return path.split("/").filter((part) => part !== "" && part !== ".");
}

export function parentOf(path: string): string {
  return `/${partsOf(path).slice(0, -1).join("/")}`;
}

export function nameOf(path: string): string {
  return partsOf(path).at(-1) ?? "";
}
