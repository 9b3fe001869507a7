import { z } from "zod";
import { Timestamp } from "../ids.ts";

/**
 * `.drain_request.json`: while it stands and counts, the gateway drains. It is the union of all leases, written by the gateway; programs that know
 * Hermes may write and remove it as well. A marker of another instantiation of the machine does not count, nor one older than an hour;
 * one that cannot be read, or has no time, counts for an hour from the file's own time.
 */
export const DrainMarker = z.looseObject({
  /** Always `drain`. */
  action: z.string().optional(),
  /** When the newest of the leases was asked for or renewed. ISO 8601; without an offset it is read as UTC. */
  requested_at: z.string().optional(),
  /** Who asked; several, joined by commas. */
  principal: z.string().optional(),
  /** The instantiation of the machine it was written in: `<boot id>:<start ticks of pid 1>`. Empty where that is not known. */
  epoch: z.string().optional(),
  /** The people in the channels are not told of the drain. */
  suppress_notification: z.boolean().optional(),
  /** When the last of the leases ends. Ours alone. */
  expires_at: Timestamp.optional(),
  /** Of `drain_leases.json`, of which it is the union. Ours alone: a marker without one was written by somebody else. */
  revision: z.int().min(1).optional(),
});
export type DrainMarker = z.infer<typeof DrainMarker>;

/** Most leases that are held at once. */
export const drainLeasesMax = 64;
/** Most characters of a principal's name. */
export const drainPrincipalMax = 200;

/** `drain_leases.json`: who wants the gateway to drain, and how long. Each principal holds its own lease; the marker is their union. */
export const DrainLeasesFile = z.object({
  format: z.literal(1),
  /** Grows at each change. */
  revision: z.int().min(0),
  /** As in the marker. Leases of another instantiation of the machine do not count. */
  epoch: z.string(),
  /** Oldest first. */
  leases: z
    .array(
      z.object({
        /** Whose it is. */
        principal: z.string().min(1).max(drainPrincipalMax),
        /** When it was asked for or renewed. */
        requested_at: Timestamp,
        /** When it ends by itself. */
        expires_at: Timestamp,
        /** This lease does not want the channels to be told. They are told unless every lease says so. */
        suppress_notification: z.boolean(),
        /** How it came: asked of the gateway, or as a marker that somebody else wrote, which could be read or not. */
        from: z.enum(["request", "marker", "unreadable"]),
      }),
    )
    .max(drainLeasesMax),
  /** The marker of somebody else that is a lease already (or was, and has been taken back); null when there is none. */
  seen: z
    .object({
      /** Inode. */
      ino: z.number(),
      /** When it was written, milliseconds since 1970. */
      mtime_ms: z.number(),
      /** Bytes. */
      size: z.number(),
    })
    .nullable(),
});
export type DrainLeasesFile = z.infer<typeof DrainLeasesFile>;
