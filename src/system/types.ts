import type { Files, Locks } from "./types/files.ts";
import type { ProcessTable } from "./types/processes.ts";
import type { LoopObserver, Memory, Vitals } from "./types/program.ts";
import type { Groups, LoginShell, Scopes, Spawner } from "./types/spawner.ts";

export type * from "./types/files.ts";
export type * from "./types/processes.ts";
export type * from "./types/program.ts";
export type * from "./types/spawner.ts";

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
