import { type GatewayStateFile, timestampOf } from "../contract/index.ts";
import type { System } from "../system/index.ts";

/** What may change in the state; the rest stays, or is kept by {@link StateWriter} itself. */
export type StateChange = Partial<
  Pick<
    GatewayStateFile,
    | "gateway_state"
    | "exit_reason"
    | "restart_requested"
    | "active_agents"
    | "platforms"
    | "phase"
    | "drain_reason"
    | "desired_state"
    | "drain_timeout_s"
    | "address"
    | "control_socket"
    | "loop_lag_ms"
    | "rss_bytes"
    | "heap_bytes"
    | "restart_loop"
    | "oom_kills"
    | "cgroup"
    | "cgroup_oom_kills"
  >
>;

export type StateWriterOptions = {
  readonly system: Pick<System, "clock" | "files">;
  readonly path: string;
  /** Permission bits of the file. */
  readonly mode: number;
  readonly first: GatewayStateFile;
  readonly onProblem: (error: unknown) => void;
};

/**
 * The one writer of `gateway_state.json`. Writes are whole, durable and in order; changes that come while a write is under way go out
 * together in the next one. A failed write is reported and tried again with the next change or heartbeat: a full disk must not end a gateway.
 */
export class StateWriter {
  readonly #options: StateWriterOptions;
  #state: GatewayStateFile;
  #dirty = false;
  #closed = false;
  #writing: Promise<void> | null = null;

  constructor(options: StateWriterOptions) {
    this.#options = options;
    this.#state = options.first;
  }

  /** The newest state, written or about to be. */
  get state(): GatewayStateFile {
    return this.#state;
  }

  /** Applies a change; resolves when it, or a newer state, has been written (or could not be). */
  write(change: StateChange = {}): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#state = { ...this.#state, ...change };
    this.#dirty = true;
    this.#writing ??= this.#drain();
    return this.#writing;
  }

  /** Applies a last change at once, blocking, without waiting for the disk to have it. For a forced end. */
  writeLast(change: StateChange): void {
    if (this.#closed) return;
    this.#state = { ...this.#state, ...change };
    this.close();
    try {
      this.#options.system.files.replace(this.#options.path, this.#text(), { durable: false, mode: this.#options.mode });
    } catch (error) {
      this.#options.onProblem(error);
    }
  }

  /** Nothing is written from now on. */
  close(): void {
    this.#closed = true;
    this.#dirty = false;
  }

  async #drain(): Promise<void> {
    // A turn later, so that several changes made together are one write.
    await Promise.resolve();
    while (this.#dirty) {
      this.#dirty = false;
      try {
        await this.#options.system.files.replaceDurably(this.#options.path, this.#text(), this.#options.mode);
      } catch (error) {
        this.#options.onProblem(error);
      }
    }
    this.#writing = null;
  }

  #text(): string {
    this.#state = { ...this.#state, seq: this.#state.seq + 1, updated_at: timestampOf(this.#options.system.clock.wallMs()) };
    return JSON.stringify(this.#state);
  }
}
