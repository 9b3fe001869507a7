import { z } from "zod";

/**
 * Who an operating-system process is. A pid alone is never an identity: it is reused.
 * Two identities are the same only when all three fields are equal and known.
 */
export const Identity = z.object({
  /** The machine's boot, `/proc/sys/kernel/random/boot_id` on Linux, the boot time on macOS. */
  boot_id: z.string().min(1),
  /** Process id, as seen in the writer's pid namespace. */
  pid: z.int().min(1),
  /** Linux: clock ticks since boot (field 22 of `/proc/<pid>/stat`). macOS: start time in microseconds since the epoch. */
  start_time: z.int().min(0),
});
export type Identity = z.infer<typeof Identity>;
