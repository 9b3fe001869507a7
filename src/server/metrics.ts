import { collectDefaultMetrics, Gauge, Registry as MetricSet } from "prom-client";
import { Cause, GatewayPhase, Phase, type ProcessView } from "../contract/index.ts";
import type { Registry } from "../processes/index.ts";
import { type HealthSource, healthOf, lookAt, statusOf } from "./health.ts";

export type MetricsSource = HealthSource & { readonly registry: Pick<Registry, "list" | "keeper"> };
export type Metrics = { read(): Promise<{ readonly text: string; readonly contentType: string }> };

const keeperStates = ["running", "silent", "gone"] as const;

/** Numbers for Prometheus, looked up at each scrape; beside ours the usual ones of a Node program (loop lag, memory, garbage collection). */
export function openMetrics(source: MetricsSource, program: "gateway" | "dashboard"): Metrics {
  const set = new MetricSet();
  collectDefaultMetrics({ register: set });
  const gauge = (name: string, help: string, labelNames: string[] = []) => new Gauge({ name, help, labelNames, registers: [set] });
  gauge("herma_build_info", "1; the labels tell who answers.", ["version", "program"]).set({ version: source.version, program }, 1);
  const fillers = [
    gatewayNumbers(source, gauge),
    processNumbers(() => source.registry.list({ all: true }), gauge),
    keeperNumbers(source, gauge),
  ];
  return {
    read: async () => {
      for (const fill of fillers) await fill();
      return { text: await set.metrics(), contentType: set.contentType };
    },
  };
}

type MakeGauge = (name: string, help: string, labelNames?: string[]) => Gauge;

function gatewayNumbers(source: HealthSource, gauge: MakeGauge): () => void {
  const alive = gauge("herma_gateway_alive", "1: the gateway of the home lives; 0: it does not; NaN: that cannot be told.");
  const age = gauge("herma_gateway_heartbeat_age_seconds", "Seconds since its state was written; NaN without one.");
  const interval = gauge("herma_gateway_heartbeat_interval_seconds", "Seconds between the heartbeats it promises; NaN without one.");
  const active = gauge("herma_gateway_active", "Turns, calls and delegations that run now.");
  const phases = gauge("herma_gateway_phase", "1 for the phase of a living gateway, 0 for the others.", ["phase"]);
  return () => {
    const looked = lookAt(source);
    const health = healthOf(source, looked);
    const status = statusOf(source, looked);
    alive.set(health.alive === null ? Number.NaN : Number(health.alive));
    age.set(health.age_s ?? Number.NaN);
    interval.set(health.interval_s ?? Number.NaN);
    active.set(status.active_agents);
    for (const phase of GatewayPhase.options) phases.set({ phase }, Number(status.gateway_running && status.gateway_phase === phase));
  };
}

function processNumbers(list: () => readonly ProcessView[], gauge: MakeGauge): () => void {
  const byPhase = gauge("herma_processes", "Processes that are kept, by phase.", ["phase"]);
  const byCause = gauge("herma_processes_ended", "Ended processes that are kept, by how they ended.", ["cause"]);
  const paused = gauge("herma_processes_paused", "Live processes that wait because their output is full.");
  const kept = gauge("herma_output_kept_bytes", "Bytes of output on disk.");
  const dropped = gauge("herma_output_dropped_bytes", "Bytes of output of kept processes that are no longer there, by retention or loss.");
  return () => {
    const all = list();
    for (const phase of Phase.options) byPhase.set({ phase }, all.filter((each) => each.phase === phase).length);
    for (const cause of Cause.options) byCause.set({ cause }, all.filter((each) => each.exit?.cause === cause).length);
    paused.set(all.filter((each) => each.paused).length);
    kept.set(all.reduce((sum, each) => sum + each.output.kept_bytes, 0));
    dropped.set(all.reduce((sum, each) => sum + each.output.dropped_bytes, 0));
  };
}

function keeperNumbers(source: MetricsSource, gauge: MakeGauge): () => Promise<void> {
  const keepers = gauge("herma_keepers", "Keepers of the home, by whether they answer.", ["state"]);
  const held = gauge("herma_keeper_held", "Processes that the answering keepers hold.");
  return async () => {
    const all = await source.registry.keeper.status();
    for (const state of keeperStates) keepers.set({ state }, all.filter((each) => each.state === state).length);
    held.set(all.reduce((sum, each) => sum + (each.held ?? 0), 0));
  };
}
