import type { Identity, RestartSurvival, TerminalSize, Usage } from "../contract/index.ts";

/**
 * The operating system behind small interfaces. Rooms take the slice they need. Two implementations ship: `node/` (real) and `fake/`
 * (seeded time, failing disks, a process table with chosen pids); one conformance suite runs over both.
 */
export type System = {
  readonly platform: "linux" | "darwin" | "win32";
  readonly clock: Clock;
  readonly files: Files;
  readonly locks: Locks;
  readonly processes: ProcessTable;
  readonly spawner: Spawner;
  readonly shell: LoginShell;
  readonly scopes: Scopes;
  readonly groups: Groups;
  readonly sockets: Sockets;
  readonly descriptors: Descriptors;
  readonly notify: Notify;
  readonly memory: Memory;
  readonly vitals: Vitals;
  readonly loop: LoopObserver;
  /** Cryptographically random bytes (seeded in the fake). */
  readonly random: (bytes: number) => Uint8Array;
};

/** Two clocks, never mixed: monotonic for durations and deadlines, wall for what people and files read. */
export interface Clock {
  /** Milliseconds, fractional, never going back. */
  monotonicMs(): number;
  /** Milliseconds since the epoch. */
  wallMs(): number;
  /** Calls `fn` once after `ms` milliseconds (0: on a later turn). A throw in `fn` is a bug. The timer keeps the program alive unless `unref`. */
  after(ms: number, fn: () => void, options?: { unref?: boolean }): Timer;
}
export interface Timer {
  /** Idempotent; after it `fn` is never called. */
  cancel(): void;
}

export type FileKind = "file" | "folder" | "fifo" | "socket" | "link" | "other";
export type FileStat = {
  readonly kind: FileKind;
  readonly size: number;
  readonly mtimeMs: number;
  /** Permission bits, such as 0o600. */
  readonly mode: number;
  readonly uid: number;
  readonly dev: number;
  readonly ino: number;
};

/**
 * Files and folders. Absent is a value (null, false, []), everything else that the system refuses is a `HermaError`:
 * `DISK_FULL` (ENOSPC, EDQUOT), `TOO_MANY_FILES` (EMFILE, ENFILE), else `IO`, with the system's error as `cause`.
 * Files are made 0600 and folders 0700 unless told otherwise. Nothing follows a symbolic link in the last place of a path.
 */
