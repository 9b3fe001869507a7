import { homePaths, isHermaError } from "../../contract/index.ts";
import type { Lock, Timer } from "../../system/index.ts";
import type { Context } from "../context.ts";
import { Desk } from "./desk.ts";
import { Evaluator } from "./evaluator.ts";

/** Whoever does not hold the watch lock tries this often: nothing tells when a lock is free. */
const lockLookMs = 1000;

/**
 * One evaluator of watches for each home: whoever holds `watch.lock`. The kernel frees it whatever ends its holder, and the next one goes on
 * from the stored positions.
 */
export class Watching {
  readonly #context: Context;
  #started = false;
  #lock: Lock | null = null;
  #evaluator: Evaluator | null = null;
  #timer: Timer | null = null;
  #problem: (error: unknown) => void = () => {};

  constructor(context: Context) {
    this.#context = context;
  }

  get isEvaluator(): boolean {
    return this.#evaluator !== null;
  }

  /** See `Registry.watching`. */
  async start(options: { readonly onProblem?: (error: unknown) => void } = {}): Promise<void> {
    if (this.#started) return;
    this.#problem = options.onProblem ?? (() => {});
    try {
      this.#context.store.open();
    } catch (error) {
      // What time may mend is tried again; a newer Herma's database is for people.
      if (isHermaError(error, "HOME_NEWER")) throw error;
      this.#problem(error);
    }
    this.#started = true;
    this.#try();
  }

  async stop(): Promise<void> {
    this.#started = false;
    this.#timer?.cancel();
    const evaluator = this.#evaluator;
    this.#evaluator = null;
    try {
      await evaluator?.stop();
    } finally {
      this.#lock?.release();
      this.#lock = null;
    }
  }

  #try(): void {
    if (!this.#started) return;
    const { system, home } = this.#context;
    try {
      system.files.makeFolder(home);
      this.#lock = system.locks.tryTake(homePaths(home).watchLock);
      if (this.#lock !== null) {
        this.#lock.writeBody(JSON.stringify(this.#context.self()));
        const generation = Buffer.from(system.random(6)).toString("hex");
        this.#evaluator = new Evaluator(new Desk(this.#context, this.#context.store.open(), generation), this.#problem);
        this.#evaluator.start();
        return;
      }
    } catch (error) {
      this.#lock?.release();
      this.#lock = null;
      this.#evaluator = null;
      this.#problem(error);
    }
    this.#timer = system.clock.after(lockLookMs, () => this.#try(), { unref: true });
  }
}
