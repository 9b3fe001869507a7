import { HermaError } from "../contract/index.ts";
import type { Clock, Timer } from "../system/index.ts";
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

/** Milliseconds that a step on its way up may take after the gateway was told to stop. */
const leaveMs = 3_000;

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

  /**
   * Runs the steps until one throws, or until `stopping` is aborted. A step that is under way then gets {@link leaveMs} to come to its end; one that
   * hangs must not hold up a program that was told to stop.
   */
  async up(steps: readonly Step[], stopping: AbortSignal): Promise<void> {
    for (const step of steps) {
      if (stopping.aborted) return;
      const begun = this.#clock.monotonicMs();
      const rising = (async () => step.up())();
      if ((await this.#risen(rising, stopping)) === "left") {
        this.#log.warn({ step: step.name, ms: this.#since(begun) }, "not up in time; going down without it");
        // Should it come up all the same, it is not left standing.
        void rising.then((down) => down?.()).catch(() => {});
        return;
      }
      const down = await rising;
      if (down !== undefined) this.#standing.push({ name: step.name, downMs: step.downMs, down });
      this.#log.debug({ step: step.name, ms: this.#since(begun) }, "up");
    }
  }

  async #risen(rising: Promise<unknown>, stopping: AbortSignal): Promise<"up" | "left"> {
    let timer: Timer | null = null;
    const { promise: left, resolve: leave } = Promise.withResolvers<"left">();
    const leaveLater = (): void => {
      timer = this.#clock.after(leaveMs, () => leave("left"));
    };
    stopping.addEventListener("abort", leaveLater, { once: true });
    try {
      return await Promise.race([rising.then(() => "up" as const), left]);
    } finally {
      stopping.removeEventListener("abort", leaveLater);
      (timer as Timer | null)?.cancel();
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