export interface Files {
  /** Whole content, or null when absent. Refuses files over `bytesMax` (default 1 MiB) with IO. */
  read(path: string, bytesMax?: number): Buffer | null;
  /** Up to `length` bytes from `offset`; shorter at the end; null when absent. */
  readRange(path: string, offset: number, length: number): Buffer | null;
  /** lstat; null when absent. */
  stat(path: string): FileStat | null;
  /** Names in a folder, sorted; [] when absent. */
  list(folder: string): string[];
  /** Makes the folder and its missing parents. */
  makeFolder(folder: string, mode?: number): void;
  /** Writes a new file whole; false when it exists already. A failed write leaves no file. */
  createExclusive(path: string, data: string | Uint8Array, options?: { mode?: number; durable?: boolean }): boolean;
  /** Replaces a file whole: temporary name, write, rename. `durable`: fsync the file before and the folder after the rename. */
  replace(path: string, data: string | Uint8Array, options: { durable: boolean; mode?: number }): void;
  /** As `replace` with `durable: true`, without blocking the event loop. */
  replaceDurably(path: string, data: string | Uint8Array, mode?: number): Promise<void>;
  /** Makes `path` with `bytes` bytes really allocated, so that {@link fulfil} later needs no space. */
  reserve(path: string, bytes: number): void;
  /** Overwrites a reserved file in place, cuts it to length, syncs it, renames it to `finalPath`, syncs the folder. Needs no free space. */
  fulfil(reservedPath: string, finalPath: string, data: string | Uint8Array): Promise<void>;
  /** Opens (and makes) a file for appending at its end. */
  appender(path: string): Appender;
  /** Sets the permission bits of what stands there, such as a socket. */
  setMode(path: string, mode: number): void;
  /** Gives what stands there to a group, by its number. Throws IO when this user may not. */
  setGroup(path: string, group: number): void;
  /** False when it was absent. Removes a file, never a folder. */
  remove(path: string): boolean;
  /** Removes a folder and all in it; absent is fine. */
  removeTree(folder: string): void;
  rename(from: string, to: string): void;
  /** Makes a FIFO (0600). */
  makeFifo(path: string): void;
  /**
   * Calls `changed` (with a name, or null when unknown) after anything in the folder changed. Hints only: re-read what matters.
   * Returns its end (idempotent); until then it keeps the program alive.
   */
  watch(folder: string, changed: (name: string | null) => void): () => void;
  /** How many more descriptors this program may open, about; null where the system cannot tell. */
  descriptorsLeft(): number | null;
  /**
   * Opens a FIFO for reading without waiting for a writer. See {@link ByteReader}. One that never had a writer stays silent, unless
   * `endWhenUnheld`: then its end is told at once when nobody else has it open. `heldBy`: its name has been removed, and it is opened through
   * the standard output or error of one of these processes that proves to be this FIFO; IO with ENOENT when none is.
   */
  openFifo(path: string, handler: ByteHandler, options?: FifoOptions): ByteReader;
}
export interface Appender {
  /** Appends all of `bytes`, synchronously. Throws DISK_FULL or IO; then `written` bytes (a property on the error's data) had been taken. */
  write(bytes: Uint8Array): void;
  /** Waits until the disk has what was written, and the name of the file. Throws DISK_FULL or IO. */
  sync(): void;
  /** Bytes in the file. */
  readonly size: number;
  close(): void;
}
export type FifoOptions = { readonly endWhenUnheld?: boolean; readonly heldBy?: readonly number[] };
export type ByteHandler = {
  /** Bytes just read. The buffer is reused after the call returns: copy what is kept. */
  bytes(chunk: Uint8Array): void;
  /** The last writer has closed, or the descriptor broke. Called once; nothing comes after it. */
  end(error: Error | null): void;
};
export interface ByteReader {
  /** Stops reading (back-pressure to the writer) until `resume`. */
  pause(): void;
  resume(): void;
  /** Bytes that wait in the pipe right now, without reading them; null where the system cannot tell. */
  pending(): number | null;
  /** Closes the descriptor; no further calls to the handler. Idempotent. */
  close(): void;
}

/** Advisory locks (flock): held for the life of the descriptor, freed by the kernel whatever ends the program. */
export interface Locks {
  /** Takes the lock, making the file if needed, or null when somebody holds it. Checks afterwards that the path still names the locked inode. */
  tryTake(path: string): Lock | null;
  /** Looks without taking. `unknown` where the system cannot tell (no /proc/locks, another pid namespace). */
  look(path: string): LockView;
}
export type LockView = { readonly held: true; readonly pid: number | null } | { readonly held: false } | { readonly held: "unknown" };
export interface Lock {
  readonly path: string;
  /** Rewrites the file's content in place (the inode stays). */
  writeBody(text: string): void;
  /** False once the path names another file than the one locked, or none. */
  pathIsOurs(): boolean;
  /** Idempotent. The file stays. */
  release(): void;
}

/** One row of the process table. */
export type ProcessRow = {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** Name as the kernel has it (Linux: at most 15 bytes). May hold blanks and parentheses. */
  readonly name: string;
  readonly startTime: number;
  /** Zombie (or dying): it has ended and waits for its parent. */
  readonly zombie: boolean;
  /** Stopped by a signal (T). Stopped is alive. */
  readonly stopped: boolean;
};
/** Three-valued: what cannot be read is unknown, and unknown never kills and never steals. */
export type Seen =
  | { readonly kind: "alive"; readonly row: ProcessRow }
  | { readonly kind: "dead" }
  | { readonly kind: "unknown"; readonly why: string };
export type Sameness = "same" | "gone" | "unknown";

export type SendResult = "sent" | "gone" | "denied";
export type ChildExit = {
  readonly code: number | null;
  /** Name such as SIGTERM, or null. */
  readonly signal: string | null;
  readonly usage: Usage | null;
};

