import { z } from "zod";
import { ExitFile } from "./disk/exit.ts";
import { Identity } from "./disk/identity.ts";
import { Lifetime, Limits, LimitsChange, Owner, TerminalSize } from "./disk/spec.ts";
import { Loss, Phase, RestartSurvival } from "./disk/state.ts";
import { ProcessId, ProcessName, Timestamp } from "./ids.ts";
import { WakePolicy, WatchRule } from "./interest.ts";

/** One process as every surface shows it (`herma ps --json`, `GET /api/processes`): its folder's files put together, with the command redacted. */
export const ProcessView = z.object({
  id: ProcessId,
  name: ProcessName.nullable(),
  phase: Phase,
  /** As it was asked for: a line for the shell, or a list of words. Secrets in it are masked. */
  command: z.union([z.string(), z.array(z.string())]),
  /** The folder it was started in. */
  cwd: z.string(),
  /** Null before it was spawned. */
  pid: z.int().nullable(),
  identity: Identity.nullable(),
  owner: Owner,
  lifetime: Lifetime,
  /** Where it runs; `local` is this machine. */
  environment: z.string(),
  /** When it was asked for. */
  created_at: Timestamp,
  /** When it was spawned. */
  started_at: Timestamp.nullable(),
  /** Null while it lives. */
  ended_at: Timestamp.nullable(),
  /** From its start to its end, or to now. */
  uptime_seconds: z.number().nullable(),
  /** Whether it can be written to. */
  stdin: z.enum(["none", "open", "closed"]),
  /** Its terminal; null without one. */
  tty: TerminalSize.nullable(),
  limits: Limits,
  /** True while a full output limit with `pause` keeps it waiting. */
  paused: z.boolean(),
  /** Who asked for its end, while it is stopping. */
  stopping_for: z.string().nullable(),
  restart_survival: RestartSurvival.nullable(),
  /** How many times another keeper took it over after its own had died. */
  adoptions: z.int(),
  output: z.object({
    /** Absolute offset behind the last byte. */
    end: z.int(),
    /** Bytes on disk. */
    kept_bytes: z.int(),
    /** Bytes no longer kept, by retention or loss. */
    dropped_bytes: z.int(),
  }),
  losses: z.array(Loss),
  /** How it ended; null while it lives. */
  exit: ExitFile.nullable(),
  /** Something about the folder that a person should know (a corrupt file, a keeper that does not answer). */
  problem: z.string().nullable(),
  /** In a list by task and session: it belongs to that session, but to another task. */
  session_scoped: z.boolean().optional(),
});
export type ProcessView = z.infer<typeof ProcessView>;

/** A line that a search found. */
export const SearchMatch = z.object({
  /** Absolute offset at which the line begins. */
  offset: z.int(),
  /** From 1, counted in what is kept. */
  line_number: z.int(),
  line: z.string(),
  before: z.array(z.string()),
  after: z.array(z.string()),
});
export type SearchMatch = z.infer<typeof SearchMatch>;

/** A terminal's screen. */
export const Screen = z.object({
  rows: z.int(),
  cols: z.int(),
  cursor: z.object({ row: z.int(), col: z.int() }),
  /** A full-screen program has taken it. */
  alternate: z.boolean(),
});
export type Screen = z.infer<typeof Screen>;

/** What a read returns. Offsets are absolute byte offsets of the stream, for ever. */
export const ReadResult = z.object({
  id: ProcessId,
  /** What was asked for, for people: plain, and with secrets masked unless it is raw. */
  text: z.string(),
  /** The window's first byte and the byte behind its last. Pass `to` as the next `since`. */
  from: z.int(),
  to: z.int(),
  /** Absolute offset behind the last byte there is now. */
  end: z.int(),
  /** Bytes between `from` and `to` that are kept but not shown (head/tail views, budget). */
  omitted_bytes: z.int(),
  /** Bytes between `from` and `to` that no longer exist. */
  lost_bytes: z.int(),
  gaps: z.array(z.object({ from: z.int(), to: z.int() })),
  /** True when there is output behind `to`. */
  more: z.boolean(),
  phase: Phase,
  exit: ExitFile.nullable(),
  /** Who reads, when the read named somebody. */
  reader: z.string().nullable(),
  /** What to acknowledge once the text is safe with its reader: from there on the next read of `last` goes on. */
  acknowledge_to: z.int().nullable(),
  /** With a search: the lines that match, in order, with what stands around them. */
  matches: z.array(SearchMatch).optional(),
  /** With a search: how many lines match between `from` and `to`, shown or not. */
  matches_total: z.int().optional(),
  /** When lines are paged: how many lines are kept. */
  total_lines: z.int().optional(),
  /** With a screen: its size, and the position of the cursor (from 0), or null when it is not on the screen. */
  screen: Screen.optional(),
});
export type ReadResult = z.infer<typeof ReadResult>;

