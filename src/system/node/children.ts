import type { ChildProcess } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import nodeProcess from "node:process";
import type { Usage } from "../../contract/index.ts";
import type { ChildExit } from "../types.ts";
import { native } from "./native.ts";
import { decodeWaitStatus } from "./signals.ts";

const require = createRequire(import.meta.url);
const waitNoHang = 1;
const waitExited = 4;
const waitNoReap = 0x1000000;
const waitAll = 0;
/** Offset of si_pid in siginfo_t on 64-bit Linux. */
const siginfoPidAt = 16;
/** Offsets in struct rusage on 64-bit Linux: seconds and microseconds of user and system time, then the peak in KiB. */
const rusage = { size: 256, userAt: 0, systemAt: 16, peakAt: 32 } as const;

type Own = { readonly peakFloorBytes: number; readonly exit: ((exit: ChildExit) => void) | null };

/** A signal listener does not keep a program alive, so a timer that never matters does while an end is waited for. */
const aliveTimerMs = 2 ** 31 - 1;

/**
 * This program's children, of which the kernel knows only one list. Three kinds: our own (waited for here, by pid), others' (Node's own
 * child_process and node-pty wait for theirs; taking one from them would leave them waiting for ever), and orphans that landed here because
 * this program is a subreaper. An orphan is a child that is not ours, was not made by child_process (it announces every child on a diagnostics
 * channel), was not named to {@link leaveAlone}, and was not yet there when this program became a subreaper.
 */
export class Children {
  readonly #own = new Map<number, Own>();
  readonly #announced = new Set<ChildProcess>();
  readonly #leftAlone = new Set<number>();
  #listening = false;
  #alive: NodeJS.Timeout | null = null;
  #adopting = false;
  readonly #onSignal = (): void => this.#reapAll();

