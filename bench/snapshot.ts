import { spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import nodeProcess from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { shutdownSnapshot } from "../src/lifecycle/index.ts";
import { nodeSystem } from "../src/system/index.ts";
import type { Measure } from "./measure.ts";
import { milliseconds } from "./texts.ts";

const goalMs = 5;
const takesFull = 2_000;
const takesQuick = 200;
/** As in a gateway between two events: what is measured is not the heat of a loop. */
const betweenMs = 1;

/** How long a gateway that is told to stop looks around before it does anything else, on a machine that has no time. */
export const snapshot: Measure = {
  name: "snapshot",
  goal: `what stands around a stop is noted within ${goalMs} ms (p99) on a busy machine`,
  run: async ({ quick }) => {
    const takes = quick ? takesQuick : takesFull;
    const idle = await times(takes);
    const hogs = Array.from({ length: availableParallelism() }, () =>
      spawn(nodeProcess.execPath, ["-e", "for (;;);"], { stdio: "ignore" }),
    );
    try {
      const busy = await times(takes);
      return [
        {
          what: `the note of a shutdown, p99 of ${takes}, while ${hogs.length} programs compute; and its processor time`,
          baseline: `without them: ${milliseconds(p99(idle.wall))}, ${milliseconds(p99(idle.processor))}`,
          herma: `${milliseconds(p99(busy.wall))}, ${milliseconds(p99(busy.processor))}`,
          ratio: null,
          goal: `≤ ${goalMs} ms`,
          met: p99(busy.wall) <= goalMs,
        },
      ];
    } finally {
      for (const hog of hogs) hog.kill("SIGKILL");
    }
  },
};

type Times = { readonly wall: number[]; readonly processor: number[] };

async function times(takes: number): Promise<Times> {
  const system = nodeSystem();
  const found: Times = { wall: [], processor: [] };
  for (let take = 0; take < takes; take += 1) {
    await pause(betweenMs);
    const used = nodeProcess.threadCpuUsage();
    const begun = performance.now();
    shutdownSnapshot({ system, home: "/nonexistent", signal: "SIGTERM", target: null, variables: nodeProcess.env, loopLagMs: null });
    found.wall.push(performance.now() - begun);
    const { user, system: kernel } = nodeProcess.threadCpuUsage(used);
    found.processor.push((user + kernel) / 1000);
  }
  return found;
}

function p99(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length * 0.99)] ?? 0;
}
