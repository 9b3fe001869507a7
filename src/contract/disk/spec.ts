import { z } from "zod";
import { ProcessId, ProcessName, Timestamp } from "../ids.ts";
import { WakePolicy, WatchRule } from "../interest.ts";
import { Identity } from "./identity.ts";

/** How long a process may outlive what started it. `turn` and `session` ones end with `herma gateway stop --with-processes`. */
export const Lifetime = z.enum(["turn", "session", "project", "host"]);
export type Lifetime = z.infer<typeof Lifetime>;

/** How large a terminal is. */
export const TerminalSize = z.object({
  /** Lines. */
  rows: z.int().min(1).max(1000),
  /** Characters a line. */
  cols: z.int().min(1).max(1000),
});
export type TerminalSize = z.infer<typeof TerminalSize>;

/** What happens when kept output reaches `output_bytes_max`. */
export const OnOutputLimit = z.enum(["dropMiddle", "pause", "kill"]);
export type OnOutputLimit = z.infer<typeof OnOutputLimit>;

/** What it may use. */
export const Limits = z.object({
  /** Bytes of output kept besides the head (the first 256 KiB are always kept). Default 64 MiB. */
  output_bytes_max: z.int().min(65_536).optional(),
  /** `dropMiddle` removes the oldest output behind the head, `pause` stops reading (the child blocks until the limit is raised), `kill` ends the process. */
  on_output_limit: OnOutputLimit.optional(),
  /** Bytes of memory that it and its children hold together, swap included. When they want more, the kernel ends one of them. */
  memory_bytes_max: z.int().min(1_048_576).optional(),
  /** Processes and threads of it and its children together. At the limit no more can be started. */
  pids_max: z.int().min(1).max(4_194_304).optional(),
  /** Processor time of it and its children together; 100 is one processor. Who wants more waits. */
  cpu_percent_max: z.number().min(1).max(1_000_000).optional(),
  /** Milliseconds from its start until it is ended. */
  run_ms_max: z.int().min(1).optional(),
});
export type Limits = z.infer<typeof Limits>;

/** Limits as they are asked for: null means none, also where herma.yaml has one; what is absent is left as it is. */
export const LimitsChange = z.strictObject({
  output_bytes_max: Limits.shape.output_bytes_max,
  on_output_limit: Limits.shape.on_output_limit,
  memory_bytes_max: Limits.shape.memory_bytes_max.nullable(),
  pids_max: Limits.shape.pids_max.nullable(),
  cpu_percent_max: Limits.shape.cpu_percent_max.nullable(),
  run_ms_max: Limits.shape.run_ms_max.nullable(),
});
export type LimitsChange = z.infer<typeof LimitsChange>;

/** Who asked for the process. */
export const Owner = z.object({
  /** The way it came in. */
  kind: z.enum(["cli", "http", "tool", "mcp", "library"]),
  /** The conversation it belongs to. */
  session: z.string().max(512).optional(),
  /** The task inside of that. */
  task: z.string().max(512).optional(),
});
export type Owner = z.infer<typeof Owner>;

/** What whoever started it wanted to be told, as first asked for. What holds now stands in the store. */
export const AskedInterest = z.object({
  /** Tell its end. */
  notify_on_complete: z.boolean(),
  /** Lines to be told of, in order of precedence. */
  watch: z.array(WatchRule),
  wake: WakePolicy,
  /** Seconds between two heartbeats; null: none. */
  heartbeat_seconds: z.number().nullable(),
  /** What it is for, in one sentence. */
  purpose: z.string().nullable(),
});
export type AskedInterest = z.infer<typeof AskedInterest>;

/** A spec.json has at most this many bytes, as every reader has it: what would be larger is refused at the start. */
export const specBytesMax = 1_048_576;

/**
 * `spec.json`: what was asked for, written once and durably by whoever starts the process, before the start.
 * Values of variables never reach this file: they travel to the keeper over its socket. The command stands here as it is executed, with any
 * secret that was written into it: whoever takes over needs the very words, and only the owner can read the file.
 * Only this and the variables shape a process: its soft limit of open files (1,024, or the hard one where that is lower) and its priority (0)
 * are the usual ones, whatever whoever started the keeper had; a command that wants others sets them itself.
 */
export const SpecFile = z.object({
  format: z.literal(1),
  id: ProcessId,
  /** When the start was asked for. */
  created_at: Timestamp,
  /** A string goes to the shell; an array is run as it is, its first element looked up on PATH. */
  command: z.union([z.string().min(1), z.array(z.string()).min(1)]),
  /** Absolute folder the process starts in: the nearest existing ancestor of what was asked for. */
  cwd: z.string(),
  /** What was asked for, when it did not exist. */
  cwd_requested: z.string().optional(),
  /** Names of the variables the starter passed on, sorted. */
  variables: z.array(z.string()),
  /** `none`: it reads an end at once. `pipe`: it can be written to. */
  stdin: z.enum(["none", "pipe"]),
  /** The terminal's first size, or null for pipes. */
  tty: TerminalSize.nullable(),
  /** Its umask: permission bits that files it makes do not get, as a number (18 is 022). Absent: 022. */
  umask: z.int().min(0).max(0o777).optional(),
  limits: Limits,
  lifetime: Lifetime,
  name: ProcessName.optional(),
  owner: Owner,
  /** Where it runs; `local` is this machine. */
  environment: z.string(),
  /** It was started by another program, and taken over while it ran: its output is not ours to read. */
  adopted_from: z.literal("hermes").optional(),
  /** Who wants to be told what; absent when nobody does. */
  interest: AskedInterest.optional(),
  /** Milliseconds between TERM and KILL when it is killed without another wish; 0 means TERM only. */
  grace_ms: z.int().min(0),
  /** The program that wrote this file: a folder without a state belongs to it while it lives. */
  starter: Identity.nullable(),
});
export type SpecFile = z.infer<typeof SpecFile>;
