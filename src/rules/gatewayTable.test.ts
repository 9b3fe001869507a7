import { expect, test } from "vitest";
import { GatewayPhase, GatewayWord } from "../contract/index.ts";
import { type GatewayEvent, gatewayTable, gatewayWord } from "./gatewayTable.ts";
import { step } from "./table.ts";

const phases = GatewayPhase.options;
const events: readonly GatewayEvent[] = ["ready", "failed", "degraded", "mended", "drainAsked", "drainCancelled", "stopAsked", "stopped"];

function reachable(from: GatewayPhase): Set<GatewayPhase> {
  const found = new Set<GatewayPhase>();
  const open: GatewayPhase[] = [from];
  for (let phase = open.pop(); phase !== undefined; phase = open.pop()) {
    for (const event of events) {
      const outcome = step(gatewayTable, phase, event);
      if (outcome.kind !== "move" || found.has(outcome.to)) continue;
      found.add(outcome.to);
      open.push(outcome.to);
    }
  }
  return found;
}

test("every phase says what every event does, and every reason is a sentence", () => {
  for (const phase of phases) {
    expect(Object.keys(gatewayTable[phase]).sort()).toEqual([...events].sort());
    for (const event of events) {
      const outcome = step(gatewayTable, phase, event);
      if (outcome.kind === "ignore") expect(outcome.reason, `${phase} ${event}`).toMatch(/^\w.{6,}/);
    }
  }
});

test("every phase can be reached from the start, and the ends lead nowhere", () => {
  expect([...reachable("starting")].sort()).toEqual(phases.filter((phase) => phase !== "starting").sort());
  expect(reachable("stopped").size).toBe(0);
  expect(reachable("startup_failed").size).toBe(0);
});

test("shutdown wins: from stopping there is only the end", () => {
  expect([...reachable("stopping")]).toEqual(["stopped"]);
  for (const phase of ["starting", "running", "degraded", "draining"] as const) {
    expect(step(gatewayTable, phase, "stopAsked")).toEqual({ kind: "move", to: "stopping" });
  }
});

test("whatever happens after a signal, the gateway is never told to run again", () => {
  for (const event of events) {
    const outcome = step(gatewayTable, "stopping", event);
    expect(outcome.kind === "move" ? outcome.to : "stopping", event).toMatch(/^stopp/);
  }
});

test("[compat 23] the file has only words that the original's readers know", () => {
  for (const phase of phases) expect(GatewayWord.options).toContain(gatewayWord(phase));
  expect(gatewayWord("stopping")).toBe("draining");
  for (const phase of phases.filter((phase) => phase !== "stopping")) expect(gatewayWord(phase)).toBe(phase);
});
