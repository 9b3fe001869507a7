import type { GatewayOrder, GatewayOrderAnswer, GatewayPhase } from "../contract/index.ts";
import type { Registry } from "../processes/index.ts";
import type { Clock, ThisProgram } from "../system/index.ts";
import type { DrainControl } from "./drainControl.ts";
import type { Work } from "./work.ts";

/** The program that runs a gateway, as far as the gateway touches it. Passed in, so that tests can play it. */
export type Program = ThisProgram;

/** How a gateway ended. */
export type GatewayEnd = { readonly exitCode: number; readonly reason: string };

/** The log: fields first, then the sentence. */
export type Log = {
  debug(fields: Record<string, unknown>, message: string): void;
  info(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
  error(fields: Record<string, unknown>, message: string): void;
  /** Entries below this level are not written from now on; `silent` writes nothing. */
  setLevel(level: string): void;
  /** Waits until what was logged has been written. */
  flush(): Promise<void>;
};

/** The gateway as it is now, for `/readyz` and the first page. */
export type GatewayStatus = {
  readonly phase: GatewayPhase;
  readonly pid: number;
  readonly started_at: string;
  readonly instance_id: string;
  readonly version: string;
  readonly address: string | null;
  /** Gateways of this home restart too often, so this one resumes nothing of before. */
  readonly restart_loop: boolean;
};

/** Where an order to stop or restart comes from. Whoever can open the gateway's own socket sits at the machine. */
export type OrderSource = "control" | "http" | "signal";

/** Takes orders to stop and to restart. */
export interface Orders {
  /** Does it, or will, and answers what will happen. Throws GATEWAY_RESTART_LIMIT, BAD_REQUEST, GATEWAY_START_FAILED. */
  give(action: GatewayOrderAnswer["action"], order: GatewayOrder, source: OrderSource, by: string): GatewayOrderAnswer;
}

/** What the room above needs to serve the gateway. */
export type GatewayParts = {
  readonly registry: Registry;
  /** The owner's token. */
  readonly token: string;
  readonly log: Log;
  readonly status: () => GatewayStatus;
  /** Aborted when the gateway begins to stop: whatever waits should answer now. */
  readonly stopping: AbortSignal;
  readonly host: string;
  readonly port: number;
  /** The gateway before has handed its listening socket over, bound to this; null: listen anew. */
  readonly handed: HandedSocket | null;
  /** Orders to stop or restart. */
  readonly orders: Orders;
  /** Host names that requests may name besides the address. */
  readonly allowedHosts: readonly string[];
  /** How long a foreground command of the tool `terminal` may run where its call says nothing. */
  readonly terminalTimeoutSeconds: number;
  /** Whatever is done for somebody is counted here, and refused while the gateway drains. */
  readonly work: Pick<Work, "run">;
  readonly drain: DrainControl;
  /** The secret that may drain and do nothing else; empty when there is none. */
  readonly drainSecret: string;
};

/** The serving side, made by the room above. Throws PORT_TAKEN when it cannot listen. */
export type Listen = (parts: GatewayParts) => Promise<Listening>;
export type Listening = {
  /** `http://host:port`. */
  readonly address: string;
  readonly host?: string;
  readonly port?: number;
  /**
   * Answers a request of its own, so that no client waits for what a first one loads: `probes` for whoever asks only whether it is ready. Never
   * throws.
   */
  warmUp?(what: "probes" | "all"): Promise<void>;
  /** Leaves a copy of the listening socket at the place where a new gateway expects it. From then on {@link leave} and {@link close} are gentle. */
  pass?(place: string): boolean;
  /**
   * Where a new gateway has the socket: still accepts, but says with each answer that the connection ends, and resolves when no client holds one
   * that it might use again. At once where there is no such gateway.
   */
  leave?(): Promise<void>;
  /** Stops accepting, lets answers under way finish for at most `graceMs`, then cuts them. */
  close(graceMs: number): Promise<void>;
};

/** A listening socket of the gateway before, open in this program. */
export type HandedSocket = {
  readonly host: string;
  readonly port: number;
  /** Its descriptor, the taker's from now on; null when it was taken already. */
  take(): number | null;
  /** Closes it, unless it was taken. Idempotent. */
  close(): void;
};

/** What the gateway's own socket serves. */
export type ControlParts = {
  readonly path: string;
  /** What it makes on disk is its owner's alone from the first moment on. */
  readonly privately: Program["privately"];
  readonly log: Log;
  readonly clock: Pick<Clock, "after">;
  readonly drain: DrainControl;
  readonly orders: Orders;
  readonly passListening: (place: string) => { readonly passed: boolean; readonly host: string; readonly port: number };
};
/** Serves it until the returned function is called. Throws IO when it cannot listen there. */
export type ServeControl = (parts: ControlParts) => Promise<() => Promise<void>>;
