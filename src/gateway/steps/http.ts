import { isHermaError } from "../../contract/index.ts";
import type { Step } from "../climb.ts";
import type { GatewayContext } from "../context.ts";
import type { GatewayParts, Listening } from "../types.ts";

/** Answers under way may go on this long before their connections are cut. */
const httpGraceMs = 2_000;

/** A gateway that was refused has ended by then. */
const refusedLeavesMs = 5_000;
const lookMs = 50;

/** Where people and programs reach it. Throws PORT_TAKEN. */
export function httpStep(context: GatewayContext): Step {
  return {
    name: "http",
    downMs: 8_000,
    up: async () => {
      const { log } = context.options;
      const { gateway, tools } = context.config;
      const listening = await listenPatiently(context, {
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
        terminalTimeoutSeconds: tools.terminal_timeout_seconds,
        work: context.work,
        drain: context.drain,
        drainSecret: context.options.program.variables.HERMA_DRAIN_SECRET ?? gateway.drain_secret,
      });
      context.listening = listening;
      // Unless it was of use.
      context.handed?.close();
      const takeBack = context.afterReady(() => void listening.warmUp?.("all"));
      return () => {
        takeBack();
        return listening.close(httpGraceMs);
      };
    },
  };
}

/**
 * Where several take over at once, one that was refused may hold the old socket for a moment longer; it is waited for, because otherwise nobody
 * would serve in the end. Throws PORT_TAKEN.
 */
async function listenPatiently({ options, life }: GatewayContext, parts: GatewayParts): Promise<Listening> {
  const { clock } = options.system;
  const deadlineMs = clock.monotonicMs() + (options.replace === true ? refusedLeavesMs : 0);
  for (;;) {
    try {
      return await options.listen(parts);
    } catch (error) {
      if (!isHermaError(error, "PORT_TAKEN") || clock.monotonicMs() >= deadlineMs || life.cause !== null) throw error;
      await new Promise<void>((resolve) => clock.after(lookMs, resolve));
    }
  }
}

/** Where a new gateway has the listening socket: nobody is left with a connection that breaks under the next request (spec compat 24). */
export function farewellStep(context: GatewayContext): Step {
  return {
    name: "farewell",
    downMs: 7_000,
    up: () => () => context.listening?.leave?.(),
  };
}
