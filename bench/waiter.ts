import { spawn } from "node:child_process";
import { once } from "node:events";
import nodeProcess from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { type BenchHome, withHome } from "./home.ts";
import type { Measure } from "./measure.ts";
import { median, quantile, spread, takePairs } from "./spread.ts";
import { milliseconds } from "./texts.ts";

const goalMs = 5;
const samplesFull = 200;
const samplesQuick = 20;
/** A wait that has only just been asked for may still be subscribing; what is measured is one that waits. */
const waitingMs = 30;

/** From a SIGKILL sent straight to the process, which is an end at a known moment, to the waiter's hearing of it. */
export const waiter: Measure = {
  name: "waiter",
  goal: "a waiter hears of an end within 5 ms (p50)",
  run: (context) =>
    withHome(async (home) => {
      await home.warmKeeper();
      const paired = await takePairs({
        pairs: context.quick ? samplesQuick : samplesFull,
        warmUps: 5,
        baseline: bareEnd,
        subject: () => hermaEnd(home),
        onPair: (a, b, pair) => {
          if (pair % 20 === 0) context.say(`${pair}: ${milliseconds(a)}, Herma ${milliseconds(b)}`);
        },
      });
      const rows = [0.5, 0.99].map((share) => ({
        what: `end of a process to its waiter, p${share * 100} of ${paired.subject.length}`,
        baseline: `\`exit\` event of child_process: ${milliseconds(quantile(paired.baseline, share))}`,
        herma: milliseconds(quantile(paired.subject, share)),
        ratio: share === 0.5 ? spread(paired.ratios) : null,
        goal: share === 0.5 ? `≤ ${goalMs} ms` : "",
        met: share === 0.5 ? median(paired.subject) <= goalMs : null,
      }));
      return rows;
    }),
};

async function bareEnd(): Promise<number> {
  const child = spawn("sleep", ["1000"]);
  await once(child, "spawn");
  const exit = once(child, "exit");
  const close = once(child, "close");
  await pause(waitingMs);
  const start = performance.now();
  nodeProcess.kill(child.pid!, "SIGKILL");
  await exit;
  const ms = performance.now() - start;
  await close;
  return ms;
}

async function hermaEnd(home: BenchHome): Promise<number> {
  const { id, pid } = await home.start(["sleep", "1000"]);
  const waited = home.registry.wait({ ids: [id], deadlineSeconds: 60 });
  await pause(waitingMs);
  const start = performance.now();
  nodeProcess.kill(pid!, "SIGKILL");
  const { reason, processes } = await waited;
  const ms = performance.now() - start;
  const exit = processes[0]?.exit;
  if (reason !== "exit" || exit?.signal !== "SIGKILL") throw new Error(`another end than expected: ${reason} ${JSON.stringify(exit)}`);
  home.forget([id]);
  return ms;
}
