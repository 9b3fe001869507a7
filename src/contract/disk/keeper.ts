import { z } from "zod";
import { Timestamp } from "../ids.ts";
import { Identity } from "./identity.ts";
import { RestartSurvival } from "./state.ts";

/** `keepers/<generation>/keeper.json`: who the keeper is, written once it listens. Whether it lives is told by its lock, not by this file. */
export const KeeperFile = z.object({
  format: z.literal(1),
  /** Protocol and build: the name of its folder. */
  generation: z.string(),
  /** Random, new at each of its starts. */
  instance_id: z.string(),
  /** Version of the API on its socket. */
  protocol: z.int().min(1),
  /** Of the package it was started from. */
  version: z.string(),
  identity: Identity,
  /** Absolute path of its socket. */
  socket: z.string(),
  /** When it began to listen. */
  started_at: Timestamp,
  restart_survival: RestartSurvival,
});
export type KeeperFile = z.infer<typeof KeeperFile>;