  /** To be called before a child is started, so that its end cannot be missed. */
  listen(): void {
    if (this.#listening) return;
    this.#listening = true;
    nodeProcess.on("SIGCHLD", this.#onSignal);
  }

  /**
   * `exit` is called once, on a later turn; until then the program is kept alive. Null: nobody asks, and nothing is kept alive.
   * `peakFloorBytes`: peaks up to this size say nothing (see {@link usageOf}).
   */
  add(pid: number, peakFloorBytes: number, exit: Own["exit"]): void {
    this.#own.set(pid, { peakFloorBytes, exit });
    if (exit !== null) this.#alive ??= setInterval(() => {}, aliveTimerMs);
  }

  /** Lets go of what is only needed while there are children. */
  rest(): void {
    if (this.#alive !== null && ![...this.#own.values()].some((own) => own.exit !== null)) {
      clearInterval(this.#alive);
      this.#alive = null;
    }
    if (this.#adopting || this.#own.size > 0 || !this.#listening) return;
    this.#listening = false;
    nodeProcess.off("SIGCHLD", this.#onSignal);
  }

  /** Somebody else waits for this child. */
  leaveAlone(pid: number): void {
    this.#leftAlone.add(pid);
  }

  /** That wait is over, so the pid may come again as another process's. */
  forget(pid: number): void {
    this.#leftAlone.delete(pid);
  }

  /** From now on unknown children are orphans. */
  adoptOrphans(): void {
    if (this.#adopting) return;
    this.#adopting = true;
    for (const pid of childPids()) if (!this.#own.has(pid)) this.#leftAlone.add(pid);
    const channel = require("node:diagnostics_channel") as typeof import("node:diagnostics_channel");
    channel.subscribe("child_process", (message) => {
      const child = (message as { process: ChildProcess }).process;
      this.#announced.add(child);
      child.once("exit", () => this.#announced.delete(child));
    });
    this.listen();
  }

  /** Reaps ended orphans, and only those. Returns how many. */
  reap(): number {
    if (!this.#adopting) return 0;
    let reaped = 0;
    for (const pid of childPids()) {
      if (!this.#own.has(pid) && !this.#isOthers(pid) && reapOne(pid)) reaped += 1;
    }
    return reaped;
  }

  #isOthers(pid: number): boolean {
    if (this.#leftAlone.has(pid)) return true;
    for (const child of this.#announced) {
      if (child.pid === pid) return true;
      // It was never started, or its end was told: it can stand for no child.
      if (child.exitCode !== null || child.signalCode !== null || (child.pid === undefined && child.spawnfile))
        this.#announced.delete(child);
    }
    return false;
  }

  /** Collects every end first and tells afterwards: what a listener starts is not part of this round. */
  #reapAll(): void {
    const ends: (() => void)[] = [];
    for (let pid = peek(); pid > 0; pid = peek()) {
      const own = this.#own.get(pid);
      if (own !== undefined) {
        this.#collect(pid, own, ends);
      } else if (!this.#adopting || this.#isOthers(pid) || !reapOne(pid)) {
        // Somebody else's zombie stands first in the kernel's list and hides those behind it.
        for (const [each, child] of [...this.#own]) this.#collect(each, child, ends);
        this.reap();
        break;
      }
    }
    for (const tell of ends) {
      try {
        tell();
      } catch (error) {
        // A listener's bug must not cost the others their end; it surfaces as the uncaught error it is.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
    this.rest();
  }

  #collect(pid: number, own: Own, ends: (() => void)[]): void {
    const waited = wait(pid, own.peakFloorBytes);
    if (waited === null) return;
    this.#own.delete(pid);
    ends.push(() => own.exit?.(waited));
  }
}

/** There is one list of children in a program, so there is one of these. */
export const children = new Children();

/** Pid of any ended child without reaping it; 0 when there is none. */
function peek(): number {
  const info = Buffer.alloc(128);
  const failed = native().waitid(waitAll, 0, info, waitExited | waitNoHang | waitNoReap) !== 0;
  return failed ? 0 : info.readInt32LE(siginfoPidAt);
}

/** True when the child had ended and is reaped now. */
function reapOne(pid: number): boolean {
  return native().wait4(pid, Buffer.alloc(4), waitNoHang, Buffer.alloc(rusage.size)) === pid;
}

/** Reaps one of ours. Null while it lives; an exit that knows nothing when somebody took it from us: a code is never invented. */
function wait(pid: number, peakFloorBytes: number): ChildExit | null {
  const status = Buffer.alloc(4);
  const usage = Buffer.alloc(rusage.size);
  const result = native().wait4(pid, status, waitNoHang, usage);
  if (result === 0) return null;
  if (result !== pid) return { code: null, signal: null, usage: null };
  return { ...decodeWaitStatus(status.readInt32LE(0)), usage: usageOf(usage, peakFloorBytes) };
}

/**
 * The kernel counts the starter's own memory at the moment of exec into the child's peak, so a peak that is not above it says nothing: null.
 */
function usageOf(usage: Buffer, peakFloorBytes: number): Usage {
  const long = (at: number): number => Number(usage.readBigInt64LE(at));
  const ms = (at: number): number => long(at) * 1000 + long(at + 8) / 1000;
  const peakBytes = long(rusage.peakAt) * 1024;
  return { cpu_ms: ms(rusage.userAt) + ms(rusage.systemAt), max_rss_bytes: peakBytes > peakFloorBytes ? peakBytes : null };
}

/** This program's peak memory so far, in bytes: what it may have left in the peak of a child it has just started. */
export function ownPeakBytes(): number {
  try {
    const match = /^VmHWM:\s+(\d+) kB$/m.exec(fs.readFileSync("/proc/self/status", "latin1"));
    return Number(match?.[1] ?? 0) * 1024;
  } catch {
    return Number.MAX_SAFE_INTEGER;
  }
}

/** Every child of this program, living or ended. */
function childPids(): number[] {
  const pids: number[] = [];
  for (const task of fs.readdirSync("/proc/self/task")) {
    try {
      const text = fs.readFileSync(`/proc/self/task/${task}/children`, "latin1").trim();
      if (text !== "") pids.push(...text.split(" ").map(Number));
    } catch {
      // The thread has just ended; its children have moved to another.
    }
  }
  return pids;
}