/** Body of `POST /api/processes`. */
export const StartBody = z.strictObject({
  /** A text goes to the shell; a list is run as it is, its first word looked up on PATH. */
  command: z.union([z.string().min(1), z.array(z.string()).min(1)]),
  /** The folder it starts in. Default: that of the program that starts it. */
  cwd: z.string().optional(),
  /** Variables of the environment, over those of the owner's login shell. */
  variables: z.record(z.string().regex(/^[^=\0]+$/), z.string()).optional(),
  /** `pipe`: it can be written to. `none`, the default: its input is empty. */
  stdin: z.enum(["none", "pipe"]).optional(),
  /** It runs in a terminal, of this size or of 30 lines of 120 characters. */
  tty: z.union([z.boolean(), TerminalSize]).optional(),
  limits: LimitsChange.optional(),
  lifetime: Lifetime.optional(),
  name: ProcessName.optional(),
  /** Milliseconds from TERM to KILL when it is killed; 0 sends TERM only. Default: herma.yaml's. */
  grace_ms: z.int().min(0).max(3_600_000).optional(),
  /** The conversation it belongs to, which is told of it. */
  session: z.string().max(512).optional(),
  /** The task inside of that. */
  task: z.string().max(512).optional(),
  /** Needs a name. Returns the live process of that name when it was started in the same way, instead of starting another. */
  ensure: z.boolean().optional(),
  /** Its end becomes a notice. */
  notify_on_complete: z.boolean().optional(),
  /** Lines of its output that become notices. */
  watch: z.array(WatchRule).max(64).optional(),
  wake: WakePolicy.optional(),
  /** A notice every so many seconds, as long as it prints. */
  heartbeat_seconds: z.number().min(60).optional(),
  /** What it is for, in one sentence; told with its notices. */
  purpose: z.string().max(500).optional(),
  /** Wait this many seconds (at most 300) for the end and return output and exit if it came. */
  yield_seconds: z.number().min(0).max(300).optional(),
});
export type StartBody = z.infer<typeof StartBody>;

/** Body of `PATCH /api/processes/:ref`. */
export const ChangeBody = z.strictObject({ limits: LimitsChange });
export type ChangeBody = z.infer<typeof ChangeBody>;

/** What a wait waits for, on the wire. Without one: the end. */
export const WaitUntil = z.union([
  z.literal("exit"),
  z.strictObject({
    /** A line of output that holds this text. */
    match: z.string().min(1).max(1000),
    /** `match` is a pattern of RE2. */
    re2: z.boolean().optional(),
  }),
  z.strictObject({
    /** No output for so many seconds, counted from the beginning of the wait at the earliest. */
    quiet_seconds: z.number().min(0.01).max(86_400),
  }),
  z.strictObject({
    /** The process, or something it started, listens on this TCP port. */
    port: z.int().min(1).max(65_535),
    /** On this address. Absent: on any of this machine. */
    host: z.string().min(1).max(255).optional(),
  }),
  z.strictObject({
    /** A GET of this URL is answered. */
    http: z.url({ protocol: /^https?$/ }),
    /** With this status; absent: with any from 200 to 399. */
    status: z.int().min(100).max(599).optional(),
  }),
  z.strictObject({
    /** It waits for input, as the kernel says. */
    input: z.literal(true),
  }),
]);
export type WaitUntil = z.infer<typeof WaitUntil>;

/** What ended the wait for one process. `exit` with `met: false`: it ended, so what was waited for cannot happen any more. */
export const WaitCause = z.enum(["exit", "match", "quiet", "port", "http", "input"]);
export type WaitCause = z.infer<typeof WaitCause>;

/** Why a wait as a whole ended. A deadline is a normal answer. */
export const WaitReason = z.enum([...WaitCause.options, "deadline", "interrupted"]);
export type WaitReason = z.infer<typeof WaitReason>;

/** A process as a wait leaves it. */
export const WaitedProcess = ProcessView.extend({
  /** What was waited for has happened. */
  met: z.boolean(),
  /** Null: it has neither happened nor become impossible. */
  settled_by: WaitCause.nullable(),
  /** The line that matched, and the absolute offset at which it begins. */
  match: z.object({ line: z.string(), offset: z.int() }).optional(),
  /** It waits for input that is not shown as it is typed: a password. */
  secret_prompt: z.boolean().optional(),
  /** What a person should know, such as why something could not be told. */
  note: z.string().optional(),
});
export type WaitedProcess = z.infer<typeof WaitedProcess>;
