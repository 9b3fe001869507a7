import type { Identity, RestartSurvival, TerminalSize } from "../../contract/index.ts";
import type { ByteHandler } from "./files.ts";
import type { ChildExit } from "./processes.ts";

export type SpawnRequest = {
  /** argv[0] is looked up on the child's PATH. */
  readonly argv: readonly string[];
  /** Must exist. */
  readonly cwd: string;
  /** The child's whole environment. */
  readonly variables: Readonly<Record<string, string>>;
  /** Its umask: permission bits that files it makes do not get. Absent: this program's. */
  readonly umask?: number;
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
