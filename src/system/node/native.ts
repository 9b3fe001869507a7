import { createRequire } from "node:module";
import nodeProcess from "node:process";
import { getSystemErrorName } from "node:util";
import { HermaError } from "../../contract/index.ts";

/**
 * The C library's functions Node has no door for. They are bound at the first use, because loading the binding costs 30 ms that `herma ps`
 * must not pay. Structures travel as plain buffers read at their documented offsets: no shared type registry, no big integers.
 */
export type Native = {
  readonly spawn: NativeSpawn;
  mkfifo(path: string, mode: number): number;
  flock(fd: number, operation: number): number;
  /** An ioctl whose argument is a buffer. */
  ioctl(fd: number, request: number, argument: Buffer): number;
  /** fcntl with an integer argument. */
  fcntl(fd: number, command: number, argument: number): number;
  /** Of this thread. `set` is a sigset_t. */
  signalMask(how: number, set: Buffer): number;
  /** Both ends close on exec. Returns null with errno set when it fails. */
  pipe(): { readonly read: number; readonly write: number } | null;
  dup2(from: number, to: number): number;
  dup3(from: number, to: number, flags: number): number;
  wait4(pid: number, status: Buffer, options: number, usage: Buffer): number;
  waitid(kind: number, id: number, info: Buffer, options: number): number;
  prctl(option: number, argument: number): number;
  /** Linux. `wanted` and `answer` are struct rlimit of 64 bits; pid 0 is this program. */
  prlimit(pid: number, resource: number, wanted: Buffer | null, answer: Buffer | null): number;
  epollCreate(): number;
  epollControl(set: number, operation: number, fd: number, event: Buffer): number;
  epollWait(set: number, events: Buffer, eventsMax: number, timeoutMs: number): number;
  pidfdOpen(pid: number): number;
  pidfdSendSignal(pidfd: number, signal: number): number;
  closeRange(first: number, last: number, flags: number): number;
  socket(family: number, type: number, protocol: number): number;
  bind(socket: number, address: Buffer, bytes: number): number;
  sendMessage(socket: number, message: Buffer, flags: number): number;
  receiveMessage(socket: number, message: Buffer, flags: number): number;
  /** Where a buffer stands in memory, for structures that point to others. */
  addressOf(buffer: Buffer): bigint;
  sendto(fd: number, bytes: Buffer, length: number, flags: number, address: Buffer, addressLength: number): number;
  openTerminal(flags: number): number;
  /** Makes the other side of an opened terminal usable and returns its path; null with errno set when it fails. */
  terminalPath(master: number): string | null;
  /** Free memory of the C library goes back to the system. Does nothing where the C library has no such call (musl). */
  trimHeap(): void;
  errno(): number;
};

/** posix_spawn and what it is told with. Buffers are larger than any C library's structure. */
export type NativeSpawn = {
  spawn(pid: Buffer, path: string, actions: Buffer, attributes: Buffer, argv: (string | null)[], environment: (string | null)[]): number;
  actionsInit(actions: Buffer): number;
  actionsDestroy(actions: Buffer): number;
  addDup2(actions: Buffer, from: number, to: number): number;
  addOpen(actions: Buffer, fd: number, path: string, flags: number, mode: number): number;
  addChdir(actions: Buffer, folder: string): number;
  /** Null where the C library has no such action (before glibc 2.34, musl). */
  readonly addCloseFrom: ((actions: Buffer, first: number) => number) | null;
  attributesInit(attributes: Buffer): number;
  attributesDestroy(attributes: Buffer): number;
  setFlags(attributes: Buffer, flags: number): number;
  setSignalDefaults(attributes: Buffer, signals: Buffer): number;
  setSignalMask(attributes: Buffer, signals: Buffer): number;
};

/** O_CLOEXEC of Linux and of macOS; Node does not export it. */
export const oCloexec: number = nodeProcess.platform === "darwin" ? 0x1000000 : 0o2000000;
const require = createRequire(import.meta.url);

let bound: Native | null = null;

/** The native functions, bound at the first call. PLATFORM_UNSUPPORTED when the binding cannot be loaded on this machine. */
export function native(): Native {
  bound ??= bind();
  return bound;
}

/** The system's name of an errno value, such as ENOENT. */
export function errnoName(errno: number): string {
  return getSystemErrorName(-errno);
}

type Library = ReturnType<typeof import("koffi").load>;

function load(): typeof import("koffi") {
  try {
    return require("koffi");
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new HermaError("PLATFORM_UNSUPPORTED", `The system's functions cannot be called here: ${why}`, { cause: error });
  }
}

