import type {
  HandOver,
  Interest,
  KeeperKillResult,
  Lifetime,
  Limits,
  LimitsChange,
  OnOutputLimit,
  Owner,
  ProcessFact,
  ProcessId,
  ProcessView,
  ReadResult,
  TerminalSize,
  WaitedProcess,
  WaitReason,
  WakePolicy,
  WatchRuleInput,
} from "../contract/index.ts";
import type { Store, Watch } from "../store/index.ts";
import type { System } from "../system/index.ts";

export type RegistryOptions = {
  /** Absolute path of the home. It is made when something is started. */
  readonly home: string;
  readonly system: System;
  /** Who uses the registry; keepers are told it as user agent: `cli`, `gateway`, `mcp` … */
  readonly clientName: string;
  /** What differs from the defaults of herma.yaml; `registryConfig` makes it from a whole one. */
  readonly config?: Partial<RegistryConfig>;
  /** The keeper program and its first arguments; `--home` and `--generation` are appended. Default: this build's, run by this Node. */
  readonly keeperCommand?: readonly string[];
};

/** What the registry takes from herma.yaml, in its own units. */
export type RegistryConfig = {
  /** Live processes of the home; at the cap a start is refused. */
  readonly liveMax: number;
  /** Finished processes kept, and for how long after their end. */
  readonly finishedMax: number;
  readonly finishedKeptMs: number;
  /** Output of all finished processes together; the oldest go first. */
  readonly homeOutputBytesMax: number;
  /** Limits of a process whose start names no others. */
  readonly outputBytesMax: number;
  readonly onOutputLimit: OnOutputLimit;
  readonly memoryBytesMax: number | null;
  readonly pidsMax: number | null;
  readonly cpuPercentMax: number | null;
  readonly runMsMax: number | null;
  /** Milliseconds between TERM and KILL where a start names no others. */
  readonly graceMs: number;
  /** Names of variables that may pass although they are stripped by default. */
  readonly passVariables: readonly string[];
  /** Whether secrets are masked in what is shown. */
  readonly redaction: boolean;
  /** A keeper that does not answer for this long is silent. */
  readonly answerMsMax: number;
  /** From the start of a keeper to its first answer. */
  readonly keeperStartMsMax: number;
  /** How long an empty keeper stays. */
  readonly keeperIdleGraceMs: number;
};

/** What to start. Omitted fields take the defaults named here or in herma.yaml. */
export type StartOptions = {
  /** A string goes to the shell; an array is run as it is. */
  readonly command: string | readonly string[];
  /** Default: the caller's. Missing folders fall back to the nearest existing ancestor, and the result says so. */
  readonly cwd?: string;
  /** Laid over the login shell's variables. */
  readonly variables?: Readonly<Record<string, string>>;
  /** False: `variables` are the whole environment (the CLI passes its own). Default true. */
  readonly loginVariables?: boolean;
  readonly stdin?: "none" | "pipe";
  /** true: 30 × 120. */
  readonly tty?: boolean | TerminalSize;
  /** null: none, though herma.yaml has one. Throws LIMIT_UNAVAILABLE for one that cannot be enforced here. */
  readonly limits?: LimitsChange;
  readonly lifetime?: Lifetime;
  readonly name?: string;
  readonly graceMs?: number;
  readonly owner: Owner;
  /** Wait this long for the end before answering; 0 or absent: do not wait. */
  readonly yieldSeconds?: number;
  /** Ends that wait early; what was started goes on. */
  readonly signal?: AbortSignal;
  /** Tell the owner's session when it ends: a notice in the store. Default false. */
  readonly notifyOnComplete?: boolean;
  /** Lines to be told of, at most 64 rules. The first rule that matches a line takes it. */
  readonly watch?: readonly WatchRuleInput[];
  /** What a notice of the end does, by outcome. Default: turn, but for ends that were asked for: context. */
  readonly wake?: Partial<WakePolicy>;
  /** Tell that it still runs this often, when it has printed something new; at least 60. */
  readonly heartbeatSeconds?: number;
  /** One sentence on what it is for, told with its notices. */
  readonly purpose?: string;
  /** With a name: the live process of that name, if it was started just so; else ENSURE_DIFFERS. Default false. */
  readonly ensure?: boolean;
};

