import { z } from "zod";
import { Timestamp } from "../ids.ts";

/** `gateway_restarts.json`: when the gateway was restarted from inside, so that it does not go on for ever. Written by the gateway alone. */
export const RestartsFile = z.object({
  format: z.literal(1),
  /** Oldest first, at most 16. */
  restarts: z.array(
    z.object({
      /** When it was asked for. */
      at: Timestamp,
      /** Who asked: a signal, an address, a process. */
      by: z.string(),
    }),
  ),
});
export type RestartsFile = z.infer<typeof RestartsFile>;
