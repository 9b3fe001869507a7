import { tellActivity } from "../activity.ts";
import type { Step } from "../climb.ts";
import type { GatewayContext } from "../context.ts";
import { ExternalDrain } from "../externalDrain.ts";
import { cutGraceMs, drainForShutdown } from "../shutdownDrain.ts";

/** Whether somebody wants us to drain is known before anybody can ask for work. */
export function drainStep(context: GatewayContext): Step {
  return {
    name: "drain",
    downMs: 500,
    up: () => {
      const { work, claim } = context;
      const drain = new ExternalDrain({
        home: context.options.home,
        system: context.options.system,
        log: context.options.log,
        markerMode: context.fileMode,
        work,
        life: context.life,
        ailing: () => context.healthProblem !== null,
        holdsHome: () => !claim.lost,
      });
      context.drain = drain;
      const untell = tellActivity({
        work,
        clock: context.options.system.clock,
        told: () => claim.state.active_agents,
        write: (active) => void claim.update({ active_agents: active }),
      });
      const unwatch = drain.watch();
      return () => {
        unwatch();
        untell();
      };
    },
  };
}

/** Last in the boot, so first on the way down: running work is waited for while everything it needs still stands. */
export function workStep(context: GatewayContext): Step {
  const budgetMs = (): number => Math.min(context.stopPlan.drainMs, context.life.cause?.drainMsMax ?? Number.POSITIVE_INFINITY);
  return {
    name: "work",
    get downMs() {
      return context.stopPlan.drainMs + cutGraceMs(context.stopPlan.drainMs) + 1_000;
    },
    up: () => async () => {
      const { work, claim, options } = context;
      await drainForShutdown({
        work,
        clock: options.system.clock,
        log: options.log,
        budgetMs: budgetMs(),
        beat: () => void claim.update({ active_agents: work.active }),
      });
    },
  };
}
