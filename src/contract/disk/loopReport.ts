import { z } from "zod";
import { Timestamp } from "../ids.ts";

/**
 * `gateway-loop.json`: what the thread beside the gateway's event loop sees. The loop writes the heartbeat, so that one only stops when the
 * loop does; this one goes on, and says so.
 */
export const LoopReportFile = z.object({
  format: z.literal(1),
  /** The gateway's. */
  instance_id: z.string(),
  /** The gateway's. */
  pid: z.int().min(1),
  /** The machine's boot. */
  boot_id: z.string(),
  /** When the gateway started. */
  started_at: Timestamp,
  /** When this was written. */
  at: Timestamp,
  /** Whether the event loop turns. */
  loop: z.enum(["alive", "frozen"]),
  /** Milliseconds for which it has stood still. */
  still_ms: z.number().min(0),
  /** The longest of this gateway so far. */
  longest_still_ms: z.number().min(0),
  /** Memory the gateway occupies. */
  rss_bytes: z.number().min(0),
  /** JavaScript heap it used when its loop last turned. */
  heap_bytes: z.number().min(0),
  /** The most there can be of it. */
  heap_bytes_max: z.number().min(0),
});
export type LoopReportFile = z.infer<typeof LoopReportFile>;