export interface ProcessTable {
  bootId(): string;
  /** Names the space in which this program's pids mean something (Linux: its pid namespace); null where the system has but one. */
  pidNamespace(): string | null;
  /**
   * Milliseconds since a process of this boot was started, by the system's own count where it has one: setting the clock does not change it.
   * Null for another boot. That it still lives is not looked at.
   */
  ageMs(identity: Identity): number | null;
  /** This program. */
  self(): Identity;
  /** A zombie is dead; permission denied is alive; unreadable is unknown. */
  look(pid: number): Seen;
  identityOf(pid: number): Identity | null;
  /** `gone` when the pid is free, a zombie, or somebody else's now; also when the boot differs. */
  compare(identity: Identity): Sameness;
  /** Every process this program may see. */
  list(): ProcessRow[];
  /** True when the process's initial environment has `HERMA_PROCESS_ID=<mark>`; null when it may not, or not yet (exec), be read. */
  hasMark(pid: number, mark: string): boolean | null;
  /** The mark itself; null without one, undefined when it cannot be read. One look tells for whichever mark is sought. */
  markOf(pid: number): string | null | undefined;
  /** A handle that can only ever mean this very process (a pidfd where the kernel has it), or why there is none. */
  open(identity: Identity): ProcessHandle | "gone" | "unknown";
  /** What a descriptor of a process is (`/dev/pts/3`, `pipe:[123]`); null when it has none, or the system does not tell. */
  openedAs(pid: number, fd: number): string | null;
  /** Whether it sleeps until there is something to read from `source` (as {@link openedAs} names it); null when that cannot be told. */
  sleepsReading(pid: number, source: string): boolean | null;
  /** Tells the kernel whom to end first when memory runs out (-1000 to 1000, higher goes first). A hint: what cannot be set is let be. */
  setOomScore(pid: number, adjustment: number): void;
  /** Orphaned descendants come to this program from now on. False where the system has no such thing. */
  becomeSubreaper(): boolean;
  /** Takes back a priority (nice) that was handed down by whoever started this program. False where that is not allowed. */
  plainPriority(): boolean;
  /** Reaps orphans that landed here, leaving the spawner's own children alone. Called by the spawner at each SIGCHLD; here for tests. */
  reapOrphans(): number;
}
export interface ProcessHandle {
  readonly identity: Identity;
  /** Signal by name, such as SIGTERM; BAD_REQUEST when this system has none of that name. */
  send(signal: string): SendResult;
  /**
   * Calls back once when it has ended, with its exit if the kernel can prove it (PIDFD_GET_INFO, once its parent has reaped it), else null.
   * Keeps no program alive.
   */
  onExit(ended: (exit: ChildExit | null) => void): void;
  /** Calls back once when it has ended, at once: that its parent has not reaped it delays nothing. In place of {@link onExit}. */
  onEnd(ended: () => void): void;
  close(): void;
}

export type SpawnRequest = {
  /** argv[0] is looked up on the child's PATH. */
  readonly argv: readonly string[];
  /** Must exist. */
  readonly cwd: string;
  /** The child's whole environment. */
  readonly variables: Readonly<Record<string, string>>;
  /** The group it is in from its first instruction on, with all it will start. */
  readonly group?: Group | null;
};
/** Early failure has the same shape as late failure: a value. */
export type SpawnFailure = {
  /** The system's name: ENOENT, EACCES, ENOEXEC, E2BIG, EMFILE, EAGAIN, ENOMEM … */
  readonly error: string;
  readonly message: string;
};
export type Spawned<T> = { readonly ok: true; readonly child: T } | { readonly ok: false; readonly failure: SpawnFailure };

export interface Child {
  readonly identity: Identity;
  /** Each child leads a session and a process group of its own: group = session = pid. */
  readonly pid: number;
}
export interface PipedChild extends Child {
  /** Null for stdin `none`. */
  readonly stdin: ChildInput | null;
}
export interface ChildInput {
  /** Queues bytes; false (and nothing taken) when more than 1 MiB would wait. */
  write(bytes: Uint8Array): boolean;
  /** EOF after what waits. Idempotent. */
  close(): void;
  readonly closed: boolean;
}
export interface TerminalChild extends Child {
  write(bytes: Uint8Array): boolean;
  resize(size: TerminalSize): void;
  /** How it stands now; null where the system does not tell, and once it is closed. */
  state(): TerminalState | null;
  pause(): void;
  resume(): void;
  /** Releases the terminal (the child gets SIGHUP if it still lives); no further output is told, nor its end. Idempotent. */
  close(): void;
}

