import { fault } from "../node/systemError.ts";
import type { Appender, ByteHandler, ByteReader, FifoOptions, FileStat, Files } from "../types.ts";
import { type DiskNode, type FakeDisk, type FileNode, nameOf, parentOf, systemError } from "./disk.ts";
import type { FakeMachine } from "./machine.ts";
import type { FakeProgram } from "./program.ts";
import { FakeCrash } from "./time.ts";

const readBytesMaxDefault = 1024 * 1024;

/** The files of the fake machine as one program sees them. They take the same steps as the real ones, so a crash can fall between them. */
export class FakeFiles implements Files {
  readonly #machine: FakeMachine;
  readonly #program: FakeProgram;
  readonly #disk: FakeDisk;
  readonly #newest = new Map<string, number>();
  #temporaries = 0;
  #generations = 0;

  constructor(machine: FakeMachine, program: FakeProgram) {
    this.#machine = machine;
    this.#program = program;
    this.#disk = machine.disk;
  }

  #guard<T>(doing: string, path: string, act: () => T): T {
    this.#program.demandAlive();
    try {
      return act();
    } catch (error) {
      if (error instanceof FakeCrash) throw error;
      throw fault(doing, path, error);
    }
  }

  /** On a later turn. A program that died meanwhile never hears of it. */
  #later(doing: string, path: string, act: () => void): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#program.demandAlive();
    this.#machine.time.after(0, this.#program, () => {
      try {
        this.#guard(doing, path, act);
        resolve();
      } catch (error) {
        if (error instanceof FakeCrash) throw error;
        reject(error);
      }
    });
    return promise;
  }

  #file(path: string): FileNode | null {
    const node = this.#disk.find(path);
    if (node === null) return null;
    if (node.kind === "link") throw systemError("ELOOP");
    if (node.kind === "folder") throw systemError("EISDIR");
    if (node.kind === "fifo") throw systemError("ESPIPE");
    return node;
  }

  read(path: string, bytesMax = readBytesMaxDefault): Buffer | null {
    return this.#guard("read", path, () => {
      const data = this.#file(path)?.data;
      if (data === undefined) return null;
      if (data.length > bytesMax) throw new Error(`it is larger than ${bytesMax} bytes`);
      return Buffer.from(data);
    });
  }

  readRange(path: string, offset: number, length: number): Buffer | null {
    return this.#guard("read", path, () => {
      const data = this.#file(path)?.data;
      return data === undefined ? null : Buffer.from(data.subarray(offset, offset + length));
    });
  }

  stat(path: string): FileStat | null {
    return this.#guard("look at", path, () => {
      const node = this.#disk.find(path);
      return node === null ? null : this.#disk.stat(node);
    });
  }

  list(folder: string): string[] {
    return this.#guard("list", folder, () => {
      const node = this.#disk.find(folder);
      if (node === null) return [];
      return node.kind === "folder" ? [...node.entries.keys()].sort() : [];
    });
  }

  makeFolder(folder: string, mode = 0o700): void {
    this.#guard("make folder", folder, () => this.#disk.makeFolder(this.#program, folder, mode));
  }

  createExclusive(path: string, data: string | Uint8Array, options: { mode?: number; durable?: boolean } = {}): boolean {
    return this.#guard("create", path, () => {
      const temporary = this.#writeTemporary(path, data, options.mode ?? 0o600, options.durable ?? false);
      try {
        this.#disk.enterAgain(this.#program, path, this.#file(temporary)!);
      } catch (error) {
        this.#cleanUp(temporary);
        if ((error as { code?: string }).code === "EEXIST") return false;
        throw error;
      }
      this.#disk.unlink(this.#program, temporary);
      if (options.durable === true) this.#syncFolder(path);
      return true;
    });
  }

  replace(path: string, data: string | Uint8Array, options: { durable: boolean; mode?: number }): void {
    this.#guard("replace", path, () => {
      this.#generations += 1;
      this.#newest.set(path, this.#generations);
      this.#replaceNow(path, data, options.mode ?? 0o600, options.durable);
    });
  }

  replaceDurably(path: string, data: string | Uint8Array, mode = 0o600): Promise<void> {
    this.#generations += 1;
    const generation = this.#generations;
    this.#newest.set(path, generation);
    const bytes = Buffer.from(data);
    return this.#later("replace", path, () => {
      if (this.#newest.get(path) === generation) this.#replaceNow(path, bytes, mode, true);
    });
  }

  #replaceNow(path: string, data: string | Uint8Array, mode: number, durable: boolean): void {
    const temporary = this.#writeTemporary(path, data, mode, durable);
    try {
      this.#disk.rename(this.#program, temporary, path);
    } catch (error) {
      this.#cleanUp(temporary);
      throw error;
    }
    if (durable) this.#syncFolder(path);
  }

  #writeTemporary(path: string, data: string | Uint8Array, mode: number, durable: boolean): string {
    this.#temporaries += 1;
    const temporary = `${parentOf(path)}/.${nameOf(path)}.${this.#program.process.pid}.${this.#temporaries}.tmp`;
    const node = this.#disk.makeFile(this.#program, temporary, mode);
    try {
      this.#writeAll(temporary, node, 0, Buffer.from(data));
      if (durable) this.#disk.sync(this.#program, node);
    } catch (error) {
      this.#cleanUp(temporary);
      throw error;
    }
    return temporary;
  }

  #writeAll(path: string, node: FileNode, offset: number, bytes: Uint8Array): void {
    let written = 0;
    while (written < bytes.length) written += this.#disk.write(this.#program, path, node, offset + written, bytes.subarray(written));
  }

  /** The dead clean nothing up. */
  #cleanUp(temporary: string): void {
    if (!this.#program.dead && this.#disk.find(temporary) !== null) this.#disk.unlink(this.#program, temporary);
  }

  #syncFolder(path: string): void {
    this.#disk.sync(this.#program, this.#disk.folderOf(path));
  }

  reserve(path: string, bytes: number): void {
    this.#guard("reserve", path, () => {
      const node = this.#disk.makeFile(this.#program, path, 0o600);
      try {
        this.#writeAll(path, node, 0, Buffer.alloc(bytes));
      } catch (error) {
        this.#cleanUp(path);
        throw error;
      }
    });
  }

  fulfil(reservedPath: string, finalPath: string, data: string | Uint8Array): Promise<void> {
    const bytes = Buffer.from(data);
    return this.#later("write", finalPath, () => {
      const node = this.#file(reservedPath);
      if (node === null) throw systemError("ENOENT");
      this.#writeAll(reservedPath, node, 0, bytes);
      this.#disk.truncate(this.#program, node, bytes.length);
      this.#disk.sync(this.#program, node);
      this.#disk.rename(this.#program, reservedPath, finalPath);
      this.#syncFolder(finalPath);
    });
  }

  appender(path: string): Appender {
    const node = this.#guard("open", path, () => this.#file(path) ?? this.#disk.makeFile(this.#program, path, 0o600));
    return {
      write: (bytes) => {
        let written = 0;
        this.#program.demandAlive();
        try {
          while (written < bytes.length) {
            written += this.#disk.write(this.#program, path, node, node.data.length, bytes.subarray(written));
          }
        } catch (error) {
          if (error instanceof FakeCrash) throw error;
          throw fault("append to", path, error, { written });
        }
      },
      sync: () =>
        this.#guard("append to", path, () => {
          this.#disk.sync(this.#program, node);
          this.#syncFolder(path);
        }),
      get size() {
        return node.data.length;
      },
      close: () => {},
    };
  }

  remove(path: string): boolean {
    return this.#guard("remove", path, () => {
      if (this.#disk.find(path) === null) return false;
      this.#disk.unlink(this.#program, path);
      return true;
    });
  }

  removeTree(folder: string): void {
    this.#guard("remove", folder, () => this.#disk.removeTree(this.#program, folder));
  }

  rename(from: string, to: string): void {
    this.#guard("rename", from, () => this.#disk.rename(this.#program, from, to));
  }

  setMode(path: string, mode: number): void {
    this.#guard("set the mode of", path, () => {
      const node = this.#disk.find(path);
      if (node === null) throw systemError("ENOENT");
      if (node.kind === "link") throw systemError("ELOOP");
      node.mode = mode;
    });
  }

  /** Groups are not played: that it is there is all that is checked. */
  setGroup(path: string, _group: number): void {
    this.#guard("set the group of", path, () => {
      const node = this.#disk.find(path);
      if (node === null) throw systemError("ENOENT");
      if (node.kind === "link") throw systemError("ELOOP");
    });
  }

  makeFifo(path: string): void {
    this.#guard("make FIFO", path, () => this.#disk.makeFifo(this.#program, path));
  }

  watch(folder: string, changed: (name: string | null) => void): () => void {
    return this.#guard("watch", folder, () => {
      if (this.#disk.find(folder) === null) throw systemError("ENOENT");
      let open = true;
      const tell = (name: string | null): void => {
        this.#machine.time.after(0, this.#program, () => {
          if (open) changed(name);
        });
      };
      const watcher = { folder: `${parentOf(`${folder}/x`)}`, changed: tell };
      this.#machine.watchers.add(watcher);
      const stop = (): void => {
        open = false;
        this.#machine.watchers.delete(watcher);
      };
      this.#program.whenDead(stop);
      return stop;
    });
  }

  descriptorsLeft(): number | null {
    this.#program.demandAlive();
    return this.#machine.descriptorsLeft;
  }

  openFifo(path: string, handler: ByteHandler, options: FifoOptions = {}): ByteReader {
    return this.#guard("open", path, () => {
      const node: DiskNode | null = this.#disk.find(path);
      if (node === null && options.heldBy !== undefined) return this.#openRemovedFifo(path, handler, options.heldBy);
      if (node === null) throw systemError("ENOENT");
      if (node.kind !== "fifo") throw systemError("EINVAL");
      if (this.#machine.descriptorsLeft === 0) throw systemError("EMFILE");
      const reader = node.pipe.read(this.#program, handler);
      if (options.endWhenUnheld === true) node.pipe.holdForAnInstant();
      this.#program.whenDead(() => reader.close());
      return reader;
    });
  }

  #openRemovedFifo(path: string, handler: ByteHandler, pids: readonly number[]): ByteReader {
    const held = pids.map((pid) => this.#machine.kernel.processes.get(pid)?.fifo).find((fifo) => fifo?.path === path);
    if (held == null) throw systemError("ENOENT");
    const reader = held.pipe.read(this.#program, handler);
    held.pipe.holdForAnInstant();
    this.#program.whenDead(() => reader.close());
    return reader;
  }
}
