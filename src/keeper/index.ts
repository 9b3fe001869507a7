/** The program that owns OS processes. Others talk to it over its socket; this door is for its own entry program and for tests. */
export { createKeeperApi } from "./api.ts";
export { Doorbell, Listener } from "./doorbell.ts";
export { Held } from "./held.ts";
export { Keeper, type KeeperOptions } from "./keeper.ts";
export { Ladder } from "./ladder.ts";
export { createLog, type Log } from "./log.ts";
export { type RunningKeeper, type ServeOptions, serveKeeper } from "./serve.ts";
export { Spool } from "./spool.ts";
export { Tree } from "./tree.ts";
