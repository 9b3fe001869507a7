import { EventEmitter, once } from "node:events";

/**
 * Waits for `promise`, at most `deadlineMs`. The rejection names what was waited for. A bound against hanging, so choose it generously.
 */
export async function deadline<T>(promise: Promise<T>, deadlineMs: number, what: string): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`not within ${deadlineMs} ms: ${what}`)), deadlineMs);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

export type UntilOptions = {
  /** Default 15 000. */
  readonly deadlineMs?: number;
  /**
   * What makes another look worth while: calls `look` after each change and returns the end of the subscription. Prefer this to looking
   * by the clock, which stays as the fallback.
   */
  readonly wake?: (look: () => void) => () => void;
  /** Milliseconds between looks without a wake. Default 10, or 250 with a `wake`. */
  readonly pollMs?: number;
};

/**
 * Waits until `condition` gives something other than false, null or undefined, and returns it. A throw in `condition` ends the wait at once.
 */
export async function until<T>(
  what: string,
  condition: () => T | Promise<T>,
  options: UntilOptions = {},
): Promise<Exclude<T, false | null | undefined>> {
  const deadlineMs = options.deadlineMs ?? 15_000;
  const pollMs = options.pollMs ?? (options.wake === undefined ? 10 : 250);
  const end = performance.now() + deadlineMs;
  let wakeUp = (): void => {};
  let rung = false;
  const unsubscribe = options.wake?.(() => {
    rung = true;
    wakeUp();
  });
  try {
    for (;;) {
      rung = false;
      const result = await condition();
      if (result !== false && result !== null && result !== undefined) return result as Exclude<T, false | null | undefined>;
      const leftMs = end - performance.now();
      if (leftMs <= 0) throw new Error(`not within ${deadlineMs} ms: ${what}`);
      if (rung) continue;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(pollMs, leftMs));
        wakeUp = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  } finally {
    unsubscribe?.();
  }
}

/** The arguments of the next `name` event, within the deadline. An `error` event rejects, as in `events.once`. */
export async function event(emitter: EventEmitter | EventTarget, name: string, deadlineMs = 15_000): Promise<unknown[]> {
  const abort = new AbortController();
  const next =
    emitter instanceof EventEmitter ? once(emitter, name, { signal: abort.signal }) : once(emitter, name, { signal: abort.signal });
  try {
    return await deadline(next, deadlineMs, `event ${name}`);
  } finally {
    next.catch(() => {});
    abort.abort();
  }
}
