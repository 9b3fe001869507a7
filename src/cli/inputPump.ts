import type { ProcessId } from "../contract/index.ts";
import { isHermaError } from "../contract/index.ts";
import type { Registry } from "../processes/index.ts";
import type { Clock } from "../system/index.ts";

/** Bytes that may wait for one process before `push` makes its caller wait. */
const waitingBytesMax = 262_144;
/** Bytes sent in one request. */
const requestBytesMax = 65_536;
/** The keeper sends no event when a full input has room again, so writing is tried again this often. */
const fullRetryMs = 20;

/** Sends what is typed or piped to one process: in order, joined into few requests, at the process's pace. */
export class InputPump {
  readonly #registry: Registry;
  readonly #clock: Clock;
  readonly #id: ProcessId;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #eof = false;
  #sending: Promise<void> | null = null;
  #closed = false;
  #failure: unknown = null;

  constructor(registry: Registry, clock: Clock, id: ProcessId) {
    this.#registry = registry;
    this.#clock = clock;
    this.#id = id;
  }

  /** True once the process takes no more input. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Queues bytes; resolves when there is room for more. What the registry throws comes out here or at the next call, except that an ended
   * process or a closed input only closes the pump.
   */
  async push(bytes: Uint8Array): Promise<void> {
    if (!this.#closed && bytes.length > 0) {
      this.#waiting.push(bytes);
      this.#waitingBytes += bytes.length;
      const sending = this.#send();
      if (this.#waitingBytes > waitingBytesMax) await sending;
    }
    this.#complain();
  }

  /** Sends what waits; with `eof` the process's input ends behind it. */
  async finish(eof: boolean): Promise<void> {
    this.#eof = eof;
    await this.#send();
    // What was sent before `finish` may have been under way without the end.
    if (this.#eof && !this.#closed) await this.#send();
    this.#complain();
  }

  #complain(): void {
    const failure = this.#failure;
    this.#failure = null;
    if (failure !== null) throw failure;
  }

  /** Sends nothing more. */
  stop(): void {
    this.#closed = true;
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  #send(): Promise<void> {
    this.#sending ??= this.#sendAll()
      .catch((error: unknown) => {
        this.#failure = error;
        this.stop();
      })
      .finally(() => {
        this.#sending = null;
      });
    return this.#sending;
  }

  async #sendAll(): Promise<void> {
    while (!this.#closed && (this.#waitingBytes > 0 || this.#eof)) {
      const data = this.#take();
      const eof = this.#eof && this.#waitingBytes === 0;
      await this.#write(data, eof);
      if (eof) this.stop();
    }
  }

  #take(): Uint8Array {
    const joined = Buffer.concat(this.#waiting);
    const data = joined.subarray(0, requestBytesMax);
    const rest = joined.subarray(requestBytesMax);
    this.#waiting = rest.length === 0 ? [] : [rest];
    this.#waitingBytes = rest.length;
    return data;
  }

  async #write(data: Uint8Array, eof: boolean): Promise<void> {
    while (!this.#closed) {
      try {
        await this.#registry.write(this.#id, { data, eof });
        return;
      } catch (error) {
        if (isHermaError(error, "PROCESS_ENDED") || isHermaError(error, "STDIN_CLOSED")) this.stop();
        else if (isHermaError(error, "STDIN_FULL") || isHermaError(error, "PROCESS_NOT_STARTED")) await this.#pause();
        else throw error;
      }
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.after(fullRetryMs, resolve);
    });
  }
}
