import { type GatewayRecord, homePaths, type Identity } from "../contract/index.ts";
import { budgets } from "../rules/index.ts";
import type { LockView, System } from "../system/index.ts";
import { readGatewayRecord, readGatewayState, recordLiveness } from "./records.ts";

/** A gateway whose identity is proven, so that it may be signalled. */
export type ProvenGateway = {
  readonly identity: Identity;
  /** Null for a Hermes, which has none. */
  readonly instanceId: string | null;
  readonly program: "herma" | "hermes";
  /** Milliseconds from the wish that it ends until it has ended, by its own account. */
  readonly endsWithinMs: number;
};
export type FoundGateway =
  | { readonly kind: "none" }
  | ({ readonly kind: "proven" } & ProvenGateway)
  /** One runs, or may run, but no process of this machine can be proven to be it: it may live in another container. */
  | { readonly kind: "unproven"; readonly pid: number | null };

type TargetSystem = Pick<System, "files" | "locks" | "processes">;

/**
 * The gateway of a home: the locks tell whether there is one, the records who it is, and the process table whether that is still the same
 * process (hermes S8). Takes nothing, changes nothing, never throws.
 */
export function findGateway(system: TargetSystem, home: string): FoundGateway {
  const paths = homePaths(home);
  const records = [paths.hermaLock, paths.gatewayLock, paths.gatewayPid].map((path) => readGatewayRecord(system.files, path));
  let unproven: { readonly pid: number | null } | null = null;
  for (const path of [paths.hermaLock, paths.gatewayLock]) {
    const lock = lookAt(system, path);
    if (lock.held === false) continue;
    const holder = lock.held === true ? lock.pid : null;
    const record = records.find((each) => each !== null && (holder === null || each.pid === holder)) ?? null;
    const identity = record === null ? identityOfHolder(system, holder) : identityOf(system, record);
    if (identity !== null) return proven(system, home, identity, record);
    if (lock.held === true) unproven ??= { pid: holder ?? record?.pid ?? null };
    else if (record !== null && recordLiveness(system.processes, record) === "unknown") unproven ??= { pid: record.pid };
  }
  if (unproven !== null) return { kind: "unproven", pid: unproven.pid };
  // Somebody may have unlinked the locks of one that lives.
  const record = records[2] ?? null;
  const identity = record === null ? null : identityOf(system, record);
  return identity === null ? { kind: "none" } : proven(system, home, identity, record);
}

function lookAt(system: TargetSystem, path: string): LockView {
  try {
    return system.locks.look(path);
  } catch {
    return { held: "unknown" };
  }
}

/** The kernel names the holder of the lock, which proves more than any record. There is no record yet just after the lock was taken. */
function identityOfHolder(system: TargetSystem, pid: number | null): Identity | null {
  return pid === null ? null : system.processes.identityOf(pid);
}

function identityOf(system: TargetSystem, record: GatewayRecord): Identity | null {
  if (record.start_time === null || recordLiveness(system.processes, record) !== "same") return null;
  return { boot_id: system.processes.bootId(), pid: record.pid, start_time: record.start_time };
}

function proven(system: TargetSystem, home: string, identity: Identity, record: GatewayRecord | null): FoundGateway {
  const instanceId = record?.instance_id ?? null;
  const program = record !== null && instanceId === null ? "hermes" : "herma";
  return { kind: "proven", identity, instanceId, program, endsWithinMs: endsWithinMs(system, home, identity, program) };
}

/** As its state file says; a Hermes says nothing there. */
function endsWithinMs(system: TargetSystem, home: string, identity: Identity, program: "herma" | "hermes"): number {
  const state = readGatewayState(system.files, home);
  const drainS = state?.pid === identity.pid && state.start_time === identity.start_time ? state.drain_timeout_s : null;
  if (typeof drainS === "number" && drainS >= 0 && drainS <= 86_400) return drainS * 1000 + budgets.shutdownMs;
  return program === "hermes" ? budgets.takeoverWaitMs : budgets.drainMs + budgets.shutdownMs;
}
