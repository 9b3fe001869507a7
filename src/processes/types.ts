import type {
  HandOver,
  Interest,
  KeeperKillResult,
  Limits,
  LimitsChange,
  ProcessFact,
  ProcessId,
  ProcessView,
  ReadResult,
  TerminalSize,
  WaitedProcess,
  WaitReason,
} from "../contract/index.ts";
import type { Store, Watch } from "../store/index.ts";
import type { InterestChange, KillOptions, ReadOptions, StartOptions, WaitOptions } from "./options.ts";

export type * from "./options.ts";

export type WaitResult = {
  /** What was waited for, if that happened; `exit` also when it cannot happen any more because a process has ended. */
  readonly reason: WaitReason;
  /** In the order asked. */
  readonly processes: readonly WaitedProcess[];
};
export type KillResult = KeeperKillResult & { readonly process: ProcessView };

/**
 * The registry: process folders seen whole, with the keeper behind them. It works with or without a gateway, in any number of programs at once.
 * Every method throws `HermaError` of the catalogue and nothing else. Disposal lets go of everything at once: waits answer `interrupted`,
 * follows end; processes and keepers go on.
 */
export interface Registry extends AsyncDisposable {
  start(options: StartOptions): Promise<ProcessView & { readonly cwd_requested?: string; readonly output_text?: string }>;
  /**
   * Newest first. `all: false` (default) lists live ones only. With a task and a session: those of the task, and the session's others with
   * `session_scoped`. Never throws for one bad folder: its `problem` tells.
   */
  list(options?: { all?: boolean; session?: string; task?: string }): ProcessView[];
  /** Throws PROCESS_NOT_FOUND. */
  get(id: ProcessId): ProcessView;
  /** As {@link get}, and where somebody removed the folder of a living process, what its keeper says of it. */
  inspect(id: ProcessId): Promise<ProcessView>;
  /** Full id (taken as it is), unique prefix (4 hex digits or more, with or without `proc_`), or the name of a live process (else of the newest ended one). Throws PROCESS_NOT_FOUND, PROCESS_AMBIGUOUS. */
  resolve(reference: string): ProcessId;
  read(id: ProcessId, options?: ReadOptions): ReadResult;
  /**
   * The reader has what was read up to `to` (a read's `acknowledge_to`) for good: its next read of `last` begins there. Never goes back. Whoever
   * dies between a read and this reads the same again.
   */
  acknowledge(id: ProcessId, options: { readonly reader: string; readonly to: number }): void;
  /**
   * Masks secrets in the plain lines of a process's output, in the order they came, for whoever makes lines of a {@link follow}. It remembers a
   * private key that spans several lines, so each follow needs its own. `open`: the last line is not whole yet. Throws PROCESS_NOT_FOUND.
   */
  lineMask(id: ProcessId): (lines: string, options?: { readonly open?: boolean }) => string;
  /**
   * Raw bytes from `since` as they come, secrets and all, until the process has ended and all is read (or `signal`). Gaps are yielded in their place.
   * The consumer's pace is the only pace: nothing is buffered beyond one chunk of 64 KiB.
   */
  follow(id: ProcessId, options?: { since?: number; signal?: AbortSignal }): AsyncIterable<FollowChunk>;
  wait(options: WaitOptions): Promise<WaitResult>;
  write(id: ProcessId, input: { data: string | Uint8Array; eof?: boolean }): Promise<{ bytes_written: number; offset: number }>;
  resize(id: ProcessId, size: TerminalSize): Promise<void>;
  /**
   * Changes limits of a live process, all of them or none; null lifts one. One that waits because of a full output limit goes on where there
   * is room again. Throws LIMIT_UNAVAILABLE, also for memory, processes and processor time when it was started with none of these.
   */
  updateLimits(id: ProcessId, change: LimitsChange): Promise<Limits>;
  signal(id: ProcessId, options: { signal: string; tree?: boolean }): Promise<{ signalled: number[] }>;
  /** Throws KILL_SURVIVORS when something of the tree is left; the process stays killable. */
  kill(id: ProcessId, options?: KillOptions): Promise<KillResult>;
  killAll(options?: KillOptions & { session?: string; except?: readonly ProcessId[] }): Promise<KillResult[]>;
  /** Makes sure that live processes have a living keeper; starts one that adopts them otherwise. Returns how many had none. */
  recover(): Promise<number>;
  /**
   * Removes what ended too long ago, or is too much (`finishedKeptMs`, `finishedMax`, `homeOutputBytesMax`), for at most `budgetMs` (default a
   * minute); the next one goes on where it stopped. At most once a minute for the home. What somebody is still to be told of stays longer.
   * Returns what was removed. Every start does the same in the background, as far as its program lives.
   */
  prune(options?: { readonly budgetMs?: number }): Promise<ProcessId[]>;
  /** Facts from now on. Returns the unsubscription. The handler must not throw. */
  onFact(handler: (fact: ProcessFact) => void): () => void;
  /** What others need to know of many at once. */
  readonly queries: {
    countRunning(filter?: { session?: string; task?: string }): number;
    /** Whether one lives that was started within `maxAgeSeconds`. */
    hasActive(filter?: { session?: string; task?: string; maxAgeSeconds?: number }): boolean;
    /** Whether a goal should wait for it: it lives, and none of its rules has matched. False for unknown ones. */
    isWaiting(id: ProcessId): boolean;
  };
  /** Ends what was to live no longer than a turn, or a session (then what was to live for a turn as well): of one session, or of all. */
  endLifetime(options: { lifetime: "turn" | "session"; session?: string; source?: string }): Promise<KillResult[]>;
  /** Who wants to be told what. Each throws PROCESS_NOT_FOUND. */
  readonly interest: {
    /** Null when nobody ever asked for anything. */
    get(id: ProcessId): Interest | null;
    update(id: ProcessId, change: InterestChange): Interest;
    /** Its rules, in order of precedence, and how often they have matched. */
    watches(id: ProcessId): Watch[];
    /** From now on it belongs to another session: notices go there. */
    handOver(id: ProcessId, to: HandOver): Interest;
  };
  /**
   * What somebody asked to be told, in the store of the home: stored, claimed, delivered, consumed, each a transaction (see `Store.notices`).
   */
  readonly notices: Omit<Store["notices"], "add" | "prune" | "claimOverInMs"> & {
    /**
     * Rings, never from within a call, when there is something to claim: now, after each change, and when a claim runs out. Hints only. Until the
     * end that it returns, this program matches and tells as well, if no other does (see `watching`).
     */
    subscribe(options: { readonly session?: string }, ring: () => void): () => void;
    /** Runs `work` as one transaction of the store, for deliveries that go with something else. */
    transaction<T>(work: () => T): T;
    /** Its end was waited for or read, and that is safe with its reader: the end is not told again. Nothing while it lives. */
    endKnown(id: ProcessId): void;
  };
  /** Matching of output against watches, and telling of ends: by one program of a home at a time, the gateway first. */
  readonly watching: {
    /** Becomes the one that does it, now or when the one before is gone; gives way to a gateway that comes. Throws HOME_NEWER. */
    start(options?: { readonly onProblem?: (error: unknown) => void }): Promise<void>;
    readonly isEvaluator: boolean;
    /** Lets the next one go on. */
    stop(): Promise<void>;
  };
  /** `processes.json`, for tools that know Hermes: for the one program that holds the home. */
  readonly checkpoint: {
    /**
     * Takes over what a Hermes has left running (then `recover` has a keeper adopt it), and keeps the file from now on. Returns whom it took
     * over.
     */
    start(options?: { readonly onProblem?: (problem: unknown) => void }): Promise<ProcessId[]>;
    stop(): Promise<void>;
  };
  keeper: {
    /** Every keeper known in the home, alive or not. */
    status(): Promise<KeeperStatus[]>;
    /** `POST /hangup` to every living keeper: ends their processes and them. */
    stop(): Promise<void>;
  };
}
export type FollowChunk =
  | { readonly kind: "bytes"; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: "gap"; readonly from: number; readonly to: number };

export type KeeperStatus = {
  readonly generation: string;
  /** `silent`: it holds its lock but does not answer in time. */
  readonly state: "running" | "silent" | "gone";
  readonly pid: number | null;
  readonly version: string | null;
  readonly started_at: string | null;
  readonly held: number | null;
  readonly restart_survival: string | null;
  readonly socket: string;
};
