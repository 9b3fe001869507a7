import { z } from "zod";
import { drainPrincipalMax } from "./disk/drain.ts";
import { GatewayPhase } from "./disk/gateway.ts";
import { Timestamp } from "./ids.ts";

/** Whether and for whom the gateway drains: the answer to `GET /api/gateway/drain`. */
export const DrainStatus = z.object({
  /** Somebody asks for it. */
  draining: z.boolean(),
  /** The gate is closed: from here on the counts only fall. Read the counts of the same answer, not of an earlier one. */
  observed: z.boolean(),
  /** Who asks; several, joined by commas. Null when nobody does. */
  principal: z.string().nullable(),
  /** When the newest of them asked, or asked again. */
  requested_at: Timestamp.nullable(),
  /** When the last of them will have to ask again. */
  expires_at: Timestamp.nullable(),
  /** The people in the channels are not told of the drain. */
  suppress_notification: z.boolean(),
  /** How much work still goes on. */
  active: z.object({ turns: z.int().min(0), api: z.int().min(0), delegations: z.int().min(0) }),
  /** It drains, the gate is closed and nothing goes on any more: the gateway can be stopped without cutting anything. */
  drained: z.boolean(),
  phase: GatewayPhase,
  leases: z.array(z.object({ principal: z.string(), requested_at: Timestamp, expires_at: Timestamp, suppress_notification: z.boolean() })),
});
export type DrainStatus = z.infer<typeof DrainStatus>;

/** Most seconds that a lease lasts without being asked for again. */
export const drainLeaseSecondsMax = 3600;

/** The body of `POST /api/gateway/drain`. */
export const DrainRequest = z.strictObject({
  /** `drain` when absent. */
  action: z.enum(["drain", "cancel"]).default("drain"),
  /** Whose lease. With the owner's token any; with the drain secret it becomes a part of that one's name. */
  principal: z.string().min(1).max(drainPrincipalMax).optional(),
  /** The lease ends by itself after so many seconds. */
  ttl_seconds: z.number().positive().max(drainLeaseSecondsMax).optional(),
  /** The people in the channels are not told of the drain. */
  suppress_notification: z.boolean().optional(),
  /** With `cancel`: everybody's leases. Only with the owner's token. */
  all: z.boolean().optional(),
});

/** The answer to `POST /api/gateway/drain`: the keys of Hermes, and whose lease it was. */
export const DrainAnswer = z.union([
  z.object({
    ok: z.literal(true),
    action: z.literal("drain"),
    draining: z.literal(true),
    suppress_notification: z.boolean(),
    principal: z.string(),
    expires_at: Timestamp,
  }),
  z.object({ ok: z.literal(true), action: z.literal("cancel"), was_draining: z.boolean(), draining: z.boolean() }),
]);
export type DrainAnswer = z.infer<typeof DrainAnswer>;
