import { HermaError } from "../contract/index.ts";
import type { Clock } from "../system/index.ts";
import type { Log } from "./types.ts";

/** One floor of the boot: what it brings up, and what takes that down again. */
export type Step = {
  readonly name: string;
  /** Milliseconds its way down may take before the next one is begun without it. */
  readonly downMs: number;
  /** Brings it up; returns its way down, if it has one. */
  up(): Promise<Down | undefined> | Down | undefined;
};
export type Down = () => Promise<void> | void;

type Standing = { readonly name: string; readonly downMs: number; readonly down: Down };

/**
 * Boot climbs a list of steps, shutdown walks the same list backwards. Each step down has a budget and leaves its duration in the log; a step
 * that fails or is late never keeps the others from being taken down.
 */
export class Climb {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #standing: Standing[] = [];

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  /** Runs the steps until one throws or `stopped` says to go no higher. */
  async up(steps: readonly Step[], stopped: () => boolean): Promise<void> {
    for (const step of steps) {
      if (stopped()) return;
      const begun = this.#clock.monotonicMs();
      const down = await step.up();
      if (down !== undefined) this.#standing.push({ name: step.name, downMs: step.downMs, down });
      this.#log.debug({ step: step.name, ms: this.#since(begun) }, "up");
    }
  }

  /** Takes down everything that stands, last first. Never throws. */
  async down(): Promise<void> {
    const begun = this.#clock.monotonicMs();
    for (let step = this.#standing.pop(); step !== undefined; step = this.#standing.pop()) {
      const stepBegun = this.#clock.monotonicMs();
      let problem: unknown;
      try {
        await within(this.#clock, step.downMs, (async () => step.down())(), step.name);
      } catch (error) {
        problem = error;
      }
      const fields = { step: step.name, ms: this.#since(stepBegun), total: `+${(this.#since(begun) / 1000).toFixed(2)}s` };
      if (problem === undefined) this.#log.info(fields, "down");
      else this.#log.warn({ ...fields, problem: String(problem) }, "not down in order; going on");
    }
  }

  #since(begunMs: number): number {
    return Math.round((this.#clock.monotonicMs() - begunMs) * 10) / 10;
  }
}

/** The promise's value, or DEADLINE after `ms`. */
export async function within<T>(clock: Clock, ms: number, promise: Promise<T>, what: string): Promise<T> {
  let late: (() => void) | undefined;
  const deadline = new Promise<never>((_, reject) => {
    const timer = clock.after(ms, () => reject(new HermaError("DEADLINE", `${what} took longer than ${ms} ms`)));
    late = () => timer.cancel();
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    late?.();
  }
}
