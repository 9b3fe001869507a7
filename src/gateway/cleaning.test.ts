import { expect, test } from "vitest";
import type { Clock } from "../system/index.ts";
import { cleanHourly } from "./cleaning.ts";
import type { Log } from "./types.ts";

/** Timers that the test fires. */
function stage(prune: () => Promise<string[]>) {
  const timers: { ms: number; fire: () => void; cancelled: boolean }[] = [];
  const logged: string[] = [];
  const note = (_fields: unknown, message: string) => logged.push(message);
  const log: Log = { debug: note, info: note, warn: note, error: note, setLevel: () => {}, flush: async () => {} };
  const clock: Pick<Clock, "after"> = {
    after: (ms, fire) => {
      const timer = { ms, fire, cancelled: false };
      timers.push(timer);
      return {
        cancel: () => {
          timer.cancelled = true;
        },
      };
    },
  };
  const stopping = new AbortController();
  cleanHourly({ registry: { prune }, clock, log, stopping: stopping.signal });
  return { timers, logged, stopping };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("it cleans at once and every hour, also after a failure, until the end", async () => {
  let calls = 0;
  const { timers, logged, stopping } = stage(async () => {
    calls += 1;
    if (calls === 2) throw new Error("the disk is gone");
    return calls === 1 ? ["proc_000000000001"] : [];
  });
  await settled();
  expect([calls, timers.length, timers[0]?.ms]).toEqual([1, 1, 3_600_000]);
  timers[0]?.fire();
  await settled();
  timers[1]?.fire();
  await settled();
  expect(calls).toBe(3);
  expect(logged).toHaveLength(2);
  stopping.abort();
  expect(timers.at(-1)?.cancelled).toBe(true);
});

test("when the gateway ends during a cleaning, no timer is left", async () => {
  const cleaned = Promise.withResolvers<string[]>();
  const { timers, stopping } = stage(() => cleaned.promise);
  stopping.abort();
  cleaned.resolve([]);
  await settled();
  expect(timers).toEqual([]);
});
