import { z } from "zod";
import { ProcessId, Timestamp } from "../ids.ts";
import { Identity } from "./identity.ts";
import { Limits, TerminalSize } from "./spec.ts";

/** Where it is in its life; `docs/states.md` has the table. */
export const Phase = z.enum(["starting", "running", "stopping", "ended"]);
export type Phase = z.infer<typeof Phase>;

/** Signals Herma sends or reports, by POSIX name. */
export const SignalName = z.string().regex(/^SIG[A-Z0-9+-]{2,12}$/);

/** Why a process is being ended, decided once, before the first signal. The first intent wins. */
export const Intent = z.object({
  /** Who: `process.kill`, `kill_all`, `hangup`, `session_end`, `gateway_stop`, `limit:<which>`. */
  source: z.string().min(1).max(64),
  /** For people. */
  reason: z.string().max(500).optional(),
  /** When it was decided. */
  at: Timestamp,
  /** Milliseconds from TERM to KILL; 0 means TERM only. */
  grace_ms: z.int().min(0),
});
export type Intent = z.infer<typeof Intent>;

/** Resources used by the process and the children it waited for; null fields could not be learnt. */
export const Usage = z.object({
  /** Milliseconds of processor time, user and system. */
  cpu_ms: z.number().min(0).nullable(),
  /**
   * The most memory that one of them held at once. Null also where it was not more than the keeper's own (some ten MiB): Linux counts the memory
   * of the program that starts another into the peak of the other, so a smaller peak cannot be told from that.
   */
  max_rss_bytes: z.number().min(0).nullable(),
});
export type Usage = z.infer<typeof Usage>;

/**
 * What survives when the gateway or its service is stopped: `scoped` = the keeper has a cgroup scope of its own, `detached` = a session
 * of its own only, `none` = it is tied to its starter's fate.
 */
export const RestartSurvival = z.enum(["scoped", "detached", "none"]);
export type RestartSurvival = z.infer<typeof RestartSurvival>;

/** Bytes that were produced but are not kept for another reason than retention. */
export const Loss = z.object({
  /**
   * What took them. `pipe_removed`: somebody removed its FIFO, its keeper died, and the next one could not have it again; nothing that it prints
   * from there on is kept.
   */
  reason: z.enum(["disk_full", "disk_error", "keeper_died", "pipe_removed"]),
  /** Absolute offset at which the loss begins. */
  from: z.int().min(0),
  /** How many; null when that cannot be known. */
  bytes: z.int().min(0).nullable(),
  /** When it was noticed. */
  at: Timestamp,
});
export type Loss = z.infer<typeof Loss>;

/** `state.json`: where the process is in its life. Written by the keeper that holds it, always whole. */
export const StateFile = z.object({
  format: z.literal(1),
  id: ProcessId,
  phase: Phase,
  /** Grows by one at every write. */
  seq: z.int().min(1),
  /** When this was written. */
  updated_at: Timestamp,
  /** The keeper that holds, or last held, the process. */
  keeper: z.object({
    /** Protocol and build: the name of its folder under `keepers/`. */
    generation: z.string(),
    /** Random, new at each of its starts. */
    instance_id: z.string(),
    identity: Identity,
  }),
  /** Null until it was spawned. */
  identity: Identity.nullable(),
  /** POSIX process group; null until it was spawned. */
  group: z.int().nullable(),
  /** POSIX session; null until it was spawned. */
  session: z.int().nullable(),
  /** The cgroup scope it runs in, if it has one. */
  scope: z.string().nullable(),
  restart_survival: RestartSurvival,
  /** When it was spawned; null until then. */
  started_at: Timestamp.nullable(),
  intent: Intent.nullable(),
  /** How many times another keeper took it over after its own had died. */
  adoptions: z.int().min(0),
  /** Whether it can be written to. */
  stdin: z.enum(["none", "open", "closed"]),
  /** The terminal's size now, or null for pipes. */
  tty: TerminalSize.nullable(),
  /** True while a full output limit with `pause` keeps the child waiting. */
  paused: z.boolean(),
  /** The end is known but its last output is still being drained (2 s at most). */
  exited: z
    .object({
      /** Exit code, when it exited. */
      code: z.int().nullable(),
      /** The signal that ended it, else null. */
      signal: SignalName.nullable(),
      /** When the end was seen. */
      at: Timestamp,
      usage: Usage.nullable(),
    })
    .nullable(),
  /** Bytes that were produced but are not kept for another reason than retention. */
  losses: z.array(Loss).max(64),
  /** True when its keeper has left in order, so that everything it had read is kept. Absent while it is held, and when its keeper died. */
  let_go: z.boolean().optional(),
  /**
   * True while its output is read through a FIFO that has not ended, also behind its own end, when others go on writing. Absent once it has ended,
   * and where there is none.
   */
  output_open: z.boolean().optional(),
  /** Its limits as they were changed while it ran. Absent: those of spec.json hold. */
  limits: Limits.optional(),
  /** Folders of the cgroup that holds it and its children to limits, one in each hierarchy. Absent when no limit needs one. */
  cgroups: z.array(z.string()).max(8).optional(),
});
export type StateFile = z.infer<typeof StateFile>;
