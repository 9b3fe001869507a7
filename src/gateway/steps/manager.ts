import { budgets, planStop, stopWarning } from "../../rules/index.ts";
import type { Timer } from "../../system/index.ts";
import type { Step } from "../climb.ts";
import type { GatewayContext } from "../context.ts";

/**
 * Keeps the service manager patient, from before the first step of the boot until after the last one down. All of it comes from the event
 * loop, so a frozen gateway falls silent and the manager acts.
 */
export function pulseStep(context: GatewayContext): Step {
  const { life, manager } = context;
  const { clock } = context.options.system;
  return {
    name: "manager",
    downMs: 100,
    up: () => {
      if (!manager.listens) return undefined;
      const everyMs = Math.min(budgets.extendEveryMs, (manager.watchdogMs ?? Number.POSITIVE_INFINITY) / 2);
      let stoppingSinceMs: number | null = null;
      let timer: Timer | null = null;
      let down = false;
      function beat(): void {
        if (down) return;
        timer?.cancel();
        timer = clock.after(everyMs, beat, { unref: true });
        if (manager.watchdogMs !== null) manager.alive();
        if (life.phase === "starting") manager.moreTime(budgets.extendByMs);
        // Beyond its own deadline nothing is worth waiting for.
        if (stoppingSinceMs !== null && clock.monotonicMs() - stoppingSinceMs < context.stopPlan.deadlineMs)
          manager.moreTime(budgets.extendByMs);
      }
      life.stopping.addEventListener(
        "abort",
        () => {
          stoppingSinceMs = clock.monotonicMs();
          manager.stopping(`stopping: ${life.cause?.reason ?? "unknown"}`);
          beat();
        },
        { once: true },
      );
      beat();
      return () => {
        down = true;
        timer?.cancel();
      };
    },
  };
}

/** Fits the drain into what the service manager allows a stop, and says so where it does not fit (hermes F15 to F17, F21). After the claim. */
export function stopPlanStep(context: GatewayContext): Step {
  const { manager, options } = context;
  return {
    name: "stop plan",
    downMs: 100,
    up: async () => {
      const drainMs = context.config.gateway.drain_timeout_seconds * 1000;
      const found = await manager.stopAlignment(drainMs);
      const managerMs = found === null ? null : found.timeout_stop_sec * 1000;
      const plan = planStop({ drainMs, managerMs, canExtend: manager.listens });
      context.stopPlan = plan;
      if (found === null) return undefined;
      const { manager: whose, ...alignment } = found;
      if (!alignment.mismatch) options.log.debug({ ...alignment }, "the service manager allows the time a stop needs");
      else {
        const ours = alignment.unit.startsWith("herma-gateway");
        options.log.warn({ ...alignment, drain_in_force: plan.drainMs / 1000 }, stopWarning(alignment, plan, { manager: whose, ours }));
      }
      // Whoever takes over waits as long as it says.
      if (plan.drainMs !== drainMs) await context.claim.update({ drain_timeout_s: plan.drainMs / 1000 });
      return undefined;
    },
  };
}
