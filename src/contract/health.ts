import { z } from "zod";
import { GatewayPhase } from "./disk/gateway.ts";
import { Timestamp } from "./ids.ts";

/** What a program that watches a gateway may be told of it (hermes H17): no pid, argument, path or secret. */
export const HealthDetails = z.strictObject({
  /** `alive`, `down`, or `unknown`. */
  state: z.enum(["alive", "down", "unknown"]),
  /** Why the verdict is not plainly "alive by its lock". */
  reason: z.string().optional(),
  /** The original's word in the state file. */
  gateway_state: z.string().optional(),
  updated_at: z.string().optional(),
  active_agents: z.int().min(0).optional(),
  /** How many channels the state file names. */
  platform_count: z.int().min(0).optional(),
  /** How many of them are in which state. */
  platform_states: z.record(z.string(), z.int().min(1)).optional(),
  /** Class of the error that kept us from looking. */
  error: z.string().optional(),
});

/**
 * `GET /api/health/agent`: the original's heartbeat answer, exact in its three keys (hermes H1), and ours beside them (spec compat 27).
 * Its status is 200 whatever the verdict.
 */
export const HealthPayload = z.strictObject({
  /** True: it lives. False: it provably does not. Null: that cannot be told from here. */
  alive: z.boolean().nullable(),
  checked_at: Timestamp,
  details: HealthDetails,
  /** Seconds since the state was written; null without a readable time. */
  age_s: z.number().nullable(),
  /** Seconds between heartbeats, as the state file promises them; null when it promises none. */
  interval_s: z.number().nullable(),
  /** Which evidence the verdict rests on. */
  evidence: z.enum(["lock", "heartbeat", "socket", "none"]),
});
export type HealthPayload = z.infer<typeof HealthPayload>;

/** `GET /api/status`: the fields that the original's dashboard has (hermes 1.16), and ours behind them. */
export const StatusPayload = z.object({
  /** Of the program that answers. */
  version: z.string(),
  hermes_home: z.string(),
  /** Conversations with a turn under way. */
  active_sessions: z.int().min(0),
  can_update_hermes: z.literal(false),
  gateway_running: z.boolean(),
  gateway_pid: z.int().nullable(),
  gateway_state: z.string().nullable(),
  active_agents: z.int().min(0),
  /** It lives, its state is `running`, and turns run. */
  gateway_busy: z.boolean(),
  /** It lives and its state is `running`. */
  gateway_drainable: z.boolean(),
  /** As in `/api/health/agent`. */
  alive: z.boolean().nullable(),
  gateway_phase: GatewayPhase.nullable(),
  drain_reason: z.string().nullable(),
  gateway_version: z.string().nullable(),
  gateway_address: z.string().nullable(),
  started_at: z.string().nullable(),
  updated_at: z.string().nullable(),
  /** How the last one ended, while none runs. */
  exit_reason: z.string().nullable(),
  desired_state: z.enum(["running", "stopped"]).nullable(),
  /** True while the running gateway resumes nothing of before, because gateways of this home restart too often. */
  restart_loop: z.boolean(),
  /** Null when the processes cannot be counted just now. */
  processes_live: z.int().min(0).nullable(),
});
export type StatusPayload = z.infer<typeof StatusPayload>;

/** `GET /api/gateway/status`: what the original's web UI shows of its channels (hermes 1.17). */
export const GatewayStatusPayload = z.object({
  running: z.boolean(),
  /** Whether a gateway was ever set up here. */
  configured: z.boolean(),
  /** Its channels, also while it is down. */
  platforms: z.array(z.object({ name: z.string() })),
  session_count: z.int().min(0),
  /** When something last changed; empty while it does not run. */
  last_active: z.string(),
});
export type GatewayStatusPayload = z.infer<typeof GatewayStatusPayload>;
