import { type GatewayMarker, type GatewayRecord, type GatewayStateFile, homePaths, type Identity } from "../contract/index.ts";
import { gatewayWord } from "../rules/index.ts";
import type { FileStat, Lock, Timer } from "../system/index.ts";
import type { ClaimLoss, ClaimRequest, GatewayClaim, LastState } from "./claimTypes.ts";
import { fileModeOf, showTo } from "./fileMode.ts";
import { consumeMarker, type MarkerKind } from "./markers.ts";
import { tryTakePatiently } from "./patience.ts";
import { restorePidFile } from "./pidFile.ts";
import { readGatewayRecord, recordIs } from "./records.ts";
import { type StateChange, StateWriter } from "./stateFile.ts";

const defaultDrainTimeoutS = 60;
const defaultHeartbeatMs = 30_000;

/** See {@link GatewayClaim}. Made by `claimGateway` alone, with both locks taken and all records written. */
export class HeldClaim implements GatewayClaim {
  readonly identity: Identity;
  readonly instanceId: string;
  readonly startedAt: string;
  readonly #request: ClaimRequest;
  readonly #record: GatewayRecord;
  readonly #mode: number;
  readonly #writer: StateWriter;
  /** The home as it was when it was claimed. */
  readonly #folder: FileStat | null;
  #herma: Lock;
  #gateway: Lock;
  #timer: Timer | null = null;
  #checking: Promise<void> | null = null;
  #lost = false;
  #ended: Promise<void> | null = null;

  constructor(request: ClaimRequest, record: GatewayRecord, herma: Lock, gateway: Lock) {
    this.#request = request;
    this.#record = record;
    this.#mode = fileModeOf(request);
    this.#folder = request.system.files.stat(request.home);
    this.#herma = herma;
    this.#gateway = gateway;
    this.identity = request.system.processes.self();
    this.instanceId = record.instance_id ?? "";
    this.startedAt = record.started_at ?? "";
    this.#writer = new StateWriter({
      system: request.system,
      path: homePaths(request.home).gatewayState,
      mode: this.#mode,
      first: firstState(request, record),
      onProblem: (error) => this.#problem(error),
    });
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

  consumeMarker(kind: MarkerKind): GatewayMarker | null {
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
          void this.#writer.write(this.#request.measure?.() ?? {});
          this.#beatLater();
        });
      },
      // The heartbeat alone does not keep the program alive.
      { unref: true },
    );
  }

  async #checkOnce(): Promise<void> {
    if (this.#lost || this.#ended !== null) return;
    const { home } = this.#request;
    const paths = homePaths(home);
    try {
      if (this.#homeIsGone()) return this.#lose("home_removed", home);
      const herma = await this.#kept(this.#herma);
      if (herma === null) return this.#lose("lock_stolen", paths.hermaLock);
      this.#herma = herma;
      const gateway = await this.#kept(this.#gateway);
      if (gateway === null) return this.#lose("lock_stolen", paths.gatewayLock);
      this.#gateway = gateway;
      if (restorePidFile(this.#request.system, paths.gatewayPid, this.#record, this.#mode) !== null)
        this.#lose("lock_stolen", paths.gatewayPid);
    } catch (error) {
      this.#problem(error);
    }
  }

  /**
   * True when the home was removed or moved; another folder may stand in its place by now (`herma run` makes one). Where a file system has only
   * renumbered its folders, the lock file is still there.
   */
  #homeIsGone(): boolean {
    const found = this.#request.system.files.stat(this.#request.home);
    if (found === null) return true;
    const same = this.#folder === null || (found.dev === this.#folder.dev && found.ino === this.#folder.ino);
    return !same && !this.#herma.pathIsOurs();
  }

  /** The lock if its path still names it, a new one when the file was taken away, null when another program holds the new file. */
  async #kept(lock: Lock): Promise<Lock | null> {
    if (lock.pathIsOurs()) {
      // A lock does not keep other programs from writing into the file.
      const found = readGatewayRecord(this.#request.system.files, lock.path);
      if (found === null || !recordIs(found, this.identity)) lock.writeBody(JSON.stringify(this.#record));
      return lock;
    }
    const next = await tryTakePatiently(this.#request.system, lock.path);
    if (next === null) return null;
    next.writeBody(JSON.stringify(this.#record));
    showTo(this.#request.system.files, lock.path, this.#mode);
    lock.release();
    return next;
  }

  #lose(reason: ClaimLoss["reason"], path: string): void {
    this.#lost = true;
    this.#writer.close();
    const holder = reason === "lock_stolen" ? readGatewayRecord(this.#request.system.files, path) : null;
    this.#request.onLost?.({ reason, file: path, pid: holder?.pid ?? null });
  }

  #problem(error: unknown): void {
    this.#request.onProblem?.(error);
  }
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
    // A gateway that was started is meant to run.
    desired_state: "running",
    drain_timeout_s: request.drainTimeoutS ?? defaultDrainTimeoutS,
    address: null,
    control_socket: null,
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
    control_socket: null,
  };
  if (last.desiredState !== undefined) change.desired_state = last.desiredState;
  if (last.restartRequested !== undefined) change.restart_requested = last.restartRequested;
  return change;
}
