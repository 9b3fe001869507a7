import { homePaths } from "../../contract/index.ts";
import type { Step } from "../climb.ts";
import type { GatewayContext } from "../context.ts";

const beatMs = 1_000;
const reportMs = 10_000;
/** Longer than anything that is meant to happen in one turn of the loop. */
const standstillMs = 5_000;
const bugExit = 70;
/** The thread takes time from the boot when it starts at once, and a boot that hangs is the service manager's to end. */
const startAfterMs = 500;

/**
 * A thread that sees when the event loop stands still: then no timer, no signal and no heartbeat works. It writes that down while it lasts, and
 * past `gateway.frozen_loop_seconds` it ends the gateway with its stack in the diary. Down before the claim, which says the last words of all other ends.
 */
export function loopStep(context: GatewayContext): Step {
  return {
    name: "loop",
    downMs: 1_000,
    up: () => {
      const { system, log } = context.options;
      const timer = system.clock.after(
        startAfterMs,
        () => {
          context.loopWatch = system.loop.watch(planOf(context), (error) =>
            log.warn({ problem: String(error) }, "nothing watches the event loop: a freeze will go unnoticed"),
          );
        },
        { unref: true },
      );
      return async () => {
        timer.cancel();
        await context.loopWatch?.stop();
        context.loopWatch = null;
      };
    },
  };
}

function planOf(context: GatewayContext): Parameters<GatewayContext["options"]["system"]["loop"]["watch"]>[0] {
  const { claim, config, options } = context;
  const paths = homePaths(options.home);
  const endSeconds = config.gateway.frozen_loop_seconds;
  const facts = { instance_id: claim.instanceId, pid: claim.identity.pid, boot_id: claim.identity.boot_id };
  return {
    beatMs,
    reportPath: paths.loopReport,
    reportMs,
    standstillMs,
    endMs: endSeconds === 0 ? null : endSeconds * 1000,
    facts: { ...facts, started_at: claim.startedAt },
    end: {
      exitCode: bugExit,
      diaryPath: paths.exitDiary,
      entry: {
        format: 1,
        event: "exit",
        ...facts,
        version: options.version,
        reason: "frozen_loop",
        exit_code: bugExit,
        signal: null,
        forced: true,
        context: null,
      },
      statePath: paths.gatewayState,
      change: { phase: "stopped", gateway_state: "stopped", drain_reason: null, active_agents: 0, address: null },
    },
  };
}
