import fs from "node:fs";
import { dirname } from "node:path";
import type { Appender, FileKind, FileStat, Files } from "../types.ts";
import { openFifo } from "./fifo.ts";
import { native } from "./native.ts";
import { createExclusive, fulfil, replace, replaceDurably, reserve, syncFolder } from "./replace.ts";
import { codeOf, fault, faultOfErrno, isAbsent } from "./systemError.ts";

const { O_APPEND, O_CREAT, O_NOFOLLOW = 0, O_NONBLOCK = 0, O_RDONLY, O_WRONLY } = fs.constants;
const readBytesMaxDefault = 1024 * 1024;

/** The real files. */
export function nodeFiles(): Files {
  return {
    read,
    readRange,
    stat,
    list,
    makeFolder: (folder, mode = 0o700) => guard("make folder", folder, () => makeFolder(folder, mode)),
    createExclusive: (path, data, options) => createExclusive(path, data, options?.mode ?? 0o600, options?.durable ?? false),
    replace: (path, data, options) => replace(path, data, options.mode ?? 0o600, options.durable),
    replaceDurably: (path, data, mode = 0o600) => replaceDurably(path, data, mode),
    reserve,
    fulfil,
    appender,
    remove,
    removeTree: (folder) => guard("remove", folder, () => fs.rmSync(folder, { recursive: true, force: true })),
    rename: (from, to) => guard("rename", from, () => fs.renameSync(from, to)),
    makeFifo,
    // On a link it would change the target, and links are never followed.
    setMode: (path, mode) =>
      guard("set the mode of", path, () => {
        if (fs.lstatSync(path).isSymbolicLink()) throw Object.assign(new Error(`ELOOP: symbolic link, chmod '${path}'`), { code: "ELOOP" });
        fs.chmodSync(path, mode);
      }),
    setGroup: (path, group) =>
      guard("set the group of", path, () => {
        const stat = fs.lstatSync(path);
        if (stat.isSymbolicLink()) throw Object.assign(new Error(`ELOOP: symbolic link, chown '${path}'`), { code: "ELOOP" });
        fs.chownSync(path, stat.uid, group);
      }),
    watch,
    openFifo,
    descriptorsLeft,
  };
}

let descriptorLimit: number | null | undefined;

/** The kernel gives out the lowest free number, so the number of a fresh descriptor tells how many are taken. */
function descriptorsLeft(): number | null {
  if (descriptorLimit === undefined) {
    try {
      const soft = /^Max open files\s+(\d+)/m.exec(fs.readFileSync("/proc/self/limits", "latin1"))?.[1];
      descriptorLimit = soft === undefined ? null : Number(soft);
    } catch {
      descriptorLimit = null;
    }
  }
  if (descriptorLimit === null) return null;
  try {
    const fd = fs.openSync("/dev/null", O_RDONLY);
    fs.closeSync(fd);
    return descriptorLimit - fd;
  } catch {
    return 0;
  }
}

function guard<T>(doing: string, path: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw fault(doing, path, error);
  }
}

/**
 * From the wanted folder up to the first that stands, and down again. Node's own recursive mkdir tries for ever where a folder takes no others
 * (/proc), and says of a disk that may only be read that something is absent.
 */
function makeFolder(folder: string, mode: number): void {
  if (madeFolder(folder, mode)) return;
  const parent = dirname(folder);
  if (parent !== folder) makeFolder(parent, mode);
  if (!madeFolder(folder, mode)) throw new Error(`ENOENT, though ${parent} is there: it takes no folders`);
}

/** False when its parent is not there. */
function madeFolder(folder: string, mode: number): boolean {
  try {
    fs.mkdirSync(folder, mode);
    return true;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return false;
    // Asked last, because a link to a folder counts as a folder, whatever error mkdir gave.
    if (fs.statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true) return true;
    throw codeOf(error) === "EEXIST" ? new Error("something that is no folder stands there") : error;
  }
}

/** Opens for reading, or null when absent. Never waits: a FIFO in a file's place must not hang the program. */
function openForReading(path: string): number | null {
  try {
    return fs.openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    if (isAbsent(error)) return null;
    throw fault("read", path, error);
  }
}

