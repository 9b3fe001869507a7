import fs from "node:fs";
import os from "node:os";
import nodeProcess from "node:process";
import { HermaError, type Identity } from "../../contract/index.ts";
import type { ChildExit, ProcessHandle, ProcessTable, SendResult } from "../types.ts";
import { openedAs, sleepsReading } from "./blockedReads.ts";
import type { Children } from "./children.ts";
import { ExitWatch } from "./exitWatch.ts";
import type { TableReader } from "./linuxTable.ts";
import { native } from "./native.ts";
import { signalNumber } from "./signals.ts";
import { codeOf } from "./systemError.ts";
import { windowsHandle } from "./windows/windowsHandle.ts";

const markName = "HERMA_PROCESS_ID";
const prSetChildSubreaper = 36;
/** How often an end is looked for where the kernel has no pidfd (macOS, Linux before 5.3, some sandboxes). */
const exitPollMs = 250;

/** The real process table over one system's reader. */
export function nodeProcessTable(reader: TableReader, children: Children): ProcessTable {
  const watch = new ExitWatch();
  const table: ProcessTable = {
    bootId: () => reader.bootId(),
    pidNamespace: () => reader.pidNamespace(),
    ageMs: (identity) => (identity.boot_id === reader.bootId() ? reader.ageMs(identity.start_time) : null),
    self: () => {
      const self = table.identityOf(nodeProcess.pid);
      if (self === null) throw new HermaError("IO", "Cannot read this program's own place in the process table");
      return self;
    },
    look: (pid) => reader.look(pid),
    identityOf: (pid) => {
      const seen = reader.look(pid);
      return seen.kind === "alive" ? { boot_id: reader.bootId(), pid, start_time: seen.row.startTime } : null;
    },
    compare: (identity) => {
      if (identity.boot_id !== reader.bootId()) return "gone";
      const seen = reader.look(identity.pid);
      if (seen.kind === "unknown") return "unknown";
      return seen.kind === "alive" && seen.row.startTime === identity.start_time ? "same" : "gone";
    },
    list: () => reader.list(),
    markOf: (pid) => reader.variable(pid, markName),
    hasMark: (pid, mark) => {
      const found = table.markOf(pid);
      return found === undefined ? null : found === mark;
    },
    open: (identity) => (nodeProcess.platform === "win32" ? windowsHandle(identity, table.bootId()) : open(table, watch, identity)),
    openedAs: (pid, fd) => (nodeProcess.platform === "linux" ? openedAs(pid, fd) : null),
    sleepsReading: (pid, source) => sleepsReading(pid, source),
    setOomScore,
    plainPriority: () => {
      try {
        if (os.getPriority() !== 0) os.setPriority(0);
        return true;
      } catch {
        return false;
      }
    },
    becomeSubreaper: () => {
      if (nodeProcess.platform !== "linux" || native().prctl(prSetChildSubreaper, 1) !== 0) return false;
      children.adoptOrphans();
      return true;
    },
    reapOrphans: () => children.reap(),
  };
  return table;
}

/** Tells the kernel which processes to end first when memory runs out. A refusal (gone, not allowed, no such file) is ignored: it is only a hint. */
function setOomScore(pid: number, adjustment: number): void {
  if (nodeProcess.platform !== "linux") return;
  try {
    fs.writeFileSync(`/proc/${pid}/oom_score_adj`, String(adjustment));
  } catch {
    // Only a hint: see the doc comment.
  }
}

function open(table: ProcessTable, watch: ExitWatch, identity: Identity): ProcessHandle | "gone" | "unknown" {
  const pidfd = nodeProcess.platform === "linux" ? native().pidfdOpen(identity.pid) : -1;
  // Not before: now the comparison is about the process that the descriptor means.
  const now = table.compare(identity);
  if (now === "same") return pidfd < 0 ? polledHandle(table, identity) : pidfdHandle(table, watch, identity, pidfd);
  if (pidfd >= 0) fs.closeSync(pidfd);
  return now;
}

function numberOf(signal: string): number {
  const number = signalNumber(signal);
  if (number === null) throw new HermaError("BAD_REQUEST", `This system has no signal ${signal}`);
  return number;
}

function pidfdHandle(table: ProcessTable, watch: ExitWatch, identity: Identity, pidfd: number): ProcessHandle {
  let isOpen = true;
  return {
    identity,
    send: (signal) => {
      const number = numberOf(signal);
      // The kernel takes signals to zombies without a word.
      if (!isOpen || table.compare(identity) === "gone") return "gone";
      if (native().pidfdSendSignal(pidfd, number) === 0) return "sent";
      return native().errno() === 3 ? "gone" : "denied";
    },
    onExit: (ended) => {
      if (isOpen) watch.add(pidfd, ended);
    },
    onEnd: (ended) => {
      if (isOpen) watch.add(pidfd, () => ended(), 0);
    },
    close: () => {
      if (!isOpen) return;
      isOpen = false;
      watch.remove(pidfd);
      fs.closeSync(pidfd);
    },
  };
}

/** Without a pidfd a signal is sent right after a comparison: the window is a few microseconds instead of none. */
function polledHandle(table: ProcessTable, identity: Identity): ProcessHandle {
  let poll: NodeJS.Timeout | null = null;
  const stop = (): void => {
    if (poll !== null) clearInterval(poll);
    poll = null;
  };
  const onExit = (ended: (exit: ChildExit | null) => void): void => {
    stop();
    poll = setInterval(() => {
      if (table.compare(identity) !== "gone") return;
      stop();
      ended(null);
    }, exitPollMs);
    poll.unref();
  };
  return {
    identity,
    send: (signal): SendResult => {
      const number = numberOf(signal);
      const now = table.compare(identity);
      if (now !== "same") return now === "gone" ? "gone" : "denied";
      try {
        nodeProcess.kill(identity.pid, number);
        return "sent";
      } catch (error) {
        return codeOf(error) === "ESRCH" ? "gone" : "denied";
      }
    },
    onExit,
    onEnd: (ended) => onExit(() => ended()),
    close: stop,
  };
}
