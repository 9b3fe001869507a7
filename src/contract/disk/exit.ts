import { z } from "zod";
import { ProcessId, Timestamp } from "../ids.ts";
import { Intent, Loss, SignalName, Usage } from "./state.ts";

/**
 * Why a process is over. `exited`: by itself. `killed`: Herma was asked to end it. `failed_start`: it never ran. `lost`: it ended while
 * nobody watched. `reboot`: the machine went down under it. `oom`: memory ran out, its limit or the machine's. `limit`: another limit
 * ended it, which one stands in `termination_source`. `unknown`: the end was seen, the code cannot be proven.
 */
export const Cause = z.enum(["exited", "killed", "failed_start", "lost", "oom", "limit", "reboot", "unknown"]);
export type Cause = z.infer<typeof Cause>;

/** A member of the process's tree that was still alive when the kill ladder was exhausted. */
export const Survivor = z.object({
  /** At the time of the verdict. */
  pid: z.int(),
  /** What the system calls it. */
  name: z.string(),
});
export type Survivor = z.infer<typeof Survivor>;

/**
 * `exit.json`: how the process ended, written once. Its space is reserved before the start, so a full disk cannot eat the ending.
 * An exit code is never invented: `code` and `signal` are both null when neither could be proven.
 */
export const ExitFile = z.object({
  format: z.literal(1),
  id: ProcessId,
  /** 0 to 255 when it exited, 126 or 127 when it could not be executed, else null. */
  code: z.int().nullable(),
  /** The signal that ended it, else null. */
  signal: SignalName.nullable(),
  cause: Cause,
  /** Who ended it, in the original's words (`""` when it ended by itself). */
  termination_source: z.string(),
  intent: Intent.nullable(),
  /** When it was spawned; null when it never was. */
  started_at: Timestamp.nullable(),
  /** When the end was seen, or, for one that nobody saw, noticed. */
  ended_at: Timestamp,
  /** Output up to this absolute offset belongs to the run; what comes later was written after the exit. */
  output_end: z.int().min(0),
  usage: Usage.nullable(),
  /** Members of its tree that were still alive when the kill ladder was exhausted. */
  survivors: z.array(Survivor).max(64),
  /** How the end is known: waited for as its parent, read from a pidfd, or not at all. */
  evidence: z.enum(["wait", "pidfd", "none"]),
  /** For `failed_start`: the system's error name and a sentence. */
  failure: z
    .object({
      /** Such as `ENOENT`. */
      error: z.string(),
      /** For people. */
      message: z.string(),
    })
    .nullable(),
  /** Bytes that were produced but are not kept for another reason than retention. */
  losses: z.array(Loss).max(64),
});
export type ExitFile = z.infer<typeof ExitFile>;

/** Bytes reserved for `exit.json` before a start. A file that would be larger drops survivors and losses from their ends. */
export const exitReservedBytes = 4096;
