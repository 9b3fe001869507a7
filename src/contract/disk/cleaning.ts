import { z } from "zod";
import { ProcessId } from "../ids.ts";

/**
 * `processes/.cleaning`: what a cleaning that was cut short had learnt of finished processes, for the next one to go on with. Locked (flock)
 * while somebody cleans; empty once a cleaning has come to its end.
 */
export const CleaningFile = z.object({
  format: z.literal(1),
  /** Id, end (milliseconds since 1970) and bytes of kept output, for each. */
  looked: z.array(z.tuple([ProcessId, z.number(), z.number()])),
});
export type CleaningFile = z.infer<typeof CleaningFile>;
