import type { GatewayPhase, GatewayStatusPayload, HealthPayload, StatusPayload } from "../contract/index.ts";
import { GatewayPhase as GatewayPhaseSchema, timestampOf } from "../contract/index.ts";
import { type HeartbeatSeen, lookAtHeartbeat } from "../lifecycle/index.ts";
import type { Registry } from "../processes/index.ts";
import { activeAgentsIn, type HeartbeatVerdict, judgeHeartbeat, safeDetails } from "../rules/index.ts";
import type { System } from "../system/index.ts";

export type HealthSource = {
  readonly home: string;
  readonly system: Pick<System, "clock" | "files" | "locks" | "processes">;
  /** Of the program that answers. */
  readonly version: string;
  readonly registry: Pick<Registry, "list">;
};

/** One look at a home, from which every answer can be made. */
export type Looked = { readonly seen: HeartbeatSeen; readonly verdict: HeartbeatVerdict };

export function lookAt({ home, system }: HealthSource): Looked {
  const seen = lookAtHeartbeat(home, system);
  return { seen, verdict: judgeHeartbeat({ owner: seen.owner, state: seen.state, answers: null }) };
}

const stateWords = new Map<boolean | null, HealthPayload["details"]["state"]>([
  [true, "alive"],
  [false, "down"],
  [null, "unknown"],
]);

/** The heartbeat as web UIs ask for it. Never throws: what kept us from looking is itself an answer (hermes H7). */
export function healthOf(source: HealthSource, looked?: Looked): HealthPayload {
  const checkedAt = timestampOf(source.system.clock.wallMs());
  try {
    const { seen, verdict } = looked ?? lookAt(source);
    const state = stateWords.get(verdict.alive) ?? "unknown";
    const { state: its } = seen;
    return {
      alive: verdict.alive,
      checked_at: checkedAt,
      // Where no gateway was ever set up, that is all there is to tell (hermes H16).
      details: {
        state,
        ...(verdict.reason === null ? {} : { reason: verdict.reason }),
        ...(verdict.reason === "gateway_not_configured" || seen.record === null ? {} : safeDetails(seen.record)),
      },
      age_s: its.kind === "state" && its.ageS !== null ? Math.round(its.ageS * 10) / 10 : null,
      interval_s: its.kind === "state" ? its.intervalS : null,
      evidence: verdict.evidence,
    };
  } catch (error) {
    return {
      alive: null,
      checked_at: checkedAt,
      details: { state: "unknown", reason: "gateway_status_unavailable", error: error instanceof Error ? error.name : "Error" },
      age_s: null,
      interval_s: null,
      evidence: "none",
    };
  }
}

/** What the original's dashboard shows of a gateway. That it lives is decided by evidence; the file is believed only after that. */
export function statusOf(source: HealthSource, looked: Looked = lookAt(source)): StatusPayload {
  const { seen, verdict } = looked;
  const record = seen.record ?? {};
  const text = (key: string) => (typeof record[key] === "string" ? (record[key] as string) : null);
  const running = verdict.alive === true;
  const word = text("gateway_state");
  const active = running ? (activeAgentsIn(record.active_agents) ?? 0) : 0;
  const drainable = running && word === "running";
  const desired = text("desired_state");
  return {
    version: source.version,
    hermes_home: source.home,
    active_sessions: active,
    can_update_hermes: false,
    gateway_running: running,
    gateway_pid: running ? seen.pid : null,
    gateway_state: word,
    active_agents: active,
    gateway_busy: drainable && active > 0,
    gateway_drainable: drainable,
    alive: verdict.alive,
    gateway_phase: phaseIn(record.phase),
    drain_reason: running ? text("drain_reason") : null,
    gateway_version: text("version"),
    gateway_address: running ? text("address") : null,
    started_at: text("started_at"),
    updated_at: text("updated_at"),
    exit_reason: running ? null : text("exit_reason"),
    desired_state: desired === "running" || desired === "stopped" ? desired : null,
    restart_loop: running && record.restart_loop === true,
    processes_live: counted(() => source.registry.list().length),
  };
}

/** What the original's web UI shows of channels: their names stand in the state file, also while the gateway is down. */
export function gatewayStatusOf(source: HealthSource): GatewayStatusPayload {
  const { seen, verdict } = lookAt(source);
  const platforms = seen.record?.platforms;
  const names = typeof platforms === "object" && platforms !== null && !Array.isArray(platforms) ? Object.keys(platforms) : [];
  const named = names.filter((name) => name.trim() !== "").map((name) => ({ name }));
  const running = verdict.alive ?? named.length > 0;
  const updatedAt = seen.record?.updated_at;
  return {
    running,
    configured: verdict.alive !== null || named.length > 0,
    platforms: named,
    session_count: 0,
    last_active: running && typeof updatedAt === "string" ? updatedAt : "",
  };
}

function phaseIn(value: unknown): GatewayPhase | null {
  const parsed = GatewayPhaseSchema.safeParse(value);
  return parsed.success ? parsed.data : null;
}

function counted(count: () => number): number | null {
  try {
    return count();
  } catch {
    return null;
  }
}
