import { type GatewayRecord, type GatewayStateFile, gatewayKind, homePaths, type Identity, timestampOf } from "../contract/index.ts";
import { gatewayWord } from "../rules/index.ts";
import type { Lock, System, Timer } from "../system/index.ts";
import { describeRecord, type Holder, holderOf, pause } from "./holder.ts";
import { consumeMarker, type MarkerKind } from "./markers.ts";
import { contractArgv, readGatewayRecord, readJson, recordIs, recordLiveness } from "./records.ts";
import { type StateChange, StateWriter } from "./stateFile.ts";

/** The slice of the system a claim needs. */
export type ClaimSystem = Pick<System, "clock" | "files" | "locks" | "processes" | "random">;

export type ClaimRequest = {
  /** Exists already, 0700. */
  readonly home: string;
  readonly system: ClaimSystem;
  /** Arguments as given to `gateway run`; the records show them behind `hermes gateway run`. */
  readonly argv: readonly string[];
  /** The program's real command line. */
  readonly commandLine: readonly string[];
  readonly version: string;
  /** Sets the program's title, by which the original's tools recognise a gateway; called before the lock is asked for. */
  readonly setTitle?: (title: string) => void;
  /** Told once when another program holds what was ours. Nothing of the home is written after that. */
  readonly onLost?: (loss: ClaimLoss) => void;
  /** A failed write of the state or a record; it is tried again at the next heartbeat. */
  readonly onProblem?: (error: unknown) => void;
  /** Seconds, for the state file. Default 60. */
  readonly drainTimeoutS?: number;
  /** Milliseconds between heartbeats. Default 30,000. */
  readonly heartbeatMs?: number;
};

export type ClaimLoss = { readonly reason: "lock_stolen"; readonly file: string; readonly pid: number | null };
export type ClaimResult = { readonly ok: true; readonly claim: GatewayClaim } | { readonly ok: false; readonly holder: Holder };

/** Holding a home: the two locks, `gateway.pid` and the only pen for `gateway_state.json`. */
export interface GatewayClaim {
  readonly identity: Identity;
  /** Random, new at each start. */
  readonly instanceId: string;
  readonly startedAt: string;
  readonly state: GatewayStateFile;
  /** True once another program holds what was ours. */
  readonly lost: boolean;
  /** Changes the state file; resolves when the change is on disk, or could not be written (then `onProblem` was told). */
  update(change: StateChange): Promise<void>;
  /** True when a marker says that our stop is meant; the marker is removed. */
  consumeMarker(kind: MarkerKind): boolean;
  /** Compares locks and records with what they should be and restores what is missing, as each heartbeat does. */
  check(): Promise<void>;
  /** Writes the last state, removes `gateway.pid` if it is ours, lets the locks go. Idempotent. */
  end(last: LastState): Promise<void>;
  /** As {@link end}, blocking and without waiting for the disk: for a forced end. */
  endNow(last: LastState): void;
}

export type LastState = {
  readonly phase: "stopped" | "startup_failed";
  readonly exitReason: string;
  readonly desiredState?: "running" | "stopped";
  readonly restartRequested?: boolean;
};

const defaultDrainTimeoutS = 60;
const defaultHeartbeatMs = 30_000;
/** The original's tools probe `gateway.lock` by taking it for a moment; being refused this often, this far apart, is a real holder. */
const lockTries = 10;
const lockTryMs = 20;
/** How often the whole claim begins anew when the holder was gone by the time we looked. */
const claimRounds = 5;

/**
 * Claims a home for this program: at most one claim per home exists on the machine at any time, whoever tries at once.
 * The kernel's lock decides, records only tell. Throws `IO`, `DISK_FULL` or `TOO_MANY_FILES` when the home cannot be written.
 */
export async function claimGateway(request: ClaimRequest): Promise<ClaimResult> {
  const { system, home } = request;
  request.setTitle?.(gatewayKind);
  const paths = homePaths(home);
  const record = recordOf(request);
  for (let round = 1; ; round += 1) {
    const taken = await takeBoth(system, paths.hermaLock, paths.gatewayLock);
    if (taken.locks === null) {
      const holder = await holderOf(system, taken.refusedPath);
      if (holder !== "gone") return { ok: false, holder };
      if (round < claimRounds) continue;
      return { ok: false, holder: { pid: null, since: null, kind: "unknown", file: "herma.lock" } };
    }
    const { herma, gateway } = taken.locks;
    try {
      herma.writeBody(JSON.stringify(record));
      gateway.writeBody(JSON.stringify(record));
      const owner = putPidFile(system, paths.gatewayPid, record);
      if (owner !== null) {
        gateway.release();
        herma.release();
        return { ok: false, holder: owner };
      }
    } catch (error) {
      gateway.release();
      herma.release();
      throw error;
    }
    return { ok: true, claim: new Claim(request, record, herma, gateway) };
  }
}