export type TerminalState = {
  /** What is typed is shown. */
  readonly echo: boolean;
  /** Input is taken by lines (canonical mode). */
  readonly lineMode: boolean;
  /** Process group that reads from it. */
  readonly foregroundGroup: number | null;
  /** The side that programs open. */
  readonly path: string;
};

/**
 * Starts children. `exit` is subscribed before the start, so no end is missed; it is called once, never before `spawn…` has returned. A child
 * keeps the program alive until its exit was told, a daemon does not.
 */
export interface Spawner {
  /**
   * stdout and stderr are the FIFO `output`, opened read-write by the child, so it never gets SIGPIPE. stdin is /dev/null or a pipe.
   * Signal dispositions and mask are the defaults; only 0, 1 and 2 are open; the soft limit of open files is at most 1024, where this can be set.
   */
  spawnPiped(request: SpawnRequest & { output: string; stdin: "none" | "pipe" }, exit: (exit: ChildExit) => void): Spawned<PipedChild>;
  /** A terminal of the given size as controlling terminal. `output.end` follows when the last holder of the terminal has closed it. */
  spawnTerminal(
    request: SpawnRequest & { size: TerminalSize },
    output: ByteHandler,
    exit: (exit: ChildExit) => void,
  ): Spawned<TerminalChild>;
  /** A program that must outlive this one: own session, stdio to `log` (appended, 0600), nothing inherited. Its end is not told. */
  spawnDaemon(request: SpawnRequest & { log: string }): Spawned<Child>;
  /**
   * Runs to its end and returns its output, cut to `bytesMax`. Null when it could not be started, or was killed (with its group) after
   * `timeoutMs`. Standard error goes nowhere, or with `errorsToo` where the output goes. For the system's own small tools.
   */
  run(
    request: SpawnRequest & { timeoutMs: number; bytesMax: number; errorsToo?: boolean },
  ): Promise<{ code: number | null; stdout: Buffer } | null>;
  /**
   * Runs a tool that may go on for ever, and hands on what it prints, errors too, as it comes; while a promise that `output` returned is open,
   * the tool waits. Null when it could not be started. It keeps the program alive until its end.
   */
  stream(request: SpawnRequest, output: (bytes: Uint8Array) => Promise<void> | undefined): ToolStream | null;
}
export interface ToolStream {
  /** Its exit code, or null when a signal ended it, once all it printed was handed on. */
  readonly ended: Promise<number | null>;
  /** Kills it, with its group; from here on nothing is handed on. Idempotent. */
  end(): void;
}

/** The user's login shell, asked once. */
export interface LoginShell {
  /** The shell that runs command strings: bash from PATH, /usr/bin, /bin, $SHELL, sh. Absolute path. */
  commandShell(): string;
  /**
   * Variables of a login shell and a script that restores its functions, aliases and options in {@link commandShell} (null when there are none
   * or the login shell is of another family). Bounded by `timeoutMs`; on failure it falls back to this program's variables, with the reason.
   */
  snapshot(timeoutMs: number): Promise<ShellSnapshot>;
}
export type ShellSnapshot = {
  readonly variables: Readonly<Record<string, string>>;
  readonly script: string | null;
  readonly problem: string | null;
};

/** Service-manager scopes: whether a program can be started where stopping our service does not reach it. */
export interface Scopes {
  /** How a daemon started by {@link Scopes.wrap} survives. */
  probe(): Promise<RestartSurvival>;
  /** The argv that runs `argv` in a scope of its own named `unit`, or `argv` itself where there are none. Call after `probe`. */
  wrap(unit: string, argv: readonly string[]): readonly string[];
}

/** This program's own memory. */
export interface Memory {
  /**
   * For programs that live for weeks and are at rest most of the time: from now on young garbage gets little room, and a second after a burst
   * of work the free memory goes back to the system, which blocks for tens of milliseconds. Idempotent.
   */
  keepSmall(): void;
}

/** What the kernel holds a group of processes to, all of them together; null lifts a limit, an absent one is left as it is. */
export type GroupLimits = {
  /** Swap included. */
  readonly memoryBytesMax?: number | null;
  /** Processes and threads. */
  readonly pidsMax?: number | null;
  /** 100 is one processor. */
  readonly cpuPercentMax?: number | null;
};

