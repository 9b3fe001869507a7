/** Composition: what comes up in which order, what goes down in which order, and what a signal means. Floor 6. */
export { readConfig } from "./config.ts";
export { type Daemon, type DaemonRunOptions, runDaemon } from "./daemon.ts";
export type { DrainControl } from "./drainControl.ts";
export { ensureToken, prepareHome } from "./home.ts";
export { humanLine, type LogOptions, openLog } from "./log.ts";
export type { RunOptions } from "./options.ts";
export { runGateway } from "./run.ts";
export { gatewaySignals } from "./stopCause.ts";
export type {
  ControlParts,
  GatewayEnd,
  GatewayParts,
  GatewayStatus,
  HandedSocket,
  Listen,
  Listening,
  Log,
  Orders,
  Program,
  ServeControl,
} from "./types.ts";
export { Work } from "./work.ts";
