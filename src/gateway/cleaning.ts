import type { Registry } from "../processes/index.ts";
import type { Clock, Timer } from "../system/index.ts";
import type { Log } from "./types.ts";

const everyMs = 3_600_000;

/** Removes finished processes that are over their limits, now and every hour until `stopping`: without starts, nobody else would. */
export function cleanHourly(options: {
  readonly registry: Pick<Registry, "prune">;
  readonly clock: Pick<Clock, "after">;
  readonly log: Log;
  readonly stopping: AbortSignal;
}): void {
  const { registry, clock, log, stopping } = options;
  let timer: Timer | null = null;
  stopping.addEventListener("abort", () => timer?.cancel(), { once: true });

  async function clean(): Promise<void> {
    try {
      const removed = await registry.prune();
      if (removed.length > 0) log.info({ removed: removed.length }, "finished processes over the limits were removed");
    } catch (error) {
      log.warn({ problem: String(error) }, "finished processes cannot be cleaned up; trying again in an hour");
    }
    if (!stopping.aborted) timer = clock.after(everyMs, () => void clean(), { unref: true });
  }
  void clean();
}
