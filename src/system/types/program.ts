/** This program's own memory. */
export interface Memory {
  /**
   * For programs that live for weeks and are at rest most of the time: young garbage gets little room, and a second after a burst of work the
   * free memory goes back to the system, which blocks for tens of milliseconds. Both begin half a second later, when a program that starts has
   * loaded what it needs. Idempotent.
   */
  keepSmall(): void;
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
  /** Calls `heard` with the exit code when something in the program calls for its exit; what `heard` does must not wait. Returns its end. */
  onExit(heard: (exitCode: number) => void): () => void;
  /** Calls `make`, which does not wait: what it makes on disk is this user's alone from the first moment on. */
  privately<T>(make: () => T): T;
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
