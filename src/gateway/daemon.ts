import { HermaError, isHermaError } from "../contract/index.ts";
import type { ScopedLocks } from "../lifecycle/index.ts";
import { claimedFloors, governedFloors } from "./boot.ts";
import type { Down, Step } from "./climb.ts";
import type { GatewayContext } from "./context.ts";
import type { RunOptions } from "./options.ts";
import { GatewayRun } from "./run.ts";
import { workStep } from "./steps/drain.ts";
import type { GatewayEnd, GatewayStatus, Log, Orders } from "./types.ts";
import type { Work } from "./work.ts";

/** How long a daemon's own end may take before it is gone on without, in milliseconds, unless it says otherwise. */
const ownEndMs = 10_000;

/** What a daemon is given to live with. */
export type Daemon = {
  readonly log: Log;
  /** Whatever it does for somebody is counted here: refused while it drains, waited for when it stops. */
  readonly work: Work;
  /** Aborted as soon as it begins to stop. */
  readonly stopping: AbortSignal;
  /** Orders from inside: `orders.give("restart", {}, "control", "me")`. */
  readonly orders: Orders;
  /** Locks on what one daemon of a user may use, such as a bot; null where there is no place for them. */
  readonly identities: ScopedLocks | null;
  status(): GatewayStatus;
};

export type DaemonRunOptions = Omit<RunOptions, "openRegistry" | "listen" | "host" | "port" | "onReady"> & {
  /** Brings up what the daemon is; returns its way down, if it has one. It runs under the lock: nobody else does the same for this home. */
  readonly start: (daemon: Daemon) => Promise<Down | undefined> | Down | undefined;
  /** Milliseconds its way down may take; default 10,000. */
  readonly endMs?: number;
};

/**
 * Lives as a gateway does, without being one: one per home, drained, stopped, restarted and taken over by the same commands and files, with
 * the same last words and the same look at how the one before ended. Resolves with the exit code the program should end with; throws what kept it
 * from starting, as `runGateway` does.
 */
export async function runDaemon(options: DaemonRunOptions): Promise<GatewayEnd> {
  const run = { ...options, openRegistry: () => notOurs("processes"), listen: () => notOurs("listening") };
  return await new GatewayRun(run, (context) => daemonSteps(context, options)).untilEnd();
}

/** The floors of a gateway without what makes it one. */
function daemonSteps(context: GatewayContext, options: DaemonRunOptions): Step[] {
  return [...claimedFloors(context), ...governedFloors(context), startStep(context, options), workStep(context)];
}

function startStep(context: GatewayContext, { start, endMs = ownEndMs }: DaemonRunOptions): Step {
  return {
    name: "daemon",
    downMs: endMs,
    up: async () => {
      try {
        return await start({
          log: context.options.log,
          work: context.work,
          stopping: context.life.stopping,
          orders: context.orders,
          identities: context.scopedLocks,
          status: () => context.status(),
        });
      } catch (error) {
        if (isHermaError(error)) throw error;
        // Its owner is promised one of the catalogue, whatever the daemon throws.
        throw new HermaError("GATEWAY_START_FAILED", error instanceof Error ? error.message : String(error), { cause: error });
      }
    },
  };
}

function notOurs(what: string): never {
  throw new HermaError("INTERNAL", `a daemon of its own kind has no ${what} of a gateway`);
}
