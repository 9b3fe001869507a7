import fc from "fast-check";
import { expect, test } from "vitest";
import { defaultConfig } from "../contract/index.ts";
import { alignStop, budgets, managerStopMs, planStop, stopWarning } from "./budgets.ts";

test("[peer 27] the times of a stop stand in their order: drain, own deadline, manager", () => {
  const plan = planStop({ drainMs: budgets.drainMs, managerMs: managerStopMs(budgets.drainMs), canExtend: false });
  expect(plan).toEqual({ kind: "fits", drainMs: 60_000, deadlineMs: 80_000 });
  expect(managerStopMs(budgets.drainMs)).toBe(90_000);
  expect(budgets.frozenLoopMs).toBeLessThan(budgets.managerWatchdogMs);
  expect(budgets.extendEveryMs * 2).toBeLessThan(budgets.extendByMs);
});

const ms = fc.integer({ min: 1, max: 10_000_000 });

test("[F15] whatever a manager allows that cannot be asked for more, drain < deadline < its timeout", () => {
  fc.assert(
    fc.property(ms, ms, (drainMs, managerMs) => {
      const plan = planStop({ drainMs, managerMs, canExtend: false });
      expect(plan.drainMs).toBeLessThan(plan.deadlineMs);
      expect(plan.deadlineMs).toBeLessThan(managerMs);
      expect(plan.drainMs).toBeLessThanOrEqual(drainMs);
      expect(plan.kind === "fits").toBe(
        plan.drainMs === drainMs && plan.deadlineMs === drainMs + budgets.shutdownMs && managerMs >= drainMs + 30_000,
      );
    }),
  );
});

test("the setting's default is the table's", () => {
  expect(defaultConfig().gateway.drain_timeout_seconds * 1000).toBe(budgets.drainMs);
});

test("[F15] a unit made from the table always fits", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10_000_000 }), (drainMs) => {
      expect(planStop({ drainMs, managerMs: managerStopMs(drainMs), canExtend: false }).kind).toBe("fits");
      expect(managerStopMs(drainMs)).toBeGreaterThanOrEqual(60_000);
    }),
  );
});

test("[F15] who can ask for more time keeps the drain", () => {
  expect(planStop({ drainMs: 600_000, managerMs: 90_000, canExtend: true })).toEqual({
    kind: "extended",
    drainMs: 600_000,
    deadlineMs: 620_000,
  });
});

test("[F15] no limit, and a limit nobody tells, change nothing", () => {
  for (const managerMs of [null, Infinity])
    expect(planStop({ drainMs: 60_000, managerMs, canExtend: false })).toEqual({ kind: "fits", drainMs: 60_000, deadlineMs: 80_000 });
});

test("[F17] the comparison names unit, times and verdict", () => {
  expect(alignStop("herma-gateway.service", 210_000, 180_000)).toEqual({
    unit: "herma-gateway.service",
    timeout_stop_sec: 210,
    drain_timeout: 180,
    expected_min: 210,
    mismatch: false,
  });
  expect(alignStop("herma-gateway.service", 209_999, 180_000).mismatch).toBe(true);
});

test("[F21] the warning names unit, value, need and the command that mends it", () => {
  const alignment = alignStop("herma-gateway.service", 45_000, 60_000);
  const clipped = planStop({ drainMs: 60_000, managerMs: 45_000, canExtend: false });
  expect(stopWarning(alignment, clipped, { manager: "user", ours: true })).toBe(
    "herma-gateway.service allows 45s to stop, a drain of 1m 0s needs 1m 30s; the drain is cut to 15s, so that nothing is killed in the middle. `herma gateway install` mends the unit.",
  );
  const extended = planStop({ drainMs: 60_000, managerMs: 45_000, canExtend: true });
  expect(stopWarning({ ...alignment, unit: "app.service" }, extended, { manager: "system", ours: false })).toBe(
    "app.service allows 45s to stop, a drain of 1m 0s needs 1m 30s; it will be asked for more time when it is needed. `systemctl edit app.service` mends it, with TimeoutStopSec=90 under [Service].",
  );
});
