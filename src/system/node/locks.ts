import fs from "node:fs";
import nodeProcess from "node:process";
import { HermaError } from "../../contract/index.ts";
import type { Lock, Locks, LockView, ProcessTable } from "../types.ts";
import { native } from "./native.ts";
import { fault, faultOfErrno, isAbsent } from "./systemError.ts";

const exclusiveNow = 2 | 4;
const { O_CREAT, O_NOFOLLOW = 0, O_NONBLOCK = 0, O_RDONLY, O_RDWR } = fs.constants;
/** How often the file may be replaced between our opening and our locking before we give up. */
const attemptsMax = 16;
const bodyBytesMax = 64 * 1024;

/** What tests put in the place of the real thing. */
export type LocksWorld = {
  /** The kernel's list of locks. */
  readonly locksPath?: string;
  /** Called between opening the file and locking it: the moment in which somebody may replace it. */
  readonly opened?: () => void;
};

/** Locks by flock. */
export function nodeLocks(table: Pick<ProcessTable, "look">, world: LocksWorld = {}): Locks {
  const ours = new Map<string, Lock>();
  return {
    tryTake: (path) => {
      const taken = tryTake(path, world);
      if (taken === null) return null;
      const release = (): void => {
        taken.release();
        if (ours.get(path) === lock) ours.delete(path);
      };
      const lock: Lock = { ...taken, release };
      ours.set(path, lock);
      return lock;
    },
    look: (path) => {
      // Opening the kernel's list of locks can take ten milliseconds and more, so locks of our own are answered without it.
      if (ours.get(path)?.pathIsOurs() === true) return { held: true, pid: nodeProcess.pid };
      return look(table, world.locksPath ?? "/proc/locks", path);
    },
  };
}

function tryTake(path: string, world: LocksWorld): Lock | null {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const fd = open(path);
    world.opened?.();
    if (native().flock(fd, exclusiveNow) !== 0) {
      const errno = native().errno();
      fs.closeSync(fd);
      if (errno === 11 || errno === 35) return null; // EWOULDBLOCK of Linux and of macOS
      throw faultOfErrno("lock", path, errno);
    }
    if (sameFile(fd, path)) return lockOver(fd, path);
    fs.closeSync(fd);
  }
  throw new HermaError("IO", `Cannot lock ${path}: it is replaced again and again`);
}

function open(path: string): number {
  try {
    return fs.openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
  } catch (error) {
    throw fault("lock", path, error);
  }
}

function sameFile(fd: number, path: string): boolean {
  try {
    const ours = fs.fstatSync(fd, { bigint: true });
    const named = fs.lstatSync(path, { bigint: true });
    return ours.ino === named.ino && ours.dev === named.dev;
  } catch {
    return false;
  }
}

function lockOver(fd: number, path: string): Lock {
  let held = true;
  return {
    path,
    writeBody: (text) => {
      if (!held) throw new HermaError("INTERNAL", `The lock ${path} was released before its body was written`);
      const bytes = Buffer.from(text);
      try {
        let written = 0;
        while (written < bytes.length) written += fs.writeSync(fd, bytes, written, bytes.length - written, written);
        fs.ftruncateSync(fd, bytes.length);
      } catch (error) {
        throw fault("write", path, error);
      }
    },
    pathIsOurs: () => held && sameFile(fd, path),
    release: () => {
      if (held) fs.closeSync(fd);
      held = false;
    },
  };
}

/**
 * A lock is held when the kernel names a holder that lives. When it names none, that proves nothing (locks of other pid namespaces are not shown): then
 * the lock is free only when there is no file, no body, or the body's pid is provably dead.
 */
function look(table: Pick<ProcessTable, "look">, locksPath: string, path: string): LockView {
  let fd: number;
  try {
    fd = fs.openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    return isAbsent(error) ? { held: false } : { held: "unknown" };
  }
  try {
    const { dev, ino } = fs.fstatSync(fd, { bigint: true });
    const holder = holderOf(locksPath, dev, ino);
    if (holder === "unreadable") return { held: "unknown" };
    if (holder !== null && !takerIsDead(table, holder)) return holder;
    const body = Buffer.alloc(bodyBytesMax);
    return bodyProvesFree(table, body.toString("utf8", 0, fs.readSync(fd, body, 0, bodyBytesMax, 0)))
      ? { held: false }
      : { held: "unknown" };
  } catch {
    return { held: "unknown" };
  } finally {
    fs.closeSync(fd);
  }
}

/**
 * The kernel names the program that took the lock. When that was killed just while it started another, the forked half holds the descriptor a moment
 * longer, and the kernel names a dead program.
 */
function takerIsDead(table: Pick<ProcessTable, "look">, { held, pid }: LockView & { readonly pid?: number | null }): boolean {
  return held === true && pid != null && table.look(pid).kind === "dead";
}

function holderOf(locksPath: string, dev: bigint, ino: bigint): LockView | null | "unreadable" {
  let text: string;
  try {
    text = fs.readFileSync(locksPath, "latin1");
  } catch {
    return "unreadable";
  }
  // The kernel writes major and minor in hexadecimal, at least two digits each; waiting ones begin with "->" in the second column.
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn);
  const minor = (dev & 0xffn) | ((dev >> 12n) & ~0xffn);
  const wanted = `${major.toString(16).padStart(2, "0")}:${minor.toString(16).padStart(2, "0")}:${ino}`;
  for (const line of text.split("\n")) {
    const fields = line.trim().split(/\s+/);
    if (fields[1] !== "FLOCK" || fields[5] !== wanted) continue;
    const pid = Number(fields[4]);
    // -1 or 0: the holder is in a pid namespace that this one does not see.
    return { held: true, pid: Number.isSafeInteger(pid) && pid > 0 ? pid : null };
  }
  return null;
}

/** For a lock without a known holder: whether its body proves that nobody holds it. */
export function bodyProvesFree(table: Pick<ProcessTable, "look">, body: string): boolean {
  if (body.trim() === "") return true;
  const pid = pidIn(body);
  return pid !== null && table.look(pid).kind === "dead";
}

function pidIn(body: string): number | null {
  try {
    const parsed: unknown = JSON.parse(body);
    const holder = typeof parsed === "object" && parsed !== null ? (parsed as { pid?: unknown; identity?: { pid?: unknown } | null }) : {};
    const pid = holder.pid ?? holder.identity?.pid ?? parsed;
    return typeof pid === "number" && Number.isSafeInteger(pid) && pid > 0 ? pid : null;
  } catch {
    return null;
  }
}
