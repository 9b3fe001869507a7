import { cleanHourly } from "../cleaning.ts";
import type { Step } from "../climb.ts";
import type { GatewayContext } from "../context.ts";
import { KeeperWatch } from "../keeperWatch.ts";

/** The registry over the process folders. */
export function registryStep(context: GatewayContext): Step {
  return {
    name: "registry",
    downMs: 3_000,
    up: () => {
      const registry = context.options.openRegistry(context.config);
      context.registry = registry;
      return async () => {
        await registry[Symbol.asyncDispose]();
      };
    },
  };
}

/** `processes.json`: what Hermes left is taken over, and ours is written in its shape. */
export function checkpointStep(context: GatewayContext): Step {
  return {
    name: "checkpoint",
    downMs: 500,
    up: async () => {
      const { log } = context.options;
      const { checkpoint } = context.registry;
      const taken = await checkpoint.start({ onProblem: (problem) => log.warn({ problem: String(problem) }, "processes.json") });
      if (taken.length > 0) log.info({ processes: taken }, "taken over from Hermes: they can be looked at and ended");
      return () => checkpoint.stop();
    },
  };
}

/** Finished processes over their limits go, also where nothing is started. Nobody waits for it. */
export function cleaningStep(context: GatewayContext): Step {
  return {
    name: "cleaning",
    downMs: 100,
    up: () => {
      const { system, log } = context.options;
      const { registry, life } = context;
      return context.afterReady(() => cleanHourly({ registry, clock: system.clock, log, stopping: life.stopping }));
    },
  };
}

/** Every live process has a living keeper from here on. */
export function keepersStep(context: GatewayContext): Step {
  return {
    name: "keepers",
    downMs: 500,
    up: async () => {
      const { home, system, log } = context.options;
      const watch = new KeeperWatch({
        home,
        system,
        log,
        registry: context.registry,
        healthy: (well, problem) => {
          context.healthProblem = well ? null : problem;
          context.life.happens(well ? "mended" : "degraded");
        },
      });
      await watch.recover();
      return () => watch.close();
    },
  };
}

/** Each watched process meets the same trouble, again every second: the log has it this often. */
const sameProblemMs = 60_000;

/**
 * Whoever asked to be told of something is told by the gateway while it lives. Nobody waits for it: what is asked for meanwhile stands in the
 * store, and what was printed stands in the folders.
 */
export function watchesStep(context: GatewayContext): Step {
  return {
    name: "watches",
    downMs: 500,
    up: () => {
      const { watching } = context.registry;
      const { log, system } = context.options;
      let last = { problem: "", atMs: Number.NEGATIVE_INFINITY };
      const onProblem = (error: unknown): void => {
        const [problem, atMs] = [String(error), system.clock.monotonicMs()];
        if (problem === last.problem && atMs - last.atMs < sameProblemMs) return;
        last = { problem, atMs };
        log.error({ problem }, "watches cannot be looked after; trying again");
      };
      const takeBack = context.afterReady(() => void watching.start({ onProblem }).catch(onProblem));
      return async () => {
        takeBack();
        await watching.stop();
      };
    },
  };
}

/**
 * Stopping a gateway ends no process, unless that is asked for by the order or by herma.yaml; then it ends what was started to live for a turn
 * or a session (spec compat 16). A takeover, a restart or an accident never does.
 */
export function shortLivedStep(context: GatewayContext): Step {
  return {
    name: "short-lived processes",
    downMs: 8_000,
    up: () => async () => {
      const { cause } = context.life;
      const { on_gateway_stop: wish } = context.config.processes;
      if (cause === null || cause.desiredState !== "stopped" || !(cause.withProcesses ?? wish === "end")) return;
      const ended = await context.registry.endLifetime({ lifetime: "session", source: "gateway_stop" });
      const survivors = ended.filter(({ verdict }) => verdict === "survivors").map(({ process }) => process.id);
      context.options.log.info({ ended: ended.length, survivors }, "processes of turns and sessions were ended, as was asked for");
    },
  };
}
