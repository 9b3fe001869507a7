import { isHermaError, type ProcessId } from "../contract/index.ts";
import type { Timer } from "../system/index.ts";
import { adoptAll, withAdoptLock } from "./adopt.ts";
import { sweepGroups } from "./emptyGroups.ts";
import type { Held } from "./held.ts";
import type { Keeping } from "./keeping.ts";

/** Another keeper that adopts right now is done within moments; until then this one looks again so often, … */
const adoptLookMs = 50;
/** … and this long; one that is stuck there must not keep this one from its work. */
const adoptWaitMsMax = 5000;
/** What could not be taken over is tried again after this long, then after twice as long, up to the maximum. */
const adoptAgainMs = 1000;
const adoptAgainMsMax = 60_000;

type Options = {
  readonly keeping: Keeping;
  /** False when another keeper of this generation may have begun: then nothing is taken over any more. */
  readonly holdsLock: () => boolean;
  /** The keeper has it already, or is starting it. */
  readonly has: (id: ProcessId) => boolean;
  readonly took: (held: Held) => void;
};

/** When a keeper takes over what dead ones left: one keeper of the home at a time, and again for what could not be had at once. */
export class Adopting {
  readonly #options: Options;
  readonly #running = new Set<Promise<unknown>>();
  #again: { timer: Timer; afterMs: number } | null = null;
  #stopped = false;

  constructor(options: Options) {
    this.#options = options;
  }

  /** Returns how many processes were taken. */
  async all(): Promise<number> {
    const { keeping, has } = this.#options;
    const taken = await this.#run(has);
    if (!this.#stopped) sweepGroups(keeping, has);
    return taken ?? 0;
  }

  /** Only this one, which the keeper is about to start. Null when that could not be done now. */
  one(id: ProcessId): Promise<number | null> {
    return this.#run(() => false, id);
  }

  /** Nothing more is taken over. */
  stop(): void {
    this.#stopped = true;
    this.#stopTryingAgain();
  }

  /** What is under way has come to its end. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#running);
  }

  /** Null when it could not be done now: another keeper was adopting all the time, or the lock cannot be had. */
  #run(skip: (id: ProcessId) => boolean, only?: ProcessId): Promise<number | null> {
    const adoption = this.#whenFree(skip, only);
    this.#running.add(adoption);
    return adoption.finally(() => this.#running.delete(adoption));
  }

  async #whenFree(skip: (id: ProcessId) => boolean, only?: ProcessId): Promise<number | null> {
    const { keeping, holdsLock, took } = this.#options;
    const { clock } = keeping.system;
    const deadlineMs = clock.monotonicMs() + adoptWaitMsMax;
    const options = {
      skip: (id: ProcessId) => this.#stopped || skip(id),
      took,
      ended: (id: ProcessId) => keeping.doorbell.tell({ type: "exit", id }),
      ...(only === undefined ? {} : { only }),
    };
    try {
      do {
        if (!holdsLock()) break;
        const result = await withAdoptLock(keeping, () => adoptAll(keeping, options));
        if (result !== null) {
          if (result.later > 0) this.#tryAgain();
          else if (only === undefined) this.#stopTryingAgain();
          return result.taken;
        }
        await new Promise<void>((resolve) => clock.after(adoptLookMs, resolve));
      } while (clock.monotonicMs() < deadlineMs && !this.#stopped);
      keeping.log("another keeper is adopting and does not come to an end; it is tried again later");
    } catch (error) {
      if (!isHermaError(error)) throw error;
      keeping.log(`nothing could be taken over; it is tried again later: ${error.message}`);
    }
    this.#tryAgain();
    return null;
  }

  #tryAgain(): void {
    if (this.#stopped) return;
    const { keeping } = this.#options;
    const afterMs = this.#again === null ? adoptAgainMs : Math.min(this.#again.afterMs * 2, adoptAgainMsMax);
    this.#again?.timer.cancel();
    const timer = keeping.system.clock.after(afterMs, () => {
      this.all().catch((error: unknown) => keeping.log(`adoption: ${String(error)}`));
    });
    this.#again = { timer, afterMs };
  }

  #stopTryingAgain(): void {
    this.#again?.timer.cancel();
    this.#again = null;
  }
}