function read(path: string, bytesMax = readBytesMaxDefault): Buffer | null {
  const fd = openForReading(path);
  if (fd === null) return null;
  try {
    // One byte more than allowed tells "just full" from "too large", also for files such as /proc's that do not know their size.
    const told = fs.fstatSync(fd).size;
    const size = Math.min(Math.max(told, 4096), bytesMax) + 1;
    let bytes = readAt(fd, 0, size, told);
    let isWhole = bytes.length < size;
    while (!isWhole && bytes.length <= bytesMax) {
      const length = Math.min(bytes.length, bytesMax + 1 - bytes.length);
      const more = readAt(fd, bytes.length, length);
      isWhole = more.length < length;
      bytes = Buffer.concat([bytes, more]);
    }
    if (bytes.length > bytesMax) throw new Error(`it is larger than ${bytesMax} bytes`);
    return bytes;
  } catch (error) {
    throw fault("read", path, error);
  } finally {
    fs.closeSync(fd);
  }
}

function readRange(path: string, offset: number, length: number): Buffer | null {
  const fd = openForReading(path);
  if (fd === null) return null;
  try {
    return readAt(fd, offset, length);
  } catch (error) {
    throw fault("read", path, error);
  } finally {
    fs.closeSync(fd);
  }
}

/** Up to `length` bytes; after `enough` it is not asked whether there are more. */
function readAt(fd: number, offset: number, length: number, enough: number = length): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const count = fs.readSync(fd, bytes, filled, length - filled, offset + filled);
    if (count === 0) break;
    filled += count;
    if (filled === enough) break;
  }
  return bytes.subarray(0, filled);
}

function stat(path: string): FileStat | null {
  let entry: fs.Stats | undefined;
  try {
    // An absent file is the most common answer, and found this way in a tenth of the time that an exception takes.
    entry = fs.lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if (isAbsent(error)) return null;
    throw fault("look at", path, error);
  }
  if (entry === undefined) return null;
  const { size, mtimeMs, uid, dev, ino } = entry;
  return { kind: kindOf(entry), size, mtimeMs, mode: entry.mode & 0o7777, uid, dev, ino };
}

function kindOf(entry: fs.Stats): FileKind {
  if (entry.isFile()) return "file";
  if (entry.isDirectory()) return "folder";
  if (entry.isFIFO()) return "fifo";
  if (entry.isSocket()) return "socket";
  if (entry.isSymbolicLink()) return "link";
  return "other";
}

function list(folder: string): string[] {
  try {
    return fs.readdirSync(folder).sort();
  } catch (error) {
    if (isAbsent(error)) return [];
    throw fault("list", folder, error);
  }
}

function remove(path: string): boolean {
  try {
    fs.unlinkSync(path);
    return true;
  } catch (error) {
    if (isAbsent(error)) return false;
    throw fault("remove", path, error);
  }
}

function makeFifo(path: string): void {
  const { mkfifo, errno } = native();
  if (mkfifo(path, 0o600) !== 0) throw faultOfErrno("make FIFO", path, errno());
}

/** Closes what is no file. */
function sizeOfFile(fd: number): number {
  const stat = fs.fstatSync(fd);
  if (stat.isFile()) return stat.size;
  fs.closeSync(fd);
  throw new Error("something that is no file stands there");
}

function appender(path: string): Appender {
  // Not waiting: a FIFO in the place of a log must not hang the program until somebody reads from it.
  const fd = guard("open", path, () => fs.openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600));
  let size = guard("open", path, () => sizeOfFile(fd));
  let open = true;
  return {
    write: (bytes) => {
      let written = 0;
      try {
        while (written < bytes.length) written += fs.writeSync(fd, bytes, written, bytes.length - written);
      } catch (error) {
        throw fault("append to", path, error, { written });
      } finally {
        size += written;
      }
    },
    sync: () =>
      guard("append to", path, () => {
        fs.fdatasyncSync(fd);
        syncFolder(dirname(path));
      }),
    get size() {
      return size;
    },
    close: () => {
      if (open) fs.closeSync(fd);
      open = false;
    },
  };
}

/** Keeps the program alive until its end is called. When watching breaks, one last hint is given. */
function watch(folder: string, changed: (name: string | null) => void): () => void {
  let open = true;
  const watcher = guard("watch", folder, () => fs.watch(folder, { encoding: "utf8" }));
  watcher.on("change", (_event, name) => {
    if (open) changed(typeof name === "string" ? name : null);
  });
  watcher.on("error", () => {
    if (!open) return;
    open = false;
    watcher.close();
    changed(null);
  });
  return () => {
    open = false;
    watcher.close();
  };
}
