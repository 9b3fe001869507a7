/** Something whose events come no more once it is dead. */
export type Owner = { readonly dead: boolean };

/** Thrown in a program that the test has crashed: it unwinds whatever the program was doing. Nobody may catch it. */
export class FakeCrash extends Error {
  constructor(what: string) {
    super(what);
    this.name = "FakeCrash";
  }
}

type Event = { readonly atMs: number; readonly order: number; readonly fn: () => void; readonly owner: Owner | null; cancelled: boolean };

/** The machine's time: a queue of events. Nothing happens on the machine but what is in it, and only while time is let pass. */
export class FakeTime {
  /** Milliseconds since the machine was made; it goes on over reboots. */
  nowMs = 0;
  /** What the wall clock is ahead; a test may step it. */
  wallOffsetMs: number;
  readonly #events: Event[] = [];
  #order = 0;

  constructor(wallMs: number) {
    this.wallOffsetMs = wallMs;
  }

  /** Calls `fn` after `delayMs`, unless its owner is dead by then. */
  after(delayMs: number, owner: Owner | null, fn: () => void): { cancel(): void } {
    this.#order += 1;
    const event: Event = { atMs: this.nowMs + Math.max(0, delayMs), order: this.#order, fn, owner, cancelled: false };
    const at = this.#events.findLastIndex((other) => other.atMs <= event.atMs);
    this.#events.splice(at + 1, 0, event);
    return {
      cancel: () => {
        event.cancelled = true;
      },
    };
  }

  /** Lets `ms` pass. What is due happens in order; after each event the promises it settled are served. */
  async advance(ms: number): Promise<void> {
    const endMs = this.nowMs + ms;
    await turn();
    for (let next = this.#events[0]; next !== undefined && next.atMs <= endMs; next = this.#events[0]) {
      this.#events.shift();
      if (next.cancelled || next.owner?.dead) continue;
      this.nowMs = Math.max(this.nowMs, next.atMs);
      try {
        next.fn();
      } catch (error) {
        if (!(error instanceof FakeCrash)) throw error;
      }
      await turn();
    }
    this.nowMs = endMs;
  }

  /** Goes from event to event until the condition holds; throws when it does not within `limitMs`. */
  async until(what: string, condition: () => boolean, limitMs = 600_000): Promise<void> {
    const endMs = this.nowMs + limitMs;
    await this.advance(0);
    while (!condition()) {
      const next = this.#events.find((event) => !event.cancelled && !event.owner?.dead);
      if (next === undefined || next.atMs > endMs) throw new Error(`not within ${limitMs} ms of the machine's time: ${what}`);
      await this.advance(next.atMs - this.nowMs);
    }
  }

  /** Lets time pass until the promise is settled. */
  async wait<T>(promise: Promise<T>, limitMs?: number): Promise<T> {
    let done = false;
    const settle = (): void => {
      done = true;
    };
    promise.then(settle, settle);
    await this.until("the promise is settled", () => done, limitMs);
    return promise;
  }

  /** Events that are still to come, for tests that nothing was left behind. */
  get waiting(): number {
    return this.#events.filter((event) => !event.cancelled && !event.owner?.dead).length;
  }
}

/** One turn of the real event loop, in which all settled promises are served. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
