import { z } from "zod";
import { Timestamp } from "../ids.ts";
import { GatewayRecord } from "./gateway.ts";

/**
 * `<scope>-<hash>.lock` in the folder of scoped locks, outside of any home: which gateway uses an identity, such as a bot's token, that only one may
 * use at a time. The original's form, so that a Hermes and a Herma cannot share a bot. The identity itself never stands in it.
 */
export const ScopedLockFile = GatewayRecord.extend({
  /** What kind of identity: `telegram-bot-token`, `discord-bot-token`, `slack-app-token` … */
  scope: z.string(),
  /** The first 16 hex digits of the identity's SHA-256. */
  identity_hash: z.string(),
  /** Whatever its holder wants to say. */
  metadata: z.record(z.string(), z.unknown()),
  /** When it was taken, or taken again. */
  updated_at: Timestamp,
});
export type ScopedLockFile = z.infer<typeof ScopedLockFile>;
