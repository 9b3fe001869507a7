import nodeProcess from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { withHome } from "./home.ts";
import type { Measure } from "./measure.ts";
import { milliseconds } from "./texts.ts";

/** Processor time of the waiting program for each second of waiting. */
const goalMs = 20;
const waitsFull = 1000;
const waitsQuick = 50;
const perProcess = 10;
const secondsFull = 10;
const secondsQuick = 1;
/** The first looks find out who rings for whom; what is measured comes after them. */
const settlingMs = 3000;

/** What waiting costs while nothing happens. */
export const idleWaits: Measure = {
  name: "idleWaits",
  goal: `a thousand waits on a hundred idle processes need at most ${goalMs} ms of processor time a second`,
  run: (context) =>
    withHome(async (home) => {
      const count = context.quick ? waitsQuick : waitsFull;
      const seconds = context.quick ? secondsQuick : secondsFull;
      const ids = await home.startIdle(count / perProcess);
      const alone = await processorMs(seconds);
      const leave = new AbortController();
      const waits = Array.from({ length: count }, (_, index) =>
        home.registry.wait({
          ids: [ids[index % ids.length]!],
          until: index % 2 === 0 ? "exit" : { match: "never" },
          deadlineSeconds: Number.POSITIVE_INFINITY,
          signal: leave.signal,
        }),
      );
      await pause(settlingMs);
      const waiting = await processorMs(seconds);
      leave.abort();
      await Promise.all(waits);
      return [
        {
          what: `processor time a second while ${count} waits on ${ids.length} idle processes go on`,
          baseline: `without a wait: ${milliseconds(alone)}`,
          herma: milliseconds(waiting),
          ratio: null,
          goal: `≤ ${goalMs} ms`,
          met: waiting <= goalMs,
        },
      ];
    }),
};

/** Of this program, a second. */
async function processorMs(seconds: number): Promise<number> {
  const before = nodeProcess.cpuUsage();
  await pause(seconds * 1000);
  const { user, system } = nodeProcess.cpuUsage(before);
  return (user + system) / 1000 / seconds;
}