/** Takes the lock of every Herma and then that of the original, or tells which one was refused. */
async function takeBoth(
  system: ClaimSystem,
  hermaPath: string,
  gatewayPath: string,
): Promise<{ locks: { herma: Lock; gateway: Lock } } | { locks: null; refusedPath: string }> {
  const herma = system.locks.tryTake(hermaPath);
  if (herma === null) return { locks: null, refusedPath: hermaPath };
  try {
    const gateway = await tryTakePatiently(system, gatewayPath);
    if (gateway !== null) return { locks: { herma, gateway } };
  } catch (error) {
    herma.release();
    throw error;
  }
  herma.release();
  return { locks: null, refusedPath: gatewayPath };
}

async function tryTakePatiently(system: ClaimSystem, path: string): Promise<Lock | null> {
  for (let attempt = 1; ; attempt += 1) {
    const lock = system.locks.tryTake(path);
    if (lock !== null || attempt === lockTries) return lock;
    await pause(system.clock, lockTryMs);
  }
}

/**
 * Makes `gateway.pid`, replacing one whose program is gone. Only for a holder of both locks. Returns the holder when the file names a gateway
 * that lives: somebody unlinked that one's lock, and the kernel's word about the new file says nothing about it.
 */
function putPidFile(system: ClaimSystem, path: string, record: GatewayRecord): Holder | null {
  while (!system.files.createExclusive(path, JSON.stringify(record))) {
    const found = readGatewayRecord(system.files, path);
    if (found !== null && !recordIs(found, system.processes.self()) && isLiveGateway(system, found))
      return describeRecord(system, path, found);
    system.files.remove(path);
  }
  return null;
}

function isLiveGateway(system: ClaimSystem, record: GatewayRecord): boolean {
  const liveness = recordLiveness(system.processes, record);
  if (liveness !== "unknown" || record.start_time !== null) return liveness === "same";
  // A bare pid proves nothing, so its program must at least be named like a gateway.
  const seen = system.processes.look(record.pid);
  return seen.kind === "alive" && /hermes|herma/.test(seen.row.name);
}

function recordOf(request: ClaimRequest): GatewayRecord {
  const { system } = request;
  const identity = system.processes.self();
  return {
    pid: identity.pid,
    kind: gatewayKind,
    argv: contractArgv(request.argv),
    start_time: identity.start_time,
    instance_id: Buffer.from(system.random(8)).toString("hex"),
    boot_id: identity.boot_id,
    version: request.version,
    command_line: [...request.commandLine],
    started_at: timestampOf(system.clock.wallMs()),
  };
}

class Claim implements GatewayClaim {
  readonly identity: Identity;
  readonly instanceId: string;
  readonly startedAt: string;
  readonly #request: ClaimRequest;
  readonly #record: GatewayRecord;
  readonly #writer: StateWriter;
  #herma: Lock;
  #gateway: Lock;
  #timer: Timer | null = null;
  #checking: Promise<void> | null = null;
  #lost = false;
  #ended: Promise<void> | null = null;

