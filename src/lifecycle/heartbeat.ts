import { type GatewayRecord, homePaths } from "../contract/index.ts";
import { type OwnerSeen, type StateSeen, zonedMomentMs } from "../rules/index.ts";
import type { System } from "../system/index.ts";
import { loopReport } from "./autopsy.ts";
import { readGatewayRecord, readGatewayState, recordLiveness } from "./records.ts";

type HeartbeatSystem = Pick<System, "clock" | "files" | "locks" | "processes">;

/** What a home tells of its gateway, as evidence and as it stands. */
export type HeartbeatSeen = {
  readonly owner: OwnerSeen;
  readonly state: StateSeen;
  /** `gateway_state.json` as it stands; null when it is absent or noise. */
  readonly record: Readonly<Record<string, unknown>> | null;
  /** Of the gateway, or of the last one; null when nothing tells. Meant for its owner alone. */
  readonly pid: number | null;
};

/**
 * Looks at a home as a stranger does: no lock is taken, nothing is written, no program is run, and nothing that stands in a file makes it throw
 * (hermes H9, H10, H19). It tells the same from another container that shares only the home.
 */
export function lookAtHeartbeat(home: string, system: HeartbeatSystem): HeartbeatSeen {
  const { files, locks, processes } = system;
  const paths = homePaths(home);
  const state = readGatewayState(files, home);
  const record =
    readGatewayRecord(files, paths.gatewayPid) ??
    readGatewayRecord(files, paths.hermaLock) ??
    readGatewayRecord(files, paths.gatewayLock) ??
    null;
  const herma = locks.look(paths.hermaLock);
  // Gateways of Hermes hold only gateway.lock.
  const held = herma.held === true ? herma : locks.look(paths.gatewayLock);
  const owner = held.held === true ? "alive" : ownerOf(processes, record);
  return {
    owner,
    state: stateSeen(system, home, state),
    record: state,
    pid: (held.held === true ? held.pid : null) ?? record?.pid ?? null,
  };
}

/** What a record proves where no lock is seen. A pid of another pid namespace or another boot proves nothing here. */
function ownerOf(processes: HeartbeatSystem["processes"], record: GatewayRecord | null): OwnerSeen {
  if (record === null) return "unseen";
  if (record.boot_id !== undefined && record.boot_id !== processes.bootId()) return "unseen";
  const ours = record.pid_namespace !== undefined && record.pid_namespace === processes.pidNamespace();
  const liveness = recordLiveness(processes, record);
  if (ours) return liveness === "same" ? "alive" : liveness === "gone" ? "gone" : "unseen";
  // Hermes does not record its pid namespace: a program with that pid and start time is the gateway, but a missing one proves nothing.
  return record.pid_namespace === undefined && liveness === "same" ? "alive" : "unseen";
}

function stateSeen({ clock, files, processes }: HeartbeatSystem, home: string, state: Readonly<Record<string, unknown>> | null): StateSeen {
  if (state === null) return { kind: exists(files, homePaths(home).gatewayState) ? "unreadable" : "absent" };
  const writtenMs = zonedMomentMs(state.updated_at);
  const intervalS = state.interval_s;
  return {
    kind: "state",
    word: typeof state.gateway_state === "string" ? state.gateway_state : "",
    ageS: writtenMs === null ? null : (clock.wallMs() - writtenMs) / 1000,
    intervalS: typeof intervalS === "number" && Number.isFinite(intervalS) && intervalS > 0 ? intervalS : null,
    frozen: saysFrozen(files, home, state),
    otherBoot: typeof state.boot_id === "string" && state.boot_id !== processes.bootId(),
    stopWanted: state.desired_state === "stopped" ? true : state.desired_state === "running" ? false : null,
  };
}

/** By the last word of its thread, which writes at once when the loop turns again. */
function saysFrozen(files: HeartbeatSystem["files"], home: string, state: Readonly<Record<string, unknown>>): boolean {
  const instance = typeof state.instance_id === "string" ? state.instance_id : null;
  return instance !== null && loopReport({ files }, home, { instance_id: instance })?.loop === "frozen";
}

/** True also for what is there and may not be looked at. */
function exists(files: HeartbeatSystem["files"], path: string): boolean {
  try {
    return files.stat(path) !== null;
  } catch {
    return true;
  }
}
