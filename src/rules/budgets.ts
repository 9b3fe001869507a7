import { formatDuration } from "./quantities.ts";

/**
 * How long the end of a gateway may take, in one table, because the three times below must never change places:
 *
 *     drain  <  the gateway's own deadline  <  the service manager's stop timeout
 *
 * In this order, whatever runs out of time can still say why. In another order it would be killed in the middle of a write.
 */
export const budgets = {
  /** Milliseconds that running turns are given to finish; `gateway.drain_timeout_seconds` sets another. */
  drainMs: 60_000,
  /** From the end of the drain until everything is down: connections, sessions, channels, keepers, store, locks. Then the gateway ends itself. */
  shutdownMs: 20_000,
  /** What the service manager allows beyond that, so that a gateway that ends itself still can say so. */
  managerMs: 10_000,
  /** No service manager is asked for a shorter stop timeout than this. */
  managerStopMsMin: 60_000,
  /** From the start to readiness; as long as its loop lives, a booting or waiting gateway asks for more. */
  managerStartMs: 90_000,
  /** An event loop that has not turned for so long is frozen: the gateway's own observer ends it, with a reason. */
  frozenLoopMs: 45_000,
  /** The service manager's watchdog. It comes after our own, because it can only kill. */
  managerWatchdogMs: 60_000,
  /** How much longer each request for more time asks for. */
  extendByMs: 30_000,
  /** How often more time is asked for while it is needed. */
  extendEveryMs: 5_000,
  /** A takeover waits so long for a predecessor whose state file names no drain (a Hermes). */
  takeoverWaitMs: 210_000,
  /** A Hermes that takes over kills after 10 s, so our drain ends before. */
  hermesTakeoverDrainMs: 8_000,
} as const;

/** Milliseconds the service manager must allow a stop with this drain (hermes F17: the drain and 30 s). */
export function managerStopMs(drainMs: number): number {
  return Math.max(budgets.managerStopMsMin, drainMs + budgets.shutdownMs + budgets.managerMs);
}

/** What a gateway does about the time its service manager allows. */
export type StopPlan = {
  /** `fits`: as wished. `extended`: the manager allows less and will be asked for more in time. `clipped`: it allows less and cannot be asked. */
  readonly kind: "fits" | "extended" | "clipped";
  /** The drain in force, milliseconds. */
  readonly drainMs: number;
  /** From the wish to stop, when the gateway ends itself, milliseconds. */
  readonly deadlineMs: number;
};

/**
 * Fits a drain into the stop timeout of a service manager (`Infinity`: none; null: not known, taken as none). Always: drain ≤ deadline, and both
 * stay below what the manager allows, unless it can be asked for more.
 */
export function planStop(wish: { readonly drainMs: number; readonly managerMs: number | null; readonly canExtend: boolean }): StopPlan {
  const { drainMs, managerMs, canExtend } = wish;
  const wished = { drainMs, deadlineMs: drainMs + budgets.shutdownMs };
  // The floor is for units that we write; the unit that is there only has to allow enough.
  if (managerMs === null || managerMs >= wished.deadlineMs + budgets.managerMs) return { kind: "fits", ...wished };
  if (canExtend) return { kind: "extended", ...wished };
  const reserveMs = budgets.shutdownMs + budgets.managerMs;
  if (managerMs >= reserveMs) return { kind: "clipped", drainMs: managerMs - reserveMs, deadlineMs: managerMs - budgets.managerMs };
  // Less than the reserves alone: there is no drain, and the time is divided in proportion to the reserves.
  return { kind: "clipped", drainMs: 0, deadlineMs: (managerMs * budgets.shutdownMs) / reserveMs };
}

/** A unit's stop timeout beside what the drain needs (hermes F17). Seconds. */
export type StopAlignment = {
  readonly unit: string;
  readonly timeout_stop_sec: number;
  readonly drain_timeout: number;
  readonly expected_min: number;
  readonly mismatch: boolean;
};

export function alignStop(unit: string, timeoutMs: number, drainMs: number): StopAlignment {
  const expectedMs = drainMs + budgets.shutdownMs + budgets.managerMs;
  return {
    unit,
    timeout_stop_sec: timeoutMs / 1000,
    drain_timeout: drainMs / 1000,
    expected_min: expectedMs / 1000,
    mismatch: timeoutMs < expectedMs,
  };
}

/** The sentence for a unit that allows too little: which unit, what it allows, what is needed, what is done about it, and how to mend it (F21). */
export function stopWarning(
  alignment: StopAlignment,
  plan: StopPlan,
  unit: { readonly manager: "user" | "system"; readonly ours: boolean },
): string {
  const allowed = formatDuration(alignment.timeout_stop_sec * 1000);
  const drain = formatDuration(alignment.drain_timeout * 1000);
  const needed = formatDuration(alignment.expected_min * 1000);
  const done =
    plan.kind === "extended"
      ? "it will be asked for more time when it is needed"
      : `the drain is cut to ${formatDuration(plan.drainMs)}, so that nothing is killed in the middle`;
  return `${alignment.unit} allows ${allowed} to stop, a drain of ${drain} needs ${needed}; ${done}. ${mending(alignment, unit)}`;
}

function mending(alignment: StopAlignment, { manager, ours }: { readonly manager: "user" | "system"; readonly ours: boolean }): string {
  if (ours) return `\`herma gateway install${manager === "system" ? " --system" : ""}\` mends the unit.`;
  const systemctl = manager === "system" ? "systemctl" : "systemctl --user";
  return `\`${systemctl} edit ${alignment.unit}\` mends it, with TimeoutStopSec=${Math.ceil(alignment.expected_min)} under [Service].`;
}
