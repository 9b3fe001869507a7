import type { Identity, Usage } from "../../contract/index.ts";

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
