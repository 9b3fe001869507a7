import fs from "node:fs";
import { createRequire } from "node:module";
import type { Socket } from "node:net";
import nodeProcess from "node:process";
import type { ChildExit } from "../types.ts";
import { native, oCloexec } from "./native.ts";
import { decodeWaitStatus } from "./signals.ts";

const require = createRequire(import.meta.url);
const epollIn = 0x1;
const epollHangup = 0x10;
const control = { add: 1, remove: 2, modify: 3 } as const;
const eventsMax = 64;
/** struct epoll_event is packed on x86 only. */
const event = ["x64", "ia32"].includes(nodeProcess.arch) ? { size: 12, dataAt: 4 } : { size: 16, dataAt: 8 };

/** PIDFD_GET_INFO for the first published size of struct pidfd_info (64 bytes). */
const pidfdGetInfo = 0xc040ff0b;
const pidfdInfoExit = 8n;
const exitCodeAt = 60;
/** How long the parent of an ended process may take to reap it before the exit is called unprovable. */
const reapWaitMs = 250;

/** How soon another try is made when there was no descriptor to watch with. */
const retryMs = 250;

type Watched = {
  readonly ended: (exit: ChildExit | null) => void;
  readonly exitWaitMs: number;
  deadline: NodeJS.Timeout | null;
};

/**
 * Waits for the ends of processes that are not our children, by their pidfds, without a thread and without polling.
 *
 * The pidfds stand in an epoll set, and the event loop is made to wait on that set: libuv watches only descriptors whose kind it knows, so a
 * socket object is opened on a pipe and the set is then put in the pipe's place (dup3). When the set becomes ready, libuv reads from it, gets
 * EINVAL, and stops: that error is the bell. A new bell is then hung. Nothing here keeps the program alive.
 *
 * First a pidfd is watched for readiness (the process has ended: zombie), then only for hang-up (it was reaped, and its exit can be read).
 */
export class ExitWatch {
  readonly #watched = new Map<number, Watched>();
  /** Those that are not in the set yet. */
  readonly #outside = new Set<number>();
  #set = -1;
  #bell: Socket | null = null;
  #retry: NodeJS.Timeout | null = null;

  /**
   * Calls back once when the process of `pidfd` has ended. The descriptor must stay open until then or until {@link remove}. `exitWaitMs`: how long
   * its exit is waited for once it has ended.
   */
  add(pidfd: number, ended: (exit: ChildExit | null) => void, exitWaitMs: number = reapWaitMs): void {
    this.#watched.set(pidfd, { ended, exitWaitMs, deadline: null });
    this.#outside.add(pidfd);
    this.#listen();
  }

  /** Forgets it; no call comes any more. */
  remove(pidfd: number): void {
    const watched = this.#watched.get(pidfd);
    if (watched === undefined) return;
    if (watched.deadline !== null) clearTimeout(watched.deadline);
    this.#watched.delete(pidfd);
    if (!this.#outside.delete(pidfd)) this.#control(control.remove, pidfd, 0);
    if (this.#watched.size > 0) return;
    this.#bell?.destroy();
    this.#bell = null;
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = null;
    if (this.#set >= 0) fs.closeSync(this.#set);
    this.#set = -1;
  }

  /** Enters what is new in the set and hangs a bell on it. Without descriptors for that it is tried again later. */
  #listen(): void {
    if (this.#set < 0) this.#set = native().epollCreate();
    if (this.#set >= 0) {
      for (const pidfd of this.#outside) {
        if (this.#control(control.add, pidfd, epollIn)) this.#outside.delete(pidfd);
      }
      this.#bell ??= this.#hangBell();
    }
    if (this.#bell !== null || this.#retry !== null) return;
    this.#retry = setTimeout(() => {
      this.#retry = null;
      this.#listen();
    }, retryMs);
    this.#retry.unref();
  }

  #control(operation: number, pidfd: number, events: number): boolean {
    const request = Buffer.alloc(event.size);
    request.writeUInt32LE(events, 0);
    request.writeInt32LE(pidfd, event.dataAt);
    return native().epollControl(this.#set, operation, pidfd, request) === 0;
  }

  #hangBell(): Socket | null {
    const ends = native().pipe();
    if (ends === null) return null;
    const net = require("node:net") as typeof import("node:net");
    const onread = { buffer: Buffer.alloc(8), callback: () => true };
    const bell = new net.Socket({ fd: ends.read, readable: true, writable: false, onread });
    native().dup3(this.#set, ends.read, oCloexec);
    fs.closeSync(ends.write);
    bell.on("error", () => {});
    bell.on("close", () => {
      // Only the bell that hangs now may ring: an older one was taken down on purpose.
      if (this.#bell !== bell) return;
      this.#bell = null;
      this.#rung();
      if (this.#watched.size > 0) this.#listen();
    });
    bell.unref();
    bell.resume();
    return bell;
  }

  #rung(): void {
    const events = Buffer.alloc(event.size * eventsMax);
    // What does not fit rings the next bell.
    const count = native().epollWait(this.#set, events, eventsMax, 0);
    for (let index = 0; index < count; index += 1) {
      const at = index * event.size;
      this.#ready(events.readInt32LE(at + event.dataAt), (events.readUInt32LE(at) & epollHangup) !== 0);
    }
  }

  #ready(pidfd: number, reaped: boolean): void {
    const watched = this.#watched.get(pidfd);
    if (watched === undefined) return;
    const answer = exitOf(pidfd);
    if (reaped || answer !== "later" || watched.exitWaitMs === 0) {
      this.#tell(pidfd, answer === "later" ? null : answer);
      return;
    }
    this.#control(control.modify, pidfd, 0);
    watched.deadline = setTimeout(() => {
      const late = exitOf(pidfd);
      this.#tell(pidfd, late === "later" ? null : late);
    }, watched.exitWaitMs);
    watched.deadline.unref();
  }

  #tell(pidfd: number, exit: ChildExit | null): void {
    const watched = this.#watched.get(pidfd);
    this.remove(pidfd);
    watched?.ended(exit);
  }
}

/** The exit of an ended process; "later" while it may still come, null where this kernel never tells. */
function exitOf(pidfd: number): ChildExit | null | "later" {
  const info = Buffer.alloc(64);
  info.writeBigUInt64LE(pidfdInfoExit, 0);
  if (native().ioctl(pidfd, pidfdGetInfo, info) !== 0) return null;
  if ((info.readBigUInt64LE(0) & pidfdInfoExit) === 0n) return "later";
  return { ...decodeWaitStatus(info.readInt32LE(exitCodeAt)), usage: null };
}
