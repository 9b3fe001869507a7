import type { HermaError, Interest, Notice, NoticeKind, ProcessId, WatchRule } from "../contract/index.ts";
import type { System } from "../system/index.ts";

export type StoreOptions = {
  /** The home; made when absent. */
  readonly home: string;
  readonly system: Pick<System, "clock" | "files" | "locks" | "random">;
  /** Instead of `<home>/herma.db`. `:memory:` is a database of this program alone, which is gone when it is closed. */
  readonly path?: string;
  /** Milliseconds that a call may wait for other programs' transactions, blocking this one. Default 5,000. */
  readonly busyMs?: number;
  /** Told what was mended without a failure: a file that was no database and was set aside (`FILE_CORRUPT`). */
  readonly onProblem?: (problem: HermaError) => void;
};

/**
 * The home's database of interest and delivery (`herma.db`: SQLite, WAL, many programs at once). Every method is one transaction, or part of
 * the one that `transaction` holds. Methods are synchronous: a row is some microseconds away, a commit one sync of the disk, and a crash
 * between two steps is then a crash between two transactions. Throws `HermaError`: `DISK_FULL`, `IO` (also when another program kept the
 * database for longer than `busyMs`), `FILE_CORRUPT`.
 */
export interface Store extends Disposable {
  /** Runs `work` as one transaction (BEGIN IMMEDIATE): all of it is on disk afterwards, or, when it throws, nothing. Not nested, not async. */
  transaction<T>(work: () => T): T;
  /**
   * Calls back, never from within a call to the store, after another program, or this one, has changed the database. Hints only, and
   * several changes may come as one. Returns the end; until then the program is kept alive.
   */
  onChange(changed: () => void): () => void;

  readonly interests: {
    get(id: ProcessId): Interest | null;
    put(interest: Interest): void;
    /** By process id. */
    list(filter?: { session?: string; task?: string }): Interest[];
    /** Removes the process's interest, watches, scan, readers; notices stay until they are consumed. */
    remove(id: ProcessId): void;
  };
  readonly watches: {
    add(watch: NewWatch): Watch;
    /** In the order they were added. */
    ofProcess(id: ProcessId): Watch[];
    /**
     * Processes somebody must look at: those with an active watch, and those with heartbeats or a wish to know
     * the end, until a completion was stored. By id.
     */
    active(): ProcessId[];
    /** Rewrites a watch's mutable part (state, hits, deliveries, last match). One that was removed meanwhile stays removed. */
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
    /**
     * Stores it; false, with nothing changed, when a notice of the same `once` key was ever stored (a repeat after a crash). Keys outlive their
     * notices: see `prune`.
     */
    add(notice: NewNotice, once: string): boolean;
    get(noticeId: string): Notice | null;
    /** Oldest first; with a `limit`, the newest so many. */
    list(filter?: { process?: ProcessId; session?: string; states?: readonly Notice["state"][]; limit?: number }): Notice[];
    /**
     * Takes what is stored, or whose claim ran out, oldest first, for `leaseMs`. `session: null` takes those without a session, leaving it out
     * takes any. A claim that ran out counts as an attempt: after `attemptsMax` of them (default: any number) the notice is dead instead.
     */
    claim(options: {
      claimant: string;
      session?: string | null;
      weights?: readonly Notice["weight"][];
      limit: number;
      leaseMs: number;
      attemptsMax?: number;
    }): Notice[];
    /** Milliseconds until the next claim runs out, 0 when one has; null when nothing is claimed. */
    claimOverInMs(filter?: { session?: string }): number | null;
    /**
     * The reader's turn has it durably: call it in the transaction that makes it so. False when the claim is no longer the claimant's, or what it
     * tells is known meanwhile: then it must not be in the turn. True again when the same claimant has delivered it before.
     */
    deliver(noticeId: string, claimant: string): boolean;
    /** Gives a claim back with a reason; after `attemptsMax` attempts the notice is dead. Nothing when the claim is no longer the claimant's. */
    release(noticeId: string, claimant: string, reason: string, attemptsMax: number): void;
    /** Ends every claim of others, as if it had run out, for one who knows that they are gone (it holds the home's lock). Returns how many. */
    releaseOthers(claimant: string, reason: string, attemptsMax: number): number;
    /** What was waited for or read counts as known: it is not told again. Returns how many were not known before. */
    consume(filter: { id: string } | { process: ProcessId; kinds?: readonly NoticeKind[] }): number;
    /**
     * Forgets what was delivered, consumed or given up `ageMs` ago or earlier, and the oldest of it beyond `keptMax` (default 10,000); returns
     * how many. The `once` keys stay while there is interest in their process, so that a scan that is repeated after that tells nothing twice.
     */
    prune(ageMs: number, keptMax?: number): number;
  };
}

export type NewWatch = {
  readonly process_id: ProcessId;
  readonly rule: WatchRule;
  /** Output before this offset does not count. */
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

/** A notice as it is made: its life begins in the store. */
export type NewNotice = Pick<
  Notice,
  "id" | "kind" | "process_id" | "session" | "task" | "generation" | "weight" | "created_at" | "data" | "text"
>;
