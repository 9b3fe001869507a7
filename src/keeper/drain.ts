import type { Clock, Timer } from "../system/index.ts";

/** After the exit the stream is drained until it ends or was quiet this long … */
const quietMs = 250;
/** … and never longer than this, whoever still holds it. */
const drainMsMax = 2000;
/** Only an end that is not settled within this time is noted in state.json; most settle at once. */
const lastsMs = 5;

/** The time between an exit and its settling, while the last output is still on its way. */
export class Drain {
  readonly #clock: Clock;
  readonly #tell: { readonly settled: () => void; readonly lasts: () => void };
  #quiet: Timer | null = null;
  #others: Timer[] = [];

  constructor(clock: Clock, tell: { readonly settled: () => void; readonly lasts: () => void }) {
    this.#clock = clock;
    this.#tell = tell;
  }

  begin(): void {
    this.#quiet = this.#clock.after(quietMs, this.#tell.settled);
    this.#others = [this.#clock.after(drainMsMax, this.#tell.settled), this.#clock.after(lastsMs, this.#tell.lasts)];
  }

  /** There was output: the quiet begins anew. */
  heard(): void {
    if (this.#quiet === null) return;
    this.#quiet.cancel();
    this.#quiet = this.#clock.after(quietMs, this.#tell.settled);
  }

  /** Settling has failed; it is tried again then. */
  retry(ms: number, again: () => void): void {
    this.stop();
    this.#others = [this.#clock.after(ms, again)];
  }

  stop(): void {
    this.#quiet?.cancel();
    this.#quiet = null;
    for (const timer of this.#others) timer.cancel();
    this.#others = [];
  }
}
