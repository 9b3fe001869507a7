import fs from "node:fs";
import { native } from "./native.ts";

/** RLIMIT_NOFILE of Linux on every machine that Node runs on. */
const limitOfFiles = 7;
/** The soft limit that systems give to what they start: programs that use select(), or close all descriptors there may be, count on it. */
const filesSoftMax = 1024n;
/** Below the limit by this much: other threads of ours may open a few meanwhile. */
const filesSpare = 64;

/** This program's own soft and hard limit; read once, since only Node changes it, before any of ours runs. */
let own: { readonly soft: bigint; readonly hard: bigint } | null = null;

/**
 * Calls `spawn`, which makes one child synchronously and returns its pid or null, so that the child has the usual soft limit of descriptors: Node
 * raises its own to the hard one at its start, and what it starts would inherit that. Ours is lowered for the instant, so that the child never
 * sees another; where we have too many open for that, the child's is set right after.
 */
export function withChildLimits<T>(spawn: () => T, pidOf: (spawned: T) => number | null): T {
  own ??= read();
  if (own === null || own.soft <= filesSoftMax) return spawn();
  const lowered = limits(filesSoftMax, own.hard);
  const lowers = lowestFree() + filesSpare < Number(filesSoftMax) && native().prlimit(0, limitOfFiles, lowered, null) === 0;
  if (!lowers) {
    const spawned = spawn();
    const pid = pidOf(spawned);
    if (pid !== null) native().prlimit(pid, limitOfFiles, lowered, null);
    return spawned;
  }
  try {
    return spawn();
  } finally {
    native().prlimit(0, limitOfFiles, limits(own.soft, own.hard), null);
  }
}

function read(): typeof own {
  const answer = Buffer.alloc(16);
  if (native().prlimit(0, limitOfFiles, null, answer) !== 0) return null;
  return { soft: answer.readBigUInt64LE(0), hard: answer.readBigUInt64LE(8) };
}

/** struct rlimit of 64 bits. */
function limits(soft: bigint, hard: bigint): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeBigUInt64LE(soft, 0);
  bytes.writeBigUInt64LE(hard, 8);
  return bytes;
}

/** The kernel gives out the lowest free number, and refuses one that is not below the limit. */
function lowestFree(): number {
  try {
    const fd = fs.openSync("/dev/null", fs.constants.O_RDONLY);
    fs.closeSync(fd);
    return fd;
  } catch {
    return Number(filesSoftMax);
  }
}
