/** HTTP, server-sent events, who may ask; and the command that composes it with the gateway. Floor 7. */

export { gatewaySignals, type Program } from "../gateway/index.ts";
export { createServerApp, type ServerAppOptions } from "./app.ts";
export { Auth } from "./auth.ts";
export { type DashboardOptions, serveDashboard } from "./dashboard.ts";
export { FactHub } from "./factHub.ts";
export { listen } from "./listen.ts";
export { serveMcp } from "./mcp/lazily.ts";
export { type DaemonOptions, serveDaemon } from "./serveDaemon.ts";
export { type ServeOptions, serveGateway } from "./serveGateway.ts";
