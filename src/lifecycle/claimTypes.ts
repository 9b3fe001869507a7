import type { GatewayMarker, GatewayRecord, GatewayStateFile, Identity } from "../contract/index.ts";
import type { System } from "../system/index.ts";
import type { Holder } from "./holder.ts";
import type { MarkerKind } from "./markers.ts";
import type { StateChange } from "./stateFile.ts";

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
  /** Called with both locks held and before anything of the last gateway's state is overwritten. Must be quick. A failure is told and passed over. */
  readonly beforeFirstState?: (record: GatewayRecord) => void;
  /** What else each heartbeat tells. */
  readonly measure?: () => StateChange;
  /** Told once when another program holds what was ours, or the home is gone. Nothing of the home is written after that. */
  readonly onLost?: (loss: ClaimLoss) => void;
  /** A failed write of the state or a record; it is tried again at the next heartbeat. */
  readonly onProblem?: (error: unknown) => void;
  /** Seconds, for the state file. Default 60. */
  readonly drainTimeoutS?: number;
  /** Permission bits of locks, `gateway.pid` and the state. Default 0600; 0640 lets the home's group read them (spec compat 9). */
  readonly fileMode?: number;
  /** Milliseconds between heartbeats. Default 30,000. */
  readonly heartbeatMs?: number;
};

/** `home_removed`: nobody can find this gateway any more, and it must not run beside one of a home that is made anew. */
export type ClaimLoss = { readonly reason: "lock_stolen" | "home_removed"; readonly file: string; readonly pid: number | null };
export type ClaimResult = { readonly ok: true; readonly claim: GatewayClaim } | { readonly ok: false; readonly holder: Holder };

/** Holding a home: the two locks, `gateway.pid` and the only pen for `gateway_state.json`. */
export interface GatewayClaim {
  readonly identity: Identity;
  /** Random, new at each start. */
  readonly instanceId: string;
  readonly startedAt: string;
  readonly state: GatewayStateFile;
  /** True once another program holds what was ours, or the home is gone. */
  readonly lost: boolean;
  /** Changes the state file; resolves when the change is on disk, or could not be written (then `onProblem` was told). */
  update(change: StateChange): Promise<void>;
  /** The marker by which our stop is meant, which is removed, or null. */
  consumeMarker(kind: MarkerKind): GatewayMarker | null;
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
