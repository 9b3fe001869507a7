import { z } from "zod";
import { ProcessId } from "../ids.ts";

/**
 * One entry of `processes.json`: a running process as Hermes writes it down, field for field, so that its tools see ours, and we what it has
 * left running.
 */
export const CheckpointEntry = z.object({
  session_id: ProcessId,
  /** Redacted. */
  command: z.string(),
  /** In the machine, or in the sandbox. */
  pid: z.int().min(1),
  /** `host`: a process of this machine. `sandbox`: a pid inside of a container, which means nothing out here. */
  pid_scope: z.enum(["host", "sandbox"]).default("host"),
  /** As in an identity; null when it is not known, and then nothing proves who the pid is. */
  host_start_time: z.int().min(0).nullable().default(null),
  /** Where it runs, redacted. */
  cwd: z.string().nullable().default(""),
  /** Seconds since the epoch. */
  started_at: z.number().default(0),
  /** The task inside of the session; empty: none. */
  task_id: z.string().default(""),
  /** The conversation it belongs to; empty: none. */
  session_key: z.string().default(""),
  /** Where its end is to be told: Hermes's address of a conversation, in six keys. Empty, unless the process was taken over from a Hermes. */
  watcher_platform: z.string().default(""),
  /** As above. */
  watcher_chat_id: z.string().default(""),
  /** As above. */
  watcher_user_id: z.string().default(""),
  /** As above. */
  watcher_user_name: z.string().default(""),
  /** As above. */
  watcher_thread_id: z.string().default(""),
  /** As above. */
  watcher_message_id: z.string().default(""),
  /** Seconds; ours is 0: nobody has to poll. */
  watcher_interval: z.number().default(0),
  /** Its end is told. */
  notify_on_complete: z.boolean().default(false),
  /** Texts and patterns that are still looked for. */
  watch_patterns: z.array(z.string()).default([]),
});
export type CheckpointEntry = z.infer<typeof CheckpointEntry>;
