import type { Step } from "../climb.ts";
import type { GatewayContext } from "../context.ts";

/** Answers under way may go on this long before their connections are cut. */
const httpGraceMs = 2_000;

/** Where people and programs reach it. Throws PORT_TAKEN. */
export function httpStep(context: GatewayContext): Step {
  return {
    name: "http",
    downMs: 3_000,
    up: async () => {
      const { log } = context.options;
      const { gateway } = context.config;
      const listening = await context.options.listen({
        registry: context.registry,
        token: context.token,
        log,
        status: () => context.status(),
        stopping: context.life.stopping,
        host: context.options.host ?? gateway.host,
        port: context.options.port ?? gateway.port,
        allowedHosts: gateway.allowed_hosts,
        work: context.work,
        drain: context.drain,
        drainSecret: context.options.program.variables.HERMA_DRAIN_SECRET ?? gateway.drain_secret,
      });
      context.listening = listening;
      return () => listening.close(httpGraceMs);
    },
  };
}
