import type { Interest, Notice, NoticeKind, ProcessId, WatchRule } from "../contract/index.ts";

/**
 * The home's database of interest and delivery (`herma.db`: SQLite, WAL, many programs at once). Every method is one transaction, or part of
 * the one that `transaction` holds. Methods are synchronous: a row is a few microseconds away, and a crash between two steps is then a
 * crash between two transactions. Throws `HermaError` (`DISK_FULL`, `IO`, `FILE_CORRUPT`).
 */
export interface Store extends Disposable {
  /** Runs `work` as one transaction (BEGIN IMMEDIATE): all of it is on disk afterwards, or, when it throws, nothing. Not nested. */
  transaction<T>(work: () => T): T;
  /** Calls back after another program, or this one, has changed the database. Hints only. Returns the end. */
  onChange(changed: () => void): () => void;

  readonly interests: {
    get(id: ProcessId): Interest | null;
    put(interest: Interest): void;
    list(filter?: { session?: string; task?: string }): Interest[];
    /** Removes the process's interest, watches, readers; notices stay until they are consumed. */
    remove(id: ProcessId): void;
  };
  readonly watches: {
    add(watch: NewWatch): Watch;
    ofProcess(id: ProcessId): Watch[];
    /** Processes that have at least one active watch or a pending end to tell. */
    active(): ProcessId[];
    /** Rewrites a watch's mutable part. */
    save(watch: Watch): void;
    remove(watchId: number): void;
  };
  /** Scan position and limiter state of one process, one row, advanced in the same transaction as the notices it led to. */
  readonly scans: {
    get(id: ProcessId): Scan | null;
    put(scan: Scan): void;
    /** State of the breaker over all processes. */
    breaker(): Record<string, unknown> | null;
    putBreaker(state: Record<string, unknown>): void;
  };
  readonly readers: {
    /** Offset up to which this reader has acknowledged, 0 when it never read. */
    acknowledged(id: ProcessId, reader: string): number;
    /** Moves on to `to`, never back. */
    acknowledge(id: ProcessId, reader: string, to: number): void;
  };
  readonly notices: {
    /** Stores it; false when one of the same `once` key stands already (a repeat after a crash). */
    add(notice: Notice, once: string): boolean;
    get(noticeId: string): Notice | null;
    list(filter?: { process?: ProcessId; session?: string; states?: readonly Notice["state"][]; limit?: number }): Notice[];
    /** Takes what is stored, or whose claim ran out, oldest first, for `leaseMs`. */
    claim(options: {
      claimant: string;
      session?: string | null;
      weights?: readonly Notice["weight"][];
      limit: number;
      leaseMs: number;
    }): Notice[];
    /** The reader's turn has it durably. False when the claim is no longer the claimant's. */
    deliver(noticeId: string, claimant: string): boolean;
    /** Gives a claim back with a reason; after `attemptsMax` attempts the notice is dead. */
    release(noticeId: string, claimant: string, reason: string, attemptsMax: number): void;
    /** What was waited for or read counts as known: it is not told again. Returns how many. */
    consume(filter: { id?: string; process?: ProcessId; kinds?: readonly NoticeKind[] }): number;
    /** Forgets consumed and dead ones older than this. */
    prune(olderThanMs: number): number;
  };
}

export type NewWatch = {
  readonly process_id: ProcessId;
  readonly rule: WatchRule /** Output before this offset does not count. */;
  readonly from: number;
};
export type Watch = NewWatch & {
  readonly id: number;
  readonly state: "active" | "matched" | "disabled";
  readonly hits: number;
  readonly deliveries: number;
  /** Absolute offset of the last match's line, or null. */
  readonly last_match: number | null;
};
export type Scan = {
  readonly process_id: ProcessId;
  /** Output before this offset has been matched; always the beginning of a line. */
  readonly offset: number;
  /** Limiter state (rules/watchLimits), an open line already counted, heartbeat times: whatever the evaluator needs to go on. */
  readonly state: Record<string, unknown>;
};
