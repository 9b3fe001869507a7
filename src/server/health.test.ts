import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryFolder } from "../../test/setup/folders.ts";
import { GatewayStatusPayload, HealthPayload, StatusPayload, timestampOf } from "../contract/index.ts";
import type { Registry } from "../processes/index.ts";
import { nodeSystem } from "../system/index.ts";
import { gatewayStatusOf, type HealthSource, healthOf, statusOf } from "./health.ts";

const system = nodeSystem();

function source(home: string, more: Partial<HealthSource> = {}): HealthSource {
  return { home, system, version: "9.9.9", registry: { list: () => [] } as unknown as Pick<Registry, "list">, ...more };
}
function put(home: string, more: object): void {
  const now = timestampOf(system.clock.wallMs());
  writeFileSync(join(home, "gateway_state.json"), JSON.stringify({ gateway_state: "running", updated_at: now, ...more }));
}

test("[H7] what keeps us from looking is itself an answer", () => {
  const broken = {
    ...system,
    locks: {
      ...system.locks,
      look: () => {
        throw new TypeError("broken /with/a/path");
      },
    },
  };
  const health = HealthPayload.parse(healthOf(source("/nonexistent", { system: broken })));
  expect(health).toMatchObject({ alive: null, evidence: "none" });
  expect(health.details).toEqual({ state: "unknown", reason: "gateway_status_unavailable", error: "TypeError" });
});

test("[H17] [H18] [defect 6.5.5] the verdict comes with its age and evidence, and with nothing of the file that is not safe", () => {
  const home = temporaryFolder();
  put(home, {
    pid: 4242,
    argv: ["--token=planted"],
    command_line: ["/planted"],
    address: "http://planted",
    interval_s: 30,
    platforms: { x: { state: "connected" } },
  });
  const health = HealthPayload.parse(healthOf(source(home)));
  expect(health).toMatchObject({ alive: true, interval_s: 30, evidence: "heartbeat" });
  expect(health.age_s).toBeLessThan(60);
  expect(health.details).toMatchObject({ platform_count: 1, platform_states: { connected: 1 }, active_agents: 0 });
  expect(JSON.stringify(health)).not.toMatch(/planted|4242/);
});

test("[compat 28] busy and drainable follow from life first, then the state; a count that fails is not known", () => {
  const home = temporaryFolder();
  const status = (more: object, at: Partial<HealthSource> = {}) => {
    put(home, more);
    return StatusPayload.parse(statusOf(source(home, at)));
  };
  expect(status({ active_agents: 2 })).toMatchObject({ gateway_busy: true, gateway_drainable: true, active_agents: 2 });
  expect(status({ active_agents: 0 })).toMatchObject({ gateway_busy: false, gateway_drainable: true });
  expect(status({ active_agents: "junk" })).toMatchObject({ gateway_busy: false, active_agents: 0 });
  expect(status({ active_agents: 2, gateway_state: "draining" })).toMatchObject({ gateway_busy: false, gateway_drainable: false });
  // Not known to live: what it says of itself is history.
  expect(status({ active_agents: 2, updated_at: "2020-01-01T00:00:00+00:00" })).toMatchObject({
    gateway_running: false,
    gateway_busy: false,
    active_agents: 0,
    alive: null,
  });
  const list = () => {
    throw new Error("no processes folder");
  };
  expect(status({}, { registry: { list } as unknown as Pick<Registry, "list"> })).toMatchObject({
    processes_live: null,
    gateway_running: true,
  });
  expect(status({ restart_loop: true })).toMatchObject({ restart_loop: true });
  expect(status({ restart_loop: true, gateway_state: "stopped" })).toMatchObject({ restart_loop: false });
  put(home, { gateway_state: 7, platforms: [], phase: "odd", desired_state: "odd" });
  expect(StatusPayload.parse(statusOf(source(home)))).toMatchObject({ gateway_state: null, gateway_phase: null, desired_state: null });
});

test("[compat 28] channels are told by name also while their gateway is not seen; blank names are none", () => {
  const home = temporaryFolder();
  const told = () => GatewayStatusPayload.parse(gatewayStatusOf(source(home)));
  expect(told()).toEqual({ running: false, configured: false, platforms: [], session_count: 0, last_active: "" });
  put(home, { platforms: { telegram: { state: "connected" }, " ": {} } });
  expect(told()).toMatchObject({ running: true, configured: true, platforms: [{ name: "telegram" }] });
  expect(told().last_active).not.toBe("");
  put(home, { platforms: { telegram: {} }, gateway_state: "stopped" });
  expect(told()).toMatchObject({ running: false, configured: true, platforms: [{ name: "telegram" }], last_active: "" });
  put(home, { platforms: { telegram: {} }, updated_at: "2020-01-01T00:00:00+00:00" });
  expect(told()).toMatchObject({ running: true, configured: true });
});