/** Groups of processes that the kernel holds to limits, whatever they start (Linux: cgroups of version 2 and 1). They outlive this program. */
export interface Groups {
  /**
   * Makes a group under the place where this program is, with all controllers there are, so that limits can be set later too. Throws
   * LIMIT_UNAVAILABLE when one of the limits cannot be enforced; then nothing is left of it.
   */
  make(name: string, limits: GroupLimits): Group;
  /** One that an earlier program made, by its {@link Group.folders}; null when nothing is left of it. */
  open(folders: readonly string[]): Group | null;
  /** The group of this name that a process is in, wherever it was made; null when it is in none. */
  of(pid: number, name: string): Group | null;
  /** Those under the place where this program is, by the beginnings of their names. */
  list(prefix: string): readonly { readonly name: string; readonly group: Group }[];
}
export interface Group {
  /** One in each hierarchy. */
  readonly folders: readonly string[];
  /** Throws LIMIT_UNAVAILABLE, for one that cannot be enforced, or not now (below what is used already). */
  limit(limits: GroupLimits): void;
  /** Living members, in no order. */
  members(): number[];
  /** Ends all members at once where the kernel can; else no member can start another from now on. */
  kill(): void;
  /** How often the kernel has ended a member because memory ran out. */
  memoryKills(): number;
  /** False while somebody is in it. */
  remove(): boolean;
}

/** Sockets, for whoever waits for a server or asks one. */
export interface Sockets {
  /** Asks a server on a unix socket: JSON out, JSON back. Null when there is no whole answer within the time, or it is no JSON. */
  askLocal(
    socket: string,
    request: { readonly method: "GET" | "POST"; readonly path: string; readonly body?: unknown },
    timeoutMs: number,
  ): Promise<{ readonly status: number; readonly body: unknown } | null>;
  /** Numbers (inodes) of the sockets that listen on a port, whatever their address; null where the system shows no such list. */
  listeners(port: number): number[] | null;
  /** Whether a process holds one of these sockets; null when it may not be looked at. */
  holds(pid: number, sockets: ReadonlySet<number>): boolean | null;
  /** Whether a connection is taken within the time. It is closed at once. */
  connects(host: string, port: number, timeoutMs: number): Promise<boolean>;
  /** Status of the answer to a GET of an http or https address; null when there is none within the time. */
  httpStatus(url: string, timeoutMs: number): Promise<number | null>;
}

/** Passing open descriptors (listening sockets) between programs of one user on one machine. */
export interface Descriptors {
  /** Makes a place (a socket, 0600) where one may be left; null where this system passes none. Throws IO when the path cannot be used. */
  expect(path: string): DescriptorPlace | null;
  /** Leaves a copy of an open descriptor at somebody's place, without waiting. False when nobody expects one there, or nothing can be passed. */
  pass(path: string, fd: number): boolean;
  /** Closes one that was taken and is not wanted. */
  close(fd: number): void;
}
export interface DescriptorPlace {
  /** The next descriptor that was left there, ours from now on (close on exec); null when there is none. */
  take(): number | null;
  /** Removes the place. What nobody took is closed by the kernel. Idempotent. */
  close(): void;
}

/** The line to a service manager of the systemd kind (sd_notify). */
export interface Notify {
  /**
   * Sends one datagram to its socket: an absolute path, or `@` and an abstract name. Never waits and never throws: false when nobody took it,
   * which changes nothing for the sender.
   */
  send(socket: string, text: string): boolean;
}

/**
 * What the system tells of programs and of the machine, for whoever must explain an end. No call starts a program, waits or throws: what the
 * system does not tell is null.
 */