/** What changes of an interest; what is left out stays. */
export type InterestChange = {
  readonly notify_on_complete?: boolean;
  readonly wake?: Partial<WakePolicy>;
  /** Null: none any more. */
  readonly heartbeat_seconds?: number | null;
  readonly purpose?: string | null;
  readonly route?: Readonly<Record<string, string>> | null;
  /** Rules to add; they look at output from now on. */
  readonly watch?: readonly WatchRuleInput[];
};

export type ReadOptions = {
  /**
   * Absolute offset, `start`, or `last`: behind what the named reader has acknowledged. Default: `last` when a reader is named, else what the
   * view implies (tail: the end; else start).
   */
  readonly since?: number | "start" | "last";
  /** Who reads: 1 to 200 characters. Reading alone moves nothing: see {@link Registry.acknowledge}. */
  readonly reader?: string;
  /** Read up to this absolute offset. Default: the end. */
  readonly until?: number;
  /**
   * Default `delta` when `since` is given or a reader is named, else `tail`. `screen`: what its terminal shows now, drawn from the last MiB;
   * throws NO_TERMINAL.
   */
  readonly view?: "delta" | "tail" | "head" | "headTail" | "screen";
  /** Lines that hold a text, instead of a window. */
  readonly search?: {
    readonly pattern: string;
    /** The pattern is RE2's. Default: a text. */
    readonly re2?: boolean;
    /** Lines shown before and after each; default 0, at most 10. */
    readonly contextLines?: number;
    /** Default 20, at most 200; the first ones, and `to` leads to the rest. */
    readonly matchesMax?: number;
  };
  /** A page of lines: the last `limit` (default 200) when `offset` is 0 or absent and the view is not `head`, else those from `offset` on. */
  readonly lines?: { readonly offset?: number; readonly limit?: number };
  /** Default 8,192, at most 1 MiB. */
  readonly maxBytes?: number;
  /** Budget for a model, about 4 bytes each: default 2,000 where a reader is named, at most 10,000. Long runs of one line are then folded. */
  readonly maxTokens?: number;
  /**
   * False (default): control sequences and overwrites resolved, secrets masked. True: the bytes decoded as they are, secrets and all: for the
   * owner, never for a model.
   */
  readonly raw?: boolean;
};

/** What a wait waits for. */
export type Until =
  | "exit"
  /** A line that holds the text (or matches the RE2 pattern), in output from `after` on. An open last line counts as it stands. */
  | { readonly match: string; readonly re2?: boolean }
  /** No output for this long; what was before the wait does not count. */
  | { readonly quietSeconds: number }
  /**
   * The process, or something it started, listens on the port; where the system cannot tell whose a listener is, that somebody does. With a
   * `host`, it has to be reachable there as well.
   */
  | { readonly port: number; readonly host?: string }
  /** A GET is answered with `status`, by default any from 200 to 399. */
  | { readonly http: string; readonly status?: number }
  /** It is blocked in a read of its terminal or standard input. */
  | { readonly input: true };

export type WaitOptions = {
  readonly ids: readonly ProcessId[];
  /** Default `exit`. A process that ends first settles the wait for it with `met: false`. */
  readonly until?: Until;
  /** Matches count only in output behind this absolute offset (every write returns one). Default: from the first byte that is kept. */
  readonly after?: number;
  /** Default `all`: until each is met, or one cannot be any more. `any`: until the first is met, or none can be any more. */
  readonly mode?: "any" | "all";
  /** Default 180 s; 0 looks without waiting. Infinity is allowed for programs. */
  readonly deadlineSeconds?: number;
  /** Ends the wait with reason `interrupted`. */
  readonly signal?: AbortSignal;
};
export type WaitResult = {
  /** What was waited for, if that happened; `exit` also when it cannot happen any more because a process has ended. */
  readonly reason: WaitReason;
  /** In the order asked. */
  readonly processes: readonly WaitedProcess[];
};

export type KillOptions = { readonly source?: string; readonly reason?: string; readonly graceMs?: number };
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
