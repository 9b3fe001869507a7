import type { Clock, Timer } from "../system/index.ts";
import type { Log } from "./types.ts";
import type { Work } from "./work.ts";

/** Work that is told to leave gets this many milliseconds to do so, or an eighth of the drain when that is less. */
const cutGraceMsMax = 5_000;
/** While a stop waits, the state file is written at least this often: it is the heartbeat of a drain. */
const beatMs = 1_000;

/** How the drain of a shutdown went; the keys of the log (spec compat 30, F20). */
export type DrainReport = {
  readonly drain_seconds: number;
  readonly timed_out: boolean;
  readonly active_at_start: number;
  readonly active_now: number;
};

export function cutGraceMs(budgetMs: number): number {
  return Math.min(cutGraceMsMax, budgetMs / 8);
}

/**
 * Lets running work finish for at most `budgetMs`; what is not done then is told to leave and gets a moment for that. The gate is closed already.
 * `beat` is called as the count changes and each second. Never throws.
 */
export async function drainForShutdown(options: {
  readonly work: Work;
  readonly clock: Clock;
  readonly log: Log;
  /** Milliseconds; 0 waits for nothing. */
  readonly budgetMs: number;
  readonly beat: () => void;
}): Promise<DrainReport> {
  const { work, clock, log, budgetMs, beat } = options;
  const begunMs = clock.monotonicMs();
  const activeAtStart = work.active;
  const report = (timedOut: boolean): DrainReport => ({
    drain_seconds: Math.round(clock.monotonicMs() - begunMs) / 1000,
    timed_out: timedOut,
    active_at_start: activeAtStart,
    active_now: work.active,
  });
  if (activeAtStart === 0) {
    log.info(report(false), "drain: nothing runs");
    return report(false);
  }
  log.info({ ...work.counts, budget_seconds: budgetMs / 1000 }, "drain: waiting for what runs");
  const stopBeating = beatWhile(work, clock, beat);
  try {
    if (await idleWithin(work, clock, budgetMs)) {
      log.info(report(false), "drain: everything has finished");
      return report(false);
    }
    // The counts at this moment: work that leaves from now on did not finish.
    const timedOut = report(true);
    log.warn({ ...timedOut, ...work.counts }, "drain: the time is up; what still runs is told to leave");
    work.cut("the gateway stops, and the time for what was running is up");
    await idleWithin(work, clock, cutGraceMs(budgetMs));
    if (work.active > 0) log.warn({ ...work.counts }, "drain: some work has not left; going on without it");
    return timedOut;
  } finally {
    stopBeating();
  }
}

async function idleWithin(work: Work, clock: Clock, ms: number): Promise<boolean> {
  if (work.active === 0) return true;
  if (ms <= 0) return false;
  const { promise: late, resolve } = Promise.withResolvers<false>();
  const timer = clock.after(ms, () => resolve(false));
  const idle = await Promise.race([work.idle().then(() => true), late]);
  timer.cancel();
  return idle;
}

function beatWhile(work: Work, clock: Clock, beat: () => void): () => void {
  let timer: Timer;
  const again = (): void => {
    beat();
    timer = clock.after(beatMs, again);
  };
  timer = clock.after(beatMs, again);
  const unlisten = work.onChange(beat);
  return () => {
    timer.cancel();
    unlisten();
  };
}