export interface Vitals {
  program(pid: number): ProgramVitals;
  machine(): MachineVitals;
  /** Of this program. */
  memory(): MemoryVitals;
}
export type ProgramVitals = {
  readonly pid: number;
  readonly name: string | null;
  /** As the kernel words it: `S (sleeping)`. */
  readonly state: string | null;
  readonly parent: number | null;
  /** Real user id. */
  readonly uid: number | null;
  /** Words joined by blanks; not masked. */
  readonly commandLine: string | null;
  /** Pid of the debugger on it; 0: none. */
  readonly tracer: number | null;
};
export type MachineVitals = {
  readonly load1m: number | null;
  /** What programs could still get. */
  readonly memoryFreeBytes: number | null;
  /** Programs that the kernel ended for want of memory since it booted. */
  readonly oomKills: number | null;
  /** Ours, with its counts; null where there are none. */
  readonly cgroup: CgroupVitals | null;
};
export type CgroupVitals = {
  readonly path: string;
  readonly memoryBytes: number | null;
  /** Null: no limit, or not told. */
  readonly memoryBytesMax: number | null;
  readonly oomKills: number | null;
};
export type MemoryVitals = { readonly rssBytes: number; readonly heapBytes: number; readonly heapBytesMax: number };

/** A thread beside the event loop: it goes on when the loop stands still, sees that, and ends the program in the end. */
export interface LoopObserver {
  /** Starts watching. `problem` is told when the thread cannot be started or has died; the program is unwatched then. */
  watch(plan: LoopPlan, problem: (error: unknown) => void): LoopWatch;
}
export type LoopPlan = {
  /** Milliseconds between the loop's signs of life, and between the thread's looks. */
  readonly beatMs: number;
  /** File that the thread alone writes: what it saw last. */
  readonly reportPath: string;
  /** How often it is written while all is well. */
  readonly reportMs: number;
  /** After this long without a sign the loop stands still: that is written at once, and again each such time. */
  readonly standstillMs: number;
  /** After this long the program is ended; null: never. A time in which the whole program was stopped does not count. */
  readonly endMs: number | null;
  /** Stand in each report. */
  readonly facts: Readonly<Record<string, unknown>>;
  readonly end: LoopEnd;
};
/** What the thread does at the end, made ready by the program while it could. */
export type LoopEnd = {
  readonly exitCode: number;
  /** File of JSON lines that gets `entry`, with `at`, `detail`, `phase`, `uptime_s` and `stack` (where the loop stands; null when nothing tells). */
  readonly diaryPath: string;
  readonly entry: Readonly<Record<string, unknown>>;
  /** JSON file in which the keys of `change` are replaced, if its `instance_id` is that of the facts. */
  readonly statePath: string;
  readonly change: Readonly<Record<string, unknown>>;
};
export interface LoopWatch {
  /** Milliseconds by which the latest sign of life since the last call was late. */
  takeLagMs(): number;
  /** Ends the thread. Idempotent. */
  stop(): Promise<void>;
}

/** The program we run in, as far as something that lives for weeks touches it. */
export type ThisProgram = {
  /** Sets what `ps` shows. */
  setTitle(title: string): void;
  /** Calls `heard` at each of these signals, in place of the system's default. Returns its end. */
  onSignals(names: readonly string[], heard: (name: string) => void): () => void;
  /** Calls `heard` with whatever is thrown and caught by nobody, in place of the program's end. Returns its end. */
  onUncaught(heard: (thrown: unknown) => void): () => void;
  /** The file that standard error is appended to, if it is the one at this path; null for any other, and for what is no file. */
  outputFile(path: string): OutputFile | null;
  /** The real command line: the program and all its arguments. */
  readonly commandLine: readonly string[];
  /** What stands in front of the words of a command when one is started. */
  readonly starter: readonly string[];
  /** The words that were given to this one. */
  readonly words: readonly string[];
  /** Of the user it runs as; null where the system has none. */
  readonly userId: number | null;
  /** Its parent's pid. */
  readonly parentPid: number;
  /** The folder it was started in. */
  readonly folder: string;
  /** Its environment. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** Whether standard output is a terminal: what is printed there is seen by its owner, and by no log. */
  readonly stdoutIsTerminal: boolean;
  /** Whether standard error is a terminal, which decides how the log looks. */
  readonly stderrIsTerminal: boolean;
};

/** A file that this program prints to, whoever opened it. */
export interface OutputFile {
  /** Bytes. */
  size(): number;
  /**
   * Standard error, and standard output where that goes to the same file, are appended to a new file at its path (0600) from now on; the one so far
   * gets the name `olderPath`. Throws DISK_FULL, TOO_MANY_FILES, IO.
   */
  beginAnew(olderPath: string): void;
}
