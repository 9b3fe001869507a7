import type { Step } from "../climb.ts";
import type { GatewayContext } from "../context.ts";

/** Answers under way may go on this long before their connections are cut. */
const httpGraceMs = 2_000;

/** Where people and programs reach it. Throws PORT_TAKEN. */
export function httpStep(context: GatewayContext): Step {
  return {
    name: "http",
    downMs: 8_000,
    up: async () => {
      const { log } = context.options;
      const { gateway } = context.config;
      const listening = await context.options.listen({
        registry: context.registry,
        token: context.token,
        log,
        status: () => context.status(),
        stopping: context.life.stopping,
        handed: context.handed,
        orders: context.orders,
        host: context.options.host ?? gateway.host,
        port: context.options.port ?? gateway.port,
        allowedHosts: gateway.allowed_hosts,
        work: context.work,
        drain: context.drain,
        drainSecret: context.options.program.variables.HERMA_DRAIN_SECRET ?? gateway.drain_secret,
      });
      context.listening = listening;
      // Unless it was of use.
      context.handed?.close();
      return () => listening.close(httpGraceMs);
    },
  };
}

/** Where a new gateway has the listening socket: nobody is left with a connection that breaks under the next request (spec compat 24). */
export function farewellStep(context: GatewayContext): Step {
  return {
    name: "farewell",
    downMs: 7_000,
    up: () => () => context.listening?.leave?.(),
  };
}