  constructor(request: ClaimRequest, record: GatewayRecord, herma: Lock, gateway: Lock) {
    this.#request = request;
    this.#record = record;
    this.#herma = herma;
    this.#gateway = gateway;
    this.identity = request.system.processes.self();
    this.instanceId = record.instance_id ?? "";
    this.startedAt = record.started_at ?? "";
    this.#writer = new StateWriter(request.system, homePaths(request.home).gatewayState, firstState(request, record), (error) =>
      this.#problem(error),
    );
    void this.#writer.write();
    this.#beatLater();
  }

  get state(): GatewayStateFile {
    return this.#writer.state;
  }

  get lost(): boolean {
    return this.#lost;
  }

  update(change: StateChange): Promise<void> {
    const phase = change.phase;
    return this.#writer.write(phase === undefined ? change : { gateway_state: gatewayWord(phase), ...change });
  }

  consumeMarker(kind: MarkerKind): boolean {
    const target = { identity: this.identity, instanceId: this.instanceId, startedAtMs: Date.parse(this.startedAt) };
    return consumeMarker(this.#request.home, kind, target, this.#request.system);
  }

  check(): Promise<void> {
    this.#checking ??= this.#checkOnce().finally(() => {
      this.#checking = null;
    });
    return this.#checking;
  }

  end(last: LastState): Promise<void> {
    this.#ended ??= this.#endOnce(last);
    return this.#ended;
  }

  endNow(last: LastState): void {
    this.#timer?.cancel();
    this.#ended ??= Promise.resolve();
    if (!this.#lost) this.#writer.writeLast(lastChange(last));
    this.#letGo();
  }

  async #endOnce(last: LastState): Promise<void> {
    this.#timer?.cancel();
    await this.#checking;
    if (!this.#lost) await this.update(lastChange(last));
    this.#writer.close();
    this.#letGo();
  }

  /** The pid file goes before the locks: once the locks are free it may be another gateway's. */
  #letGo(): void {
    const { files } = this.#request.system;
    const path = homePaths(this.#request.home).gatewayPid;
    try {
      const found = readGatewayRecord(files, path);
      if (found !== null && recordIs(found, this.identity)) files.remove(path);
    } catch (error) {
      this.#problem(error);
    }
    this.#gateway.release();
    this.#herma.release();
  }

  #beatLater(): void {
    this.#timer = this.#request.system.clock.after(
      this.#request.heartbeatMs ?? defaultHeartbeatMs,
      () => {
        void this.check().then(() => {
          if (this.#ended !== null || this.#lost) return;
          void this.#writer.write();
          this.#beatLater();
        });
      },
      // It is the gateway's other work that keeps the program alive.
      { unref: true },
    );
  }

  async #checkOnce(): Promise<void> {
    if (this.#lost || this.#ended !== null) return;
    const paths = homePaths(this.#request.home);
    try {
      const herma = await this.#kept(this.#herma);
      if (herma === null) return this.#lose(paths.hermaLock);
      this.#herma = herma;
      const gateway = await this.#kept(this.#gateway);
      if (gateway === null) return this.#lose(paths.gatewayLock);
      this.#gateway = gateway;
      if (putPidFileAgain(this.#request.system, paths.gatewayPid, this.#record) !== null) this.#lose(paths.gatewayPid);
    } catch (error) {
      this.#problem(error);
    }
  }

  /** The lock if its path still names it, a new one when the file was taken away, null when another program holds the new file. */
  async #kept(lock: Lock): Promise<Lock | null> {
    if (lock.pathIsOurs()) return lock;
    const next = await tryTakePatiently(this.#request.system, lock.path);
    if (next === null) return null;
    next.writeBody(JSON.stringify(this.#record));
    lock.release();
    return next;
  }

  #lose(path: string): void {
    this.#lost = true;
    this.#writer.close();
    const holder = readGatewayRecord(this.#request.system.files, path);
    this.#request.onLost?.({ reason: "lock_stolen", file: path, pid: holder?.pid ?? null });
  }

  #problem(error: unknown): void {
    this.#request.onProblem?.(error);
  }
}

function putPidFileAgain(system: ClaimSystem, path: string, record: GatewayRecord): Holder | null {
  const found = readGatewayRecord(system.files, path);
  return found !== null && recordIs(found, system.processes.self()) ? null : putPidFile(system, path, record);
}

function firstState(request: ClaimRequest, record: GatewayRecord): GatewayStateFile {
  return {
    ...record,
    gateway_state: "starting",
    exit_reason: null,
    restart_requested: false,
    active_agents: 0,
    platforms: {},
    updated_at: record.started_at ?? "",
    // The first write makes it 1.
    seq: 0,
    interval_s: (request.heartbeatMs ?? defaultHeartbeatMs) / 1000,
    phase: "starting",
    drain_reason: null,
    // Whoever starts a gateway wants it to run.
    desired_state: "running",
    drain_timeout_s: request.drainTimeoutS ?? defaultDrainTimeoutS,
    address: null,
  };
}

function lastChange(last: LastState): StateChange {
  const change: StateChange = {
    phase: last.phase,
    gateway_state: gatewayWord(last.phase),
    exit_reason: last.exitReason,
    drain_reason: null,
    active_agents: 0,
    address: null,
  };
  if (last.desiredState !== undefined) change.desired_state = last.desiredState;
  if (last.restartRequested !== undefined) change.restart_requested = last.restartRequested;
  return change;
}

/** What `gateway_state.json` says, or null when it is absent or not one. For readers; whether the gateway lives is told by its lock. */
export function readGatewayState(files: System["files"], home: string): Record<string, unknown> | null {
  const value = readJson(files, homePaths(home).gatewayState);
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
}