function bind(): Native {
  const koffi = load();
  const library = koffi.load(null);
  const late = lateBinder(library);
  const ioctl = late("int ioctl(int, ulong, ...)");
  const fcntl = late("int fcntl(int, int, ...)");
  const signalMask = late("int pthread_sigmask(int, void *, void *)");
  const syscall = late("long syscall(long, ...)");
  return {
    ...terminalFunctions(late),
    signalMask: (how, set) => signalMask(how, set, null),
    spawn: bindSpawn(library),
    mkfifo: late("int mkfifo(str, uint)"),
    flock: late("int flock(int, int)"),
    ioctl: (fd, request, argument) => ioctl(fd, request, "void *", argument),
    fcntl: (fd, command, argument) => fcntl(fd, command, "int", argument),
    pipe: pipeFunction(late, fcntl),
    dup2: late("int dup2(int, int)"),
    dup3: late("int dup3(int, int, int)"),
    wait4: late("int wait4(int, void *, int, void *)"),
    waitid: late("int waitid(int, uint, void *, int)"),
    prctl: late("int prctl(int, ulong)"),
    prlimit: late("int prlimit(int, int, void *, void *)"),
    epollCreate: (
      (create) => () =>
        create(oCloexec)
    )(late("int epoll_create1(int)")),
    epollControl: late("int epoll_ctl(int, int, int, void *)"),
    epollWait: late("int epoll_wait(int, void *, int, int)"),
    pidfdOpen: (pid) => Number(syscall(434, "long", pid, "long", 0)),
    pidfdSendSignal: (pidfd, signal) => Number(syscall(424, "long", pidfd, "long", signal, "void *", null, "long", 0)),
    closeRange: (first, last, flags) => Number(syscall(436, "long", first, "long", last, "long", flags)),
    ...messageFunctions(late),
    addressOf: (buffer) => koffi.address(buffer),
    sendto: late("long sendto(int, void *, size_t, int, void *, uint)"),
    trimHeap: trimFunction(library),
    errno: () => koffi.errno(),
  };
}

// biome-ignore lint/suspicious/noExplicitAny: a foreign function's arguments are checked by the type it is assigned to
type Foreign = (...parameters: any[]) => any;
type LateBinder = (prototype: string) => Foreign;

/** Binds each function at its own first call, so that a function this C library lacks only fails where it is used. */
function lateBinder(library: Library): LateBinder {
  return (prototype) => {
    let foreign: Foreign | null = null;
    return (...parameters) => {
      foreign ??= library.func(prototype);
      return foreign(...parameters);
    };
  };
}

function trimFunction(library: Library): () => void {
  let trim: Foreign | null | undefined;
  return () => {
    if (trim === undefined) {
      try {
        trim = library.func("int malloc_trim(size_t)");
      } catch {
        trim = null;
      }
    }
    trim?.(0);
  };
}

function terminalFunctions(late: LateBinder): Pick<Native, "openTerminal" | "terminalPath"> {
  const grantpt = late("int grantpt(int)");
  const unlockpt = late("int unlockpt(int)");
  const ptsname = late("int ptsname_r(int, void *, size_t)");
  return {
    openTerminal: late("int posix_openpt(int)"),
    terminalPath: (master) => {
      const name = Buffer.alloc(128);
      if (grantpt(master) !== 0 || unlockpt(master) !== 0 || ptsname(master, name, name.length) !== 0) return null;
      return name.toString("utf8", 0, name.indexOf(0));
    },
  };
}

function messageFunctions(late: LateBinder): Pick<Native, "socket" | "bind" | "sendMessage" | "receiveMessage"> {
  return {
    socket: late("int socket(int, int, int)"),
    bind: late("int bind(int, void *, uint)"),
    sendMessage: late("int64 sendmsg(int, void *, int)"),
    receiveMessage: late("int64 recvmsg(int, void *, int)"),
  };
}

function pipeFunction(late: LateBinder, fcntl: Foreign): Native["pipe"] {
  const pipe2 = late("int pipe2(void *, int)");
  const pipe = late("int pipe(void *)");
  const hasPipe2 = nodeProcess.platform !== "darwin";
  return () => {
    const ends = Buffer.alloc(8);
    if ((hasPipe2 ? pipe2(ends, oCloexec) : pipe(ends)) !== 0) return null;
    const read = ends.readInt32LE(0);
    const write = ends.readInt32LE(4);
    // Nothing can be spawned in between: only this thread spawns.
    if (!hasPipe2) for (const fd of [read, write]) fcntl(fd, 2, "int", 1);
    return { read, write };
  };
}

function bindSpawn(library: Library): NativeSpawn {
  const late = lateBinder(library);
  let addCloseFrom: NativeSpawn["addCloseFrom"] = null;
  try {
    addCloseFrom = library.func("int posix_spawn_file_actions_addclosefrom_np(void *, int)");
  } catch {
    // Not in this C library; the spawner then marks what is open instead.
  }
  return {
    spawn: late("int posix_spawn(void *, str, void *, void *, str *, str *)"),
    actionsInit: late("int posix_spawn_file_actions_init(void *)"),
    actionsDestroy: late("int posix_spawn_file_actions_destroy(void *)"),
    addDup2: late("int posix_spawn_file_actions_adddup2(void *, int, int)"),
    addOpen: late("int posix_spawn_file_actions_addopen(void *, int, str, int, uint)"),
    addChdir: late("int posix_spawn_file_actions_addchdir_np(void *, str)"),
    addCloseFrom,
    attributesInit: late("int posix_spawnattr_init(void *)"),
    attributesDestroy: late("int posix_spawnattr_destroy(void *)"),
    setFlags: late("int posix_spawnattr_setflags(void *, short)"),
    setSignalDefaults: late("int posix_spawnattr_setsigdefault(void *, void *)"),
    setSignalMask: late("int posix_spawnattr_setsigmask(void *, void *)"),
  };
}
