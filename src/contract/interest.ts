import { z } from "zod";
import { ProcessId, Timestamp } from "./ids.ts";

/**
 * Who wants to know what of a process. What happened stands in the process's folder; who wants to know stands in the store (`herma.db`).
 */

/** A line of output somebody waits for. */
export const WatchRule = z.object({
  /** A literal, or `{re2}`: a pattern matched in linear time. Matched within one line, on its first 10,000 characters. */
  match: z.union([z.string().min(1).max(1000), z.object({ /** A pattern of RE2. */ re2: z.string().min(1).max(1000) })]),
  /** `once`: the first match ends the rule. `every`: each match counts, within the limits. */
  mode: z.enum(["once", "every"]).default("once"),
  /** Fires when this many seconds pass without a match instead of on a match. */
  negative_seconds: z.number().min(1).max(86_400).optional(),
});
export type WatchRule = z.infer<typeof WatchRule>;
/** As written by a caller, defaults left out. */
export type WatchRuleInput = z.input<typeof WatchRule>;

/** What a notice does: `turn` starts the agent's next turn, `context` waits for one that happens anyway, `ignore` is not made at all. */
export const WakeWeight = z.enum(["turn", "context", "ignore"]);
export type WakeWeight = z.infer<typeof WakeWeight>;

/** Weight per outcome. `stopped`: its reader asked for the end, or the gateway's own shutdown did. */
export const WakePolicy = z.object({
  success: WakeWeight.default("turn"),
  failure: WakeWeight.default("turn"),
  stopped: WakeWeight.default("context"),
  lost: WakeWeight.default("turn"),
});
export type WakePolicy = z.infer<typeof WakePolicy>;

/** To whom a process is handed over: from then on it belongs to that session, which is told of it. */
export const HandOver = z.strictObject({
  /** The conversation that it belongs to from now on. */
  session: z.string().min(1).max(512),
  /** The task inside of that. */
  task: z.string().min(1).max(512).optional(),
  /** One sentence on what it is for, told with its notices. */
  purpose: z.string().min(1).max(500),
});
export type HandOver = z.infer<typeof HandOver>;

export const NoticeKind = z.enum([
  /** It is over. */
  "completion",
  "watch_match",
  /** Three strike windows in a row: its watches are off and it notifies on its end instead. */
  "watch_disabled",
  /** The breaker over all processes tripped; … */
  "watch_overflow_tripped",
  /** … and let go, with the count of what it held back. */
  "watch_overflow_released",
  /** It runs and has new output; asked for, at least 60 s apart. */
  "heartbeat",
]);
export type NoticeKind = z.infer<typeof NoticeKind>;

/**
 * The life of a notice: stored → claimed → delivered → consumed. A claim that is not delivered in time is free again. `dead` keeps what
 * could not be delivered, with the reason.
 */
export const NoticeState = z.enum(["stored", "claimed", "delivered", "consumed", "dead"]);
export type NoticeState = z.infer<typeof NoticeState>;

export const NoticeId = z.string().regex(/^note_[0-9a-f]{12}$/);

/** A fact somebody asked to be told about. */
export const Notice = z.object({
  id: NoticeId,
  kind: NoticeKind,
  /** Null for the breaker's, which speak of all processes. */
  process_id: ProcessId.nullable(),
  /** Whom it is for; null when the process has no session. */
  session: z.string().nullable(),
  task: z.string().nullable(),
  /** Instance id of the program that made it. */
  generation: z.string(),
  weight: z.enum(["turn", "context"]),
  created_at: Timestamp,
  /** Facts for programs: exit, pattern, offset, suppressed counts … */
  data: z.record(z.string(), z.unknown()),
  /** For the reader: framed as untrusted output, redacted, bounded. */
  text: z.string(),
  state: NoticeState,
  attempts: z.int().min(0),
  claimed_by: z.string().nullable(),
  claimed_until: Timestamp.nullable(),
  delivered_at: Timestamp.nullable(),
  consumed_at: Timestamp.nullable(),
  /** Why the last attempt failed, or why it is dead. */
  reason: z.string().nullable(),
});
export type Notice = z.infer<typeof Notice>;

/** Interest in one process: a row of the store. */
export const Interest = z.object({
  process_id: ProcessId,
  session: z.string().nullable(),
  task: z.string().nullable(),
  notify_on_complete: z.boolean(),
  wake: WakePolicy,
  /** Seconds between heartbeat notices, at least 60; null: none. */
  heartbeat_seconds: z.number().min(60).nullable(),
  /** One sentence by whoever handed the process over: what it is for. */
  purpose: z.string().max(500).nullable(),
  /** Where the original's tools would send a notice; kept for them as they wrote it. */
  route: z.record(z.string(), z.string()).nullable(),
});
export type Interest = z.infer<typeof Interest>;
