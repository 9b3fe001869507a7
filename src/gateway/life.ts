import { type GatewayPhase, HermaError } from "../contract/index.ts";
import type { StateChange } from "../lifecycle/index.ts";
import { type GatewayEvent, gatewayTable, step } from "../rules/index.ts";
import type { StopCause } from "./stopCause.ts";
import type { Log } from "./types.ts";

/**
 * The phase of one gateway and why it ends. Phases move by the table alone; the cause of the end is decided once, by whoever comes first.
 */
export class Life {
  /** Aborted as soon as the gateway begins to stop: whatever waits should answer now. */
  readonly stopping: AbortSignal;
  /** The cause of the end, once there is one. */
  readonly stop: Promise<StopCause>;
  readonly #log: Log;
  readonly #aborting = new AbortController();
  readonly #decide: (cause: StopCause) => void;
  /** Set while there is a state file to write; called with what changed. */
  #write: ((change: StateChange) => Promise<void>) | null = null;
  /** It waits for a home that another gateway holds. A signal that ends the wait is no unexpected end, because nothing runs yet. */
  standsBy = false;
  #phase: GatewayPhase = "starting";
  #cause: StopCause | null = null;
  #failure: string | null = null;
  #wasReady = false;
  #written: Promise<void> = Promise.resolve();

  constructor(log: Log) {
    this.#log = log;
    this.stopping = this.#aborting.signal;
    const { promise, resolve } = Promise.withResolvers<StopCause>();
    this.stop = promise;
    this.#decide = resolve;
  }

  get phase(): GatewayPhase {
    return this.#phase;
  }

  get cause(): StopCause | null {
    return this.#cause;
  }

  /** Whether it has been up. */
  get wasReady(): boolean {
    return this.#wasReady;
  }

  /** What kept it from starting. */
  get failure(): string | null {
    return this.#failure;
  }

  /** Resolves when the newest phase is on disk, or could not be written. */
  get written(): Promise<void> {
    return this.#written;
  }

  /** From now on each change of phase goes to the state file through `write`. */
  writesWith(write: (change: StateChange) => Promise<void>): void {
    this.#write = write;
  }

  /** Moves the phase as the table says. `change` goes to the state file together with it. Throws INTERNAL where the table refuses. */
  happens(event: GatewayEvent, change: StateChange = {}): void {
    const outcome = step(gatewayTable, this.#phase, event);
    if (outcome.kind === "refuse") throw new HermaError(outcome.code, `the gateway cannot be ${event} while it is ${this.#phase}`);
    if (outcome.kind === "ignore") return;
    this.#phase = outcome.to;
    if (event === "ready") this.#wasReady = true;
    const last = outcome.to === "stopped" || outcome.to === "startup_failed";
    // The last state is written by whoever ends the claim, together with the reason.
    if (!last && this.#write !== null) this.#written = this.#write({ phase: outcome.to, ...change });
  }

  /** Begins the end. The first cause wins; later ones change nothing. */
  stopFor(cause: StopCause): void {
    if (this.#cause !== null) return;
    this.#cause = cause;
    this.#log.info({ reason: cause.reason }, "stopping");
    this.happens("stopAsked", { drain_reason: "shutdown" });
    this.#aborting.abort();
    this.#decide(cause);
  }

  /** Boot gave up. */
  failedBecause(reason: string): void {
    this.#failure = reason;
    this.happens("failed");
  }
}
