import fs from "node:fs";
import { basename, dirname } from "node:path";
import nodeProcess from "node:process";
import { codeOf, fault } from "./systemError.ts";

const othersMask = 0o077;
const { O_CREAT, O_EXCL, O_NOFOLLOW = 0, O_WRONLY, O_RDWR } = fs.constants;

/** Temporary files are `.<name>.<pid>.<n>.tmp` beside their target. One that a crash leaves behind does no harm. */
let temporaries = 0;

/** Newest generation of each path, so that a slow durable replacement never overwrites a newer one. Entries leave when nothing is under way. */
const underWay = new Map<string, { newest: number; writers: number }>();
let generations = 0;

function temporaryName(path: string): string {
  temporaries += 1;
  return `${dirname(path)}/.${basename(path)}.${nodeProcess.pid}.${temporaries}.tmp`;
}

/** Writes all of `data` at the descriptor's place. */
export function writeAll(fd: number, data: Uint8Array): void {
  let written = 0;
  while (written < data.length) written += fs.writeSync(fd, data, written, data.length - written);
}

/** Makes a name's entry in its folder durable. */
export function syncFolder(folder: string): void {
  const fd = fs.openSync(folder, fs.constants.O_RDONLY | (fs.constants.O_DIRECTORY ?? 0));
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

/** Makes a new file. A mode that lets others in is set once more, because the umask may have taken bits of it away. */
function newFile(path: string, mode: number): number {
  const fd = fs.openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
  if ((mode & othersMask) === 0) return fd;
  try {
    fs.fchmodSync(fd, mode);
    return fd;
  } catch (error) {
    fs.closeSync(fd);
    fs.rmSync(path, { force: true });
    throw error;
  }
}

/** A new file with all of `data`; on failure nothing is left. Throws the system's own error. */
function writeNew(path: string, data: Uint8Array, mode: number, durable: boolean): void {
  const fd = newFile(path, mode);
  try {
    try {
      writeAll(fd, data);
      if (durable) fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
  } catch (error) {
    fs.rmSync(path, { force: true });
    throw error;
  }
}

function bytesOf(data: string | Uint8Array): Uint8Array {
  return typeof data === "string" ? Buffer.from(data) : data;
}

/** See `Files.createExclusive`. A reader never sees the file half written: it gets its name when it is whole. */
export function createExclusive(path: string, data: string | Uint8Array, mode: number, durable: boolean): boolean {
  const temporary = temporaryName(path);
  try {
    writeNew(temporary, bytesOf(data), mode, durable);
    try {
      fs.linkSync(temporary, path);
    } catch (error) {
      // A file system without hard links: the file may then be seen while it is written.
      if (!["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"].includes(codeOf(error))) throw error;
      writeNew(path, bytesOf(data), mode, durable);
    } finally {
      fs.rmSync(temporary, { force: true });
    }
    if (durable) syncFolder(dirname(path));
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw fault("create", path, error);
  }
}

/** See `Files.replace`. */
export function replace(path: string, data: string | Uint8Array, mode: number, durable: boolean): void {
  const writer = underWay.get(path);
  generations += 1;
  if (writer !== undefined) writer.newest = generations;
  const temporary = temporaryName(path);
  try {
    writeNew(temporary, bytesOf(data), mode, durable);
    renameOrRemove(temporary, path);
    if (durable) syncFolder(dirname(path));
  } catch (error) {
    throw fault("replace", path, error);
  }
}

/**
 * See `Files.replaceDurably`. The order of calls is the order of contents: a replacement overtaken by a later one (of either kind) before its
 * rename is dropped, and its promise ends when its own work is done.
 */
export async function replaceDurably(path: string, data: string | Uint8Array, mode: number): Promise<void> {
  generations += 1;
  const generation = generations;
  const writers = underWay.get(path) ?? { newest: generation, writers: 0 };
  writers.newest = generation;
  writers.writers += 1;
  underWay.set(path, writers);
  const bytes = typeof data === "string" ? Buffer.from(data) : Uint8Array.from(data);
  const temporary = temporaryName(path);
  try {
    await writeNewDurably(temporary, bytes, mode);
    if (writers.newest === generation) {
      renameOrRemove(temporary, path);
      await syncFolderLater(dirname(path));
    } else {
      fs.rmSync(temporary, { force: true });
    }
  } catch (error) {
    throw fault("replace", path, error);
  } finally {
    writers.writers -= 1;
    if (writers.writers === 0) underWay.delete(path);
  }
}

async function writeNewDurably(path: string, bytes: Uint8Array, mode: number): Promise<void> {
  const fd = newFile(path, mode);
  try {
    try {
      writeAll(fd, bytes);
      await synced(fd);
    } finally {
      fs.closeSync(fd);
    }
  } catch (error) {
    fs.rmSync(path, { force: true });
    throw error;
  }
}

async function syncFolderLater(folder: string): Promise<void> {
  const fd = fs.openSync(folder, fs.constants.O_RDONLY | (fs.constants.O_DIRECTORY ?? 0));
  try {
    await synced(fd);
  } finally {
    fs.closeSync(fd);
  }
}

/**
 * Waits on another thread until the disk has the file. Only the sync goes there: the calls before it take microseconds, less than the way to another
 * thread and back.
 */
function synced(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.fsync(fd, (error) => (error === null ? resolve() : reject(error)));
  });
}

/** Renaming is done in one turn, so that the check for a newer writer and the rename are one step. */
function renameOrRemove(temporary: string, path: string): void {
  try {
    fs.renameSync(temporary, path);
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw error;
  }
}

/** See `Files.reserve`. Zeros are really written: on ext4, xfs and tmpfs overwriting them in place later needs no block. */
export function reserve(path: string, bytes: number): void {
  try {
    const fd = fs.openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    try {
      writeAll(fd, Buffer.alloc(bytes));
    } catch (error) {
      fs.rmSync(path, { force: true });
      throw error;
    } finally {
      fs.closeSync(fd);
    }
  } catch (error) {
    throw fault("reserve", path, error);
  }
}

/** See `Files.fulfil`. */
export async function fulfil(reservedPath: string, finalPath: string, data: string | Uint8Array): Promise<void> {
  const bytes = bytesOf(data);
  try {
    const fd = fs.openSync(reservedPath, O_RDWR | O_NOFOLLOW);
    try {
      writeAll(fd, bytes);
      fs.ftruncateSync(fd, bytes.length);
      await synced(fd);
    } finally {
      fs.closeSync(fd);
    }
    fs.renameSync(reservedPath, finalPath);
    await syncFolderLater(dirname(finalPath));
  } catch (error) {
    throw fault("write", finalPath, error);
  }
}
