import type {
  Lifetime,
  LimitsChange,
  OnOutputLimit,
  Owner,
  ProcessId,
  TerminalSize,
  WakePolicy,
  WatchRuleInput,
} from "../contract/index.ts";
import type { System } from "../system/index.ts";

export type RegistryOptions = {
  /** Absolute path of the home. It is made when something is started. */
  readonly home: string;
  readonly system: System;
  /** The program that uses the registry, sent to keepers as user agent: `cli`, `gateway`, `mcp` … */
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
  /** Permission bits that files it makes do not get. Default 0o022. */
  readonly umask?: number;
  /** null: no such limit, also where herma.yaml has one. Throws LIMIT_UNAVAILABLE for a limit that cannot be enforced here. */
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
  /** What a notice of the end does, by outcome. Default: `turn`; for ends that were asked for `context`. */
  readonly wake?: Partial<WakePolicy>;
  /** Tell that it still runs this often, when it has printed something new; at least 60. */
  readonly heartbeatSeconds?: number;
  /** One sentence on what it is for, told with its notices. */
  readonly purpose?: string;
  /** Needs a name. Returns the live process of that name when it was started with the same options, else throws ENSURE_DIFFERS. Default false. */
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
  /** Who reads: 1 to 200 characters. Reading alone moves nothing: see `acknowledge`. */
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

export type KillOptions = { readonly source?: string; readonly reason?: string; readonly graceMs?: number };
