import fs from "node:fs";
import nodeProcess from "node:process";

/** Calls of the kernel by number, as far as they can wait for input. */
type Calls = {
  readonly read: readonly number[];
  readonly poll: readonly number[];
  readonly select: readonly number[];
  readonly epoll: readonly number[];
};
const callsByArch: Readonly<Record<string, Calls>> = {
  // read, readv, pread64, preadv · poll, ppoll · select, pselect6 · epoll_wait, epoll_pwait, epoll_pwait2
  x64: { read: [0, 19], poll: [7, 271], select: [23, 270], epoll: [232, 281, 441] },
  arm64: { read: [63, 65], poll: [73], select: [72], epoll: [22, 441] },
};
const pollEntryBytes = 8;
const pollIn = 0x1;
const polledMax = 1024;
const own = "/dev/tty";

/**
 * Whether a process sleeps in the kernel until there is something to read from `source`, as `/proc` names it (`/dev/pts/3`, `pipe:[123]`): in a
 * read of it, or in a poll or select that has it among others. Null when that cannot be told: the process may not be looked at, or it is an
 * event loop that would hear of input whatever else it does. `root` is for tests.
 */
export function sleepsReading(pid: number, source: string, root = "/proc"): boolean | null {
  const calls = callsByArch[nodeProcess.arch];
  if (nodeProcess.platform !== "linux" || calls === undefined) return null;
  let threads: string[];
  try {
    threads = fs.readdirSync(`${root}/${pid}/task`);
  } catch {
    return false;
  }
  const wanted = source.startsWith("/dev/") ? [source, own] : [source];
  const isSource = (fd: number): boolean => wanted.includes(linkOf(`${root}/${pid}/fd/${fd}`) ?? "");
  let answer: boolean | null = false;
  for (const thread of threads) {
    const seen = threadReads({ process: `${root}/${pid}`, thread: `${root}/${pid}/task/${thread}`, calls, isSource });
    if (seen === true) return true;
    if (seen === null) answer = null;
  }
  return answer;
}

/** What a descriptor of a process is, as `/proc` names it; null when it has none, or it may not be looked at. */
export function openedAs(pid: number, fd: number, root = "/proc"): string | null {
  return linkOf(`${root}/${pid}/fd/${fd}`);
}

type Thread = { readonly process: string; readonly thread: string; readonly calls: Calls; isSource(fd: number): boolean };

function threadReads({ process, thread, calls, isSource }: Thread): boolean | null {
  let text: string;
  try {
    text = fs.readFileSync(`${thread}/syscall`, "latin1");
  } catch (error) {
    // Gone meanwhile; anything else is a refusal to tell.
    return (error as NodeJS.ErrnoException).code === "ENOENT" || (error as NodeJS.ErrnoException).code === "ESRCH" ? false : null;
  }
  // "running", or "-1 …" outside of any call.
  const [number, ...words] = text.trim().split(" ");
  const call = Number(number);
  if (!Number.isInteger(call) || call < 0) return false;
  const [first = 0, second = 0] = words.map(Number);
  if (calls.read.includes(call)) return isSource(first);
  if (calls.poll.includes(call)) return polled(process, first, second, isSource);
  if (calls.select.includes(call)) return selected(process, first, second, isSource);
  if (calls.epoll.includes(call)) return epolled(process, first, isSource) ? null : false;
  return false;
}

function polled(process: string, address: number, count: number, isSource: (fd: number) => boolean): boolean | null {
  if (count === 0) return false;
  const entries = memory(process, address, Math.min(count, polledMax) * pollEntryBytes);
  if (entries === null) return null;
  for (let at = 0; at < entries.length; at += pollEntryBytes) {
    if ((entries.readUInt16LE(at + 4) & pollIn) !== 0 && isSource(entries.readInt32LE(at))) return true;
  }
  return false;
}

function selected(process: string, count: number, address: number, isSource: (fd: number) => boolean): boolean | null {
  if (count === 0 || address === 0) return false;
  const bits = memory(process, address, Math.ceil(Math.min(count, polledMax) / 8));
  if (bits === null) return null;
  for (let fd = 0; fd < bits.length * 8 && fd < count; fd += 1) {
    if (((bits[fd >> 3] as number) & (1 << (fd & 7))) !== 0 && isSource(fd)) return true;
  }
  return false;
}

function epolled(process: string, set: number, isSource: (fd: number) => boolean): boolean {
  try {
    const text = fs.readFileSync(`${process}/fdinfo/${set}`, "latin1");
    return [...text.matchAll(/^tfd:\s*(\d+)/gm)].some((match) => isSource(Number(match[1])));
  } catch {
    return true;
  }
}

function memory(process: string, address: number, length: number): Buffer | null {
  // Addresses beyond what a number holds exactly are none of a program's.
  if (!Number.isSafeInteger(address)) return null;
  let fd: number | null = null;
  try {
    fd = fs.openSync(`${process}/mem`, "r");
    const bytes = Buffer.alloc(length);
    return fs.readSync(fd, bytes, 0, length, address) === length ? bytes : null;
  } catch {
    return null;
  } finally {
    if (fd !== null) fs.closeSync(fd);
  }
}

function linkOf(path: string): string | null {
  try {
    return fs.readlinkSync(path);
  } catch {
    return null;
  }
}
