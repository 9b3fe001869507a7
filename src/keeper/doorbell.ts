import type { KeeperEvent, ProcessId } from "../contract/index.ts";
import type { Clock, Timer } from "../system/index.ts";

/** Output of one process is told at once, then at most once in this time: listeners read ranges, not lines. */
const outputSpacingMs = 4;
/** A listener so slow that this many events wait for it is cut off; it comes back and looks at the files. */
const waitingEventsMax = 10_000;

/** One listener's queue. Output events are coalesced to the newest end per process, so a slow reader costs no memory and delays nobody. */
export class Listener {
  readonly #cutOff: () => void;
  #events: KeeperEvent[] = [];
  #outputs = new Map<ProcessId, number>();
  #wake: (() => void) | null = null;
  #closed = false;

  /** `cutOff` is called when it was too slow. */
  constructor(cutOff: () => void = () => {}) {
    this.#cutOff = cutOff;
  }

  push(event: KeeperEvent): void {
    if (this.#closed) return;
    if (event.type === "output") this.#outputs.set(event.id, event.end);
    else this.#events.push(event);
    if (this.#events.length > waitingEventsMax) {
      this.close();
      this.#cutOff();
    }
    this.#wake?.();
  }

  /** Resolves with what waits (outputs first: whoever hears of an end finds all output told), or null after `close`. */
  async take(): Promise<KeeperEvent[] | null> {
    while (!this.#closed && this.#events.length === 0 && this.#outputs.size === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = null;
    }
    if (this.#closed) return null;
    const batch: KeeperEvent[] = [];
    for (const [id, end] of this.#outputs) batch.push({ type: "output", id, end });
    this.#outputs.clear();
    batch.push(...this.#events);
    this.#events = [];
    return batch;
  }

  /** What still waits is dropped: whoever comes back looks at the files. */
  close(): void {
    this.#closed = true;
    this.#events = [];
    this.#outputs.clear();
    this.#wake?.();
  }
}

/** Tells listeners where to look. Nothing here holds up what it tells of. */
export class Doorbell {
  readonly #clock: Clock;
  readonly #listeners = new Set<Listener>();
  readonly #dirty = new Map<ProcessId, number>();
  #lastFlushMs = Number.NEGATIVE_INFINITY;
  #timer: Timer | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `cutOff` is called when the listener was too slow; it hears nothing from then on. */
  listen(cutOff: () => void = () => {}): Listener {
    const listener = new Listener(() => {
      this.forget(listener);
      cutOff();
    });
    this.#listeners.add(listener);
    return listener;
  }

  forget(listener: Listener): void {
    listener.close();
    this.#listeners.delete(listener);
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  output(id: ProcessId, end: number): void {
    if (this.#listeners.size === 0) return;
    this.#dirty.set(id, end);
    if (this.#timer !== null) return;
    const waitMs = this.#lastFlushMs + outputSpacingMs - this.#clock.monotonicMs();
    if (waitMs <= 0) this.#flush();
    else this.#timer = this.#clock.after(waitMs, () => this.#flush(), { unref: true });
  }

  tell(event: KeeperEvent): void {
    // What was printed before is told before.
    if (this.#dirty.size > 0) this.#flush();
    for (const listener of this.#listeners) listener.push(event);
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = null;
    for (const listener of this.#listeners) this.forget(listener);
  }

  #flush(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#lastFlushMs = this.#clock.monotonicMs();
    for (const [id, end] of this.#dirty) {
      for (const listener of this.#listeners) listener.push({ type: "output", id, end });
    }
    this.#dirty.clear();
  }
}
