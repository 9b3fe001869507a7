import { onTestFinished } from "vitest";
import type { ByteReader, Child, ChildExit, PipedChild, SpawnRequest, System, TerminalChild } from "../types.ts";

/** Programs whose behaviour the suite relies on, as argv: real ones for the real system, scripts for the fake one. */
export type Programs = {
  exit(code: number): string[];
  /** Ends itself by this signal. */
  dieOf(signal: string): string[];
  /** Prints and exits 0. */
  print(text: string): string[];
  /** Opens /dev/stderr anew and prints to it. */
  printError(text: string): string[];
  /** Prints this many bytes, then exits 0. */
  flood(bytes: number): string[];
  /** Copies its input to its output until its end, then prints "<eof>" and exits 0. */
  copyInput(): string[];
  /** Prints "ready" and sleeps until a signal. */
  sleep(): string[];
  /** Prints "ready"; on SIGTERM prints "no" and goes on. */
  ignoreTerm(): string[];
  /** Leaves a child that holds the output, prints "late" at its next SIGUSR1 and exits; prints "<pid>\n" of that child and exits 5 at once. */
  leaveBehind(): string[];
  /** Prints the value of a variable. */
  showVariable(name: string): string[];
  /** In a terminal: prints "<rows>x<cols>", reads a line, prints "got <line>", prints the size again, exits 4. */
  showSize(): string[];
};

/** A process that is not our child. */
export type Stranger = {
  readonly pid: number;
  /** Makes it exit with 7; its parent waits for it. */
  end(): void;
};

/** What the suite needs besides the system. A skipped part names the reason. */
export type ConformanceWorld = {
  readonly system: System;
  /** Fresh and empty. */
  readonly folder: string;
  readonly programs: Programs;
  /** Variables with a PATH under which the programs are found. */
  readonly variables: Readonly<Record<string, string>>;
  /** A file that is there but is no program, and one that is executable in no known format. */
  readonly notExecutable: string;
  readonly noFormat: string;
  /** Lets time pass until the condition holds. */
  until(what: string, condition: () => boolean): Promise<void>;
  /** Lets this much time pass; only to see that something does NOT happen. */
  pass(ms: number): Promise<void>;
  makeLink(path: string, target: string): void;
  /** A folder on a disk of its own with about `bytes` bytes, or why there is none. */
  smallDisk(bytes: number): { readonly folder: string } | { readonly skip: string };
  /** An open descriptor, closed with the world, and whether another one (closed by the call) is of the same file. */
  openDescriptor(): { readonly fd: number; isSame(other: number): boolean };
  /** Another program that holds the lock. */
  lockElsewhere(path: string): Promise<{ readonly pid: number; release(): Promise<void> }>;
  /** A service manager that listens at a socket (sd_notify), and what it was told; or why there is none. */
  manager(socket: string): Promise<{ told(): readonly string[] } | { readonly skip: string }>;
  /** `name` is what the process table shows for it. */
  stranger(name: string): Promise<Stranger>;
  /** A process whose parent does not wait for it: ended, it stays a zombie. */
  neglected(): Promise<Stranger>;
  /** Why no groups can be made here, or null. */
  readonly noGroups: string | null;
  /** Terminates whatever a test may have left; called by the suite. */
  close(): Promise<void>;
};

/** What was seen of a child. */
export type Watched<T> = {
  readonly child: T;
  readonly exits: ChildExit[];
  readonly ends: (Error | null)[];
  /** All output so far. */
  text(): string;
  readonly bytes: { count: number };
  reader: ByteReader | null;
};

let names = 0;

/** Starts a program with its output read into the record. The start must succeed. */
export function startPiped(
  world: ConformanceWorld,
  argv: string[],
  options: Partial<SpawnRequest & { stdin: "none" | "pipe" }> = {},
): Watched<PipedChild> {
  const { files, spawner } = world.system;
  names += 1;
  const output = `${world.folder}/output-${names}`;
  files.makeFifo(output);
  const seen = record();
  const reader = files.openFifo(output, seen.handler);
  const request = { argv, cwd: world.folder, variables: world.variables, stdin: "none" as const, output, ...options };
  const spawned = spawner.spawnPiped(request, (exit) => seen.exits.push(exit));
  if (!spawned.ok) throw new Error(spawned.failure.message);
  onTestFinished(() => {
    endChild(world, spawned.child);
    reader.close();
  });
  return { child: spawned.child, ...seen, reader };
}

export function startTerminal(world: ConformanceWorld, argv: string[], size = { rows: 30, cols: 120 }): Watched<TerminalChild> {
  const seen = record();
  const request = { argv, cwd: world.folder, variables: world.variables, size };
  const spawned = world.system.spawner.spawnTerminal(request, seen.handler, (exit) => seen.exits.push(exit));
  if (!spawned.ok) throw new Error(spawned.failure.message);
  onTestFinished(() => {
    endChild(world, spawned.child);
    spawned.child.close();
  });
  return { child: spawned.child, ...seen, reader: null };
}

/** Sends KILL by handle to a child and all of its session, so that a test that fails leaves nothing. */
export function endChild(world: ConformanceWorld, child: Child): void {
  const { processes } = world.system;
  for (const row of processes.list()) {
    if (row.session !== child.pid || row.startTime < child.identity.start_time) continue;
    const handle = processes.open({ ...child.identity, pid: row.pid, start_time: row.startTime });
    if (typeof handle === "string") continue;
    handle.send("SIGKILL");
    handle.close();
  }
}

/** Lets time pass until a promise is settled. */
export async function settled<T>(world: ConformanceWorld, promise: Promise<T>): Promise<T> {
  let done = false;
  const result = promise.finally(() => {
    done = true;
  });
  result.catch(() => {});
  await world.until("the promise is settled", () => done);
  return result;
}

function record() {
  const chunks: Buffer[] = [];
  const exits: ChildExit[] = [];
  const ends: (Error | null)[] = [];
  const bytes = { count: 0 };
  const handler = {
    bytes: (chunk: Uint8Array) => {
      bytes.count += chunk.length;
      // The buffer is reused, so what is kept is copied.
      if (bytes.count < 1_000_000) chunks.push(Buffer.from(chunk));
    },
    end: (error: Error | null) => {
      ends.push(error);
    },
  };
  return { handler, exits, ends, bytes, text: () => Buffer.concat(chunks).toString("utf8") };
}
