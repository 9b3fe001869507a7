import { z } from "zod";
import { ProcessId } from "./ids.ts";

/** `POST /api/gateway/stop` and `/api/gateway/restart`, over HTTP or on the gateway's own socket. */
export const GatewayOrder = z.strictObject({
  /** Nothing under way is waited for; a restart is not refused for coming too often. */
  force: z.boolean().optional(),
  /** Ends the processes that were started to live for a turn or a session as well. Only for a stop. */
  with_processes: z.boolean().optional(),
  /** The process that asks, when one does: then the order waits for the work under way. */
  asked_by: ProcessId.optional(),
});
export type GatewayOrder = z.infer<typeof GatewayOrder>;

/** What will happen. It is said before it happens: whoever asked waits for the end by the gateway's identity. */
export const GatewayOrderAnswer = z.object({
  ok: z.literal(true),
  action: z.enum(["stop", "restart"]),
  /**
   * Who starts the next one: nobody, the service manager (by exit code 75), or the gateway itself, which ends when the next one takes over. For a
   * stop this is `successor`, too, when another gateway is taking over already: that one comes up all the same.
   */
  next: z.enum(["none", "manager", "successor"]),
  /** The next one, where it has been started. */
  next_pid: z.int().nullable().default(null),
  /** `after_work`: when the work under way is done, since something of it asked. `already`: it is stopping, or its successor comes up. */
  when: z.enum(["now", "after_work", "already"]),
  /** Seconds that running work is given. */
  drain_timeout_s: z.number().min(0),
  /** Seconds until it has ended, at the most. */
  ends_within_s: z.number().min(0),
  pid: z.int(),
  instance_id: z.string(),
});
export type GatewayOrderAnswer = z.infer<typeof GatewayOrderAnswer>;

/** `POST /api/gateway/handover`, on the gateway's own socket only: the next gateway asks for a copy of the listening socket. */
export const GatewayHandover = z.strictObject({
  /** Path of the socket where the descriptor is to be left. */
  place: z.string().min(1).max(200),
});
export type GatewayHandover = z.infer<typeof GatewayHandover>;

export const GatewayHandoverAnswer = z.object({
  /** False: it listens nowhere, or no descriptor can be passed. */
  passed: z.boolean(),
  /** What the socket is bound to. */
  host: z.string(),
  port: z.int(),
});
export type GatewayHandoverAnswer = z.infer<typeof GatewayHandoverAnswer>;
