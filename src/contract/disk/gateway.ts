import { z } from "zod";
import { Timestamp } from "../ids.ts";

/** Marks the records of a gateway, in the original's word (hermes S1), so that its tools know ours. */
export const gatewayKind = "hermes-gateway";

/**
 * `gateway.pid`, and the body of `gateway.lock` and `herma.lock`: which program is the gateway of this home. The first four keys are the
 * original's, the rest are ours. Readers allow any other key, because the original's writers may add some.
 */
export const GatewayRecord = z.looseObject({
  /** In the gateway's own pid namespace. */
  pid: z.int().min(1),
  /** Tells a gateway from other programs' records. */
  kind: z.literal(gatewayKind),
  /** What the original's tools recognise a gateway by: it begins `hermes gateway run`. The real command line is `command_line`. */
  argv: z.array(z.string()),
  /** Linux: clock ticks since boot. Null where the system does not tell. */
  start_time: z.int().min(0).nullable(),
  /** Random, new at each start. */
  instance_id: z.string().optional(),
  /** The machine's boot, so that a pid of another boot is nobody. */
  boot_id: z.string().optional(),
  /** The pid namespace in which `pid` is valid, so that a reader in another container does not take another program for it; null where there is only one. */
  pid_namespace: z.string().nullable().optional(),
  /** Of the package it was started from. */
  version: z.string().optional(),
  /** What it was really started with. */
  command_line: z.array(z.string()).optional(),
  /** When it started. */
  started_at: Timestamp.optional(),
});
export type GatewayRecord = z.infer<typeof GatewayRecord>;

/** The words of `gateway_state`, which are the original's (spec compat 23). */
export const GatewayWord = z.enum(["starting", "running", "degraded", "draining", "stopped", "startup_failed"]);
export type GatewayWord = z.infer<typeof GatewayWord>;

/** Where the gateway is in its life, in our words: `stopping` is `draining` to the original. */
export const GatewayPhase = z.enum(["starting", "running", "degraded", "draining", "stopping", "stopped", "startup_failed"]);
export type GatewayPhase = z.infer<typeof GatewayPhase>;

/** One channel's state, as the original writes it. */
export const GatewayPlatform = z.looseObject({
  state: z.string().optional(),
  error_code: z.string().nullable().optional(),
  error_message: z.string().nullable().optional(),
  updated_at: z.string().optional(),
});

/**
 * `gateway_state.json`: the gateway's heartbeat. Only the holder of the lock writes it: at each change and every `interval_s` seconds.
 * A file that says `running` and is much older than that is about a dead or frozen gateway; the lock knows.
 */
export const GatewayStateFile = GatewayRecord.extend({
  gateway_state: GatewayWord,
  /** Why it ended, or null while it lives. */
  exit_reason: z.string().nullable(),
  /** True when its end is meant to be followed by a start. */
  restart_requested: z.boolean(),
  /** Turns that run now. */
  active_agents: z.int().min(0),
  /** Channels by name. */
  platforms: z.record(z.string(), GatewayPlatform),
  /** When this was written. */
  updated_at: Timestamp,
  /** Grows by one at every write of one instance. */
  seq: z.int().min(1),
  /** Seconds between heartbeats. */
  interval_s: z.number().positive(),
  phase: GatewayPhase,
  /** Why it is draining: `external`, `shutdown` or `dormant`. */
  drain_reason: z.string().nullable(),
  /** What its operator wants it to be; not what it is. */
  desired_state: z.enum(["running", "stopped"]),
  /** Seconds it may take to let running turns finish when it is told to stop. */
  drain_timeout_s: z.number().min(0),
  /** Where it answers over HTTP, or null while it does not. */
  address: z.string().nullable(),
  /** The socket on which it takes orders, or null while it takes none. */
  control_socket: z.string().nullable().optional(),
  /** Milliseconds by which the event loop was late at worst since the last heartbeat. */
  loop_lag_ms: z.number().min(0).optional(),
  /** Memory it occupied at the last heartbeat. */
  rss_bytes: z.int().min(0).optional(),
  /** JavaScript heap it used at the last heartbeat. */
  heap_bytes: z.int().min(0).optional(),
  /** Programs that the kernel had ended for want of memory by the last heartbeat; null where it does not tell. */
  oom_kills: z.int().nullable().optional(),
  /** Our cgroup, and how many of those programs were in it. */
  cgroup: z.string().nullable().optional(),
  /** See `cgroup`. */
  cgroup_oom_kills: z.int().nullable().optional(),
  /** True when gateways of this home follow each other too quickly: people are served, and nothing of before is resumed. */
  restart_loop: z.boolean().optional(),
});
export type GatewayStateFile = z.infer<typeof GatewayStateFile>;

/**
 * `.gateway-planned-stop.json` and `.gateway-takeover.json`: whoever signals a gateway leaves one first, so that the gateway knows that its
 * stop is meant. Written by other programs, so every key is optional to a reader but the target's pid.
 */
export const GatewayMarker = z.looseObject({
  /** Pid of the gateway that is meant. */
  target_pid: z.int().min(1),
  /** Its start time, so that another program with its pid is not meant. */
  target_start_time: z.int().min(0).nullable().optional(),
  /** Its instance. */
  target_instance_id: z.string().nullable().optional(),
  /** In a takeover marker: who comes. */
  replacer_pid: z.int().min(1).optional(),
  /** In a marker of a planned stop: who asks. */
  stopper_pid: z.int().min(1).optional(),
  /** ISO 8601; without an offset it is unreadable, and so stale. */
  written_at: z.string().optional(),
});
export type GatewayMarker = z.infer<typeof GatewayMarker>;
