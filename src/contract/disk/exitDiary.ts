import { z } from "zod";
import { Timestamp } from "../ids.ts";

/** Why a gateway ended, in its own last words. */
export const ExitReason = z.enum([
  /** A command, a marker or its service manager told it to stop. */
  "planned_stop",
  /** Ctrl-C. */
  "interrupted",
  /** Another gateway took its place. */
  "takeover",
  /** A restart was asked for. */
  "restart",
  /** A signal that nobody had announced. */
  "unexpected_signal",
  /** Another program holds the home's lock. */
  "lock_stolen",
  /** It could not start. */
  "failed_start",
  /** Its settings, or its home, cannot work. */
  "config_invalid",
  /** It was started where a gateway runs already. */
  "lost_race",
  /** Something was thrown that nobody caught: a bug. */
  "uncaught",
  /** Its event loop stood still for too long. */
  "frozen_loop",
  /** Something in it called for the program's exit, past everything that ends it in order. */
  "exit_called",
]);
export type ExitReason = z.infer<typeof ExitReason>;

/** What the next start concludes about a gateway that left no last words. */
export const AutopsyVerdict = z.enum([
  /** Its state file tells the end; only the entry was lost. */
  "as_stated",
  /** The machine went down: power, a crash of the system, a reset. */
  "reboot",
  /** The kernel ended it for want of memory. */
  "out_of_memory",
  /** The kernel ended something near it for want of memory at that time. */
  "out_of_memory_likely",
  /** Its JavaScript heap was full. */
  "heap_exhausted",
  /** The runtime crashed. */
  "crashed",
  /** The service manager's watchdog ended it. */
  "killed_by_watchdog",
  /** The service manager lost patience with its stop, or with its start. */
  "killed_by_manager",
  /** It was killed while its event loop stood still. */
  "killed_while_frozen",
  /** It ended as one that is killed (SIGKILL), and nothing tells by whom. */
  "killed",
  /** Nothing tells. */
  "unknown",
]);
export type AutopsyVerdict = z.infer<typeof AutopsyVerdict>;

/** What an autopsy went by. */
export const AutopsyEvidence = z.object({
  /** Whether the machine has been started anew since. */
  boot: z.enum(["same", "other", "unknown"]),
  /** Whether its state file says that it ended. */
  ended: z.enum(["yes", "no"]),
  /** Kills for want of memory since it was last seen: of it or in its own cgroup, elsewhere on the machine, none. */
  oom: z.enum(["ours", "near", "none", "unknown"]),
  /** Whether the system noted a crash of it. */
  crash: z.enum(["yes", "no"]),
  /** What the service manager noted of it: its watchdog rang, or a timeout of its start or stop. */
  manager: z.enum(["watchdog", "timeout", "none"]),
  /** How its event loop was when it was last looked at. */
  loop: z.enum(["frozen", "alive", "unknown"]),
  /** How full its JavaScript heap was then. */
  heap: z.enum(["full", "room", "unknown"]),
});
export type AutopsyEvidence = z.infer<typeof AutopsyEvidence>;

/**
 * `gateway-exit-diag.log`: one JSON line when a gateway has its home, one before it ends, and one from the next start about each that ended
 * without. A later autopsy of the same instance replaces an earlier one: the system's own logs are read only when the gateway is up.
 */
export const ExitDiaryEntry = z.object({
  format: z.literal(1),
  /** `start`: it holds the home. `exit`: its last words. `autopsy`: a later gateway's conclusion about it. */
  event: z.enum(["start", "exit", "autopsy"]),
  /** When this was written. */
  at: Timestamp,
  /** The gateway that this is about; null when it ended before it had its home. */
  instance_id: z.string().nullable(),
  /** Its pid. */
  pid: z.int().min(1).nullable(),
  /** The machine's boot it ran in. */
  boot_id: z.string().nullable(),
  /** Of Herma. */
  version: z.string().nullable(),
  /** Exit: why. */
  reason: ExitReason.optional(),
  /** Autopsy: what seems to have happened. */
  verdict: AutopsyVerdict.optional(),
  /** Exit and autopsy: a sentence for people, masked. */
  detail: z.string().optional(),
  /** Exit: the code it ends with. */
  exit_code: z.int().nullable().optional(),
  /** Exit: the signal that it followed, or null. */
  signal: z.string().nullable().optional(),
  /** Exit: a second signal, a failure or a deadline cut the way down short. */
  forced: z.boolean().optional(),
  /** Exit and autopsy: where it was in its life. */
  phase: z.string().nullable().optional(),
  /** Exit and autopsy: seconds it had its home, as far as it is known. */
  uptime_s: z.number().min(0).nullable().optional(),
  /** Exit: where it was thrown, or where the loop stood; masked. */
  stack: z.string().nullable().optional(),
  /** Exit: what stood around it when the signal came. */
  context: z.record(z.string(), z.unknown()).nullable().optional(),
  /** Start: the kernel's counts of kills for want of memory by then, which the next start compares with its own; null where it does not tell. */
  oom: z
    .object({
      /** Of the whole machine since its boot. */
      machine: z.int().nullable(),
      /** Of our cgroup. */
      cgroup: z.int().nullable(),
      /** Which that is. */
      cgroup_path: z.string().nullable(),
    })
    .optional(),
  /** Autopsy: what it went by. */
  evidence: AutopsyEvidence.optional(),
  /** Autopsy: when it was last seen alive. */
  last_seen_at: z.string().nullable().optional(),
  /** Autopsy: lines of the system's logs that speak of it, masked. */
  log_lines: z.array(z.string()).optional(),
});
export type ExitDiaryEntry = z.infer<typeof ExitDiaryEntry>;
