/**
 * `herma/lifecycle`: what makes a gateway's life provable, for daemons of your own. `serveDaemon({ home, start })` is all of it; the rest looks
 * at a home from outside.
 */
export { type ErrorCode, errorCatalogue, HermaError, homePaths, isHermaError, version } from "./contract/index.ts";
export type { Daemon, GatewayEnd, GatewayStatus, Log, Work } from "./gateway/index.ts";
export {
  endGateway,
  type FoundGateway,
  findGateway,
  type GatewayRunView,
  gatewayRuns,
  type HeartbeatSeen,
  lookAtHeartbeat,
  type ScopedLockOwner,
  type ScopedLockResult,
  ScopedLocks,
} from "./lifecycle/index.ts";
export { type HeartbeatVerdict, judgeHeartbeat } from "./rules/index.ts";
export { type DaemonOptions, serveDaemon } from "./server/index.ts";
export { nodeSystem, type System } from "./system/index.ts";
