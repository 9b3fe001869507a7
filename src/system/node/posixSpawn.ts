import fs from "node:fs";
import { createRequire } from "node:module";
import nodeProcess from "node:process";
import type { ChildExit, SpawnFailure, SpawnRequest } from "../types.ts";
import { withChildLimits } from "./childLimits.ts";
import { children, ownPeakBytes } from "./children.ts";
import { joining, proveJoined } from "./joining.ts";
import { errnoName, type NativeSpawn, native } from "./native.ts";
import { parseProcStat } from "./procStat.ts";
import { failureOf, findProgram, startFailure } from "./program.ts";
import { codeOf } from "./systemError.ts";

const require = createRequire(import.meta.url);
/** POSIX_SPAWN_SETSID, SETSIGDEF and SETSIGMASK: the same numbers in glibc and musl. */
const spawnFlags = 0x80 | 0x04 | 0x08;
const closeRangeCloexec = 4;
const fdMax = 0x7fffffff;

/** What stands at a child's 0, 1 and 2: an open descriptor of ours, or a path that the child opens itself. */
export type StdioEnd = number | { readonly path: string; readonly flags: number };
export type Stdio = readonly [StdioEnd, StdioEnd, StdioEnd];
export type Started =
  | { readonly ok: true; readonly pid: number; readonly startTime: number }
  | { readonly ok: false; readonly failure: SpawnFailure };

export const nullInput: StdioEnd = { path: "/dev/null", flags: fs.constants.O_RDONLY };

/**
 * Starts a program by posix_spawn: its cost does not grow with our memory, as that of Node's fork does (1 ms at 46 MB, 50 ms at 1 GB).
 * The child leads a session of its own; signals are at their defaults and unblocked; only 0, 1 and 2 are open, and the soft limit of open files
 * is the usual one. A path at 0 that names a
 * terminal becomes the controlling terminal, because the session is new by then.
 */
export function posixSpawn(wish: SpawnRequest, stdio: Stdio, exit: ((exit: ChildExit) => void) | null): Started {
  const group = wish.group ?? null;
  const joined = group === null ? null : joining({ ...wish, group });
  if (joined?.ok === false) return joined;
  const request = joined?.request ?? wish;
  const program = findProgram(request);
  if (!program.ok) return program;
  children.listen();
  const pidBytes = Buffer.alloc(4);
  const errno = withChildLimits(
    () => spawnWith(pidBytes, program.path, request, stdio),
    (failed) => (failed === 0 ? pidBytes.readInt32LE(0) : null),
  );
  if (errno !== 0) {
    children.rest();
    return startFailure(program.path, errnoName(errno), request);
  }
  const pid = pidBytes.readInt32LE(0);
  const startTime = startTimeOf(pid);
  if (typeof startTime !== "number") {
    // Without its start time nobody could ever prove which process it is. It is our unreaped child, so the pid is its own.
    children.add(pid, 0, null);
    nodeProcess.kill(pid, "SIGKILL");
    return failureOf(
      startTime.error,
      `${program.path} was started and ended again: its place in /proc cannot be read (${startTime.error})`,
    );
  }
  const outside = group === null ? null : proveJoined(group, pid);
  children.add(pid, ownPeakBytes(), outside === null ? exit : null);
  if (outside !== null) return outside;
  return { ok: true, pid, startTime };
}

/** The child is unreaped until a later turn, so its row is there even if it has ended already. */
function startTimeOf(pid: number): number | { readonly error: string } {
  try {
    return parseProcStat(fs.readFileSync(`/proc/${pid}/stat`, "utf8"))?.startTime ?? { error: "EIO" };
  } catch (error) {
    return { error: codeOf(error) || "EIO" };
  }
}

function spawnWith(pid: Buffer, path: string, request: SpawnRequest, stdio: Stdio): number {
  const { spawn } = native();
  const actions = Buffer.alloc(512);
  const attributes = Buffer.alloc(1024);
  spawn.actionsInit(actions);
  spawn.attributesInit(attributes);
  try {
    addStdio(spawn, actions, stdio);
    spawn.addChdir(actions, request.cwd);
    if (spawn.addCloseFrom !== null) spawn.addCloseFrom(actions, 3);
    else markOpenFiles();
    spawn.setSignalDefaults(attributes, Buffer.alloc(128, 0xff));
    spawn.setSignalMask(attributes, Buffer.alloc(128));
    spawn.setFlags(attributes, spawnFlags);
    const environment = Object.entries(request.variables).map(([name, value]) => `${name}=${value}`);
    return spawn.spawn(pid, path, actions, attributes, [...request.argv, null], [...environment, null]);
  } finally {
    spawn.actionsDestroy(actions);
    spawn.attributesDestroy(attributes);
  }
}

function addStdio(spawn: NativeSpawn, actions: Buffer, stdio: Stdio): void {
  for (const [fd, end] of stdio.entries()) {
    if (typeof end === "number") spawn.addDup2(actions, end, fd);
    else spawn.addOpen(actions, fd, end.path, end.flags, 0o600);
  }
}

/** Descriptors this program was born with may lack close-on-exec; everything opened since has it. */
export function markOpenFiles(): void {
  native().closeRange(3, fdMax, closeRangeCloexec);
}

/** Opens a FIFO or log for a child; a failure has the shape of a failed start. */
export function openFor(
  path: string,
  flags: number,
): { readonly ok: true; readonly fd: number } | { readonly ok: false; readonly failure: SpawnFailure } {
  try {
    return { ok: true, fd: fs.openSync(path, flags | (fs.constants.O_NOFOLLOW ?? 0), 0o600) };
  } catch (error) {
    return failureOf(codeOf(error) || "EIO", `The output ${path} cannot be opened: ${codeOf(error)}`);
  }
}

/** The two ends of a child's standard input: the child's descriptor, and ours as a socket. */
export type InputPipe = { readonly childEnd: number; readonly ours: import("node:net").Socket };

/** A real pipe, not Node's socket pair, so that the child can open /dev/stdin. */
export function inputPipe(): { readonly ok: true; readonly pipe: InputPipe } | { readonly ok: false; readonly failure: SpawnFailure } {
  const ends = native().pipe();
  if (ends === null) {
    const name = errnoName(native().errno());
    return failureOf(name, `No pipe for standard input: ${name}`);
  }
  const net = require("node:net") as typeof import("node:net");
  return { ok: true, pipe: { childEnd: ends.read, ours: new net.Socket({ fd: ends.write, readable: false, writable: true }) } };
}
