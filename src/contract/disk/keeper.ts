import { z } from "zod";
import { Timestamp } from "../ids.ts";
import { Identity } from "./identity.ts";
import { RestartSurvival } from "./state.ts";

/** `keepers/<generation>/keeper.json`: who the keeper is, written once it listens. Whether it lives is told by its lock, not by this file. */
export const KeeperFile = z.object({
  format: z.literal(1),
  generation: z.string(),
  instance_id: z.string(),
  protocol: z.int().min(1),
  version: z.string(),
  identity: Identity,
  socket: z.string(),
  started_at: Timestamp,
  restart_survival: RestartSurvival,
});
export type KeeperFile = z.infer<typeof KeeperFile>;
