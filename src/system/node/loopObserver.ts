import fs from "node:fs";
import { createRequire } from "node:module";
import nodeProcess from "node:process";
import { fileURLToPath } from "node:url";
import { getHeapStatistics } from "node:v8";
import { HermaError } from "../../contract/index.ts";
import type { LoopObserver, LoopPlan, LoopWatch } from "../types.ts";
import { sharedBytes, slots } from "./loopShared.ts";

const require = createRequire(import.meta.url);
/** MiB; the thread reads two small files and holds a stack. */
const threadLimits = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 2, stackSizeMb: 1 };

/** What the thread is given. */
export type LoopOrder = { readonly shared: SharedArrayBuffer; readonly plan: LoopPlan; readonly debugged: boolean };

/** Where the thread's program may stand: beside this file in the source tree, or in the build, whose files are put together in other folders. */
function threadProgram(): string {
  const places = ["./loopThread.ts", "../system/loopThread.mjs", "./system/loopThread.mjs"];
  const found = places.map((place) => fileURLToPath(new URL(place, import.meta.url))).find((path) => fs.existsSync(path));
  if (found === undefined) throw new HermaError("INTERNAL", "the program of the thread that watches the event loop is missing");
  return found;
}

/** A worker thread: it has a loop of its own, and shares a few numbers with ours. */
export const nodeLoopObserver: LoopObserver = {
  watch: (plan, problem) => {
    const shared = new SharedArrayBuffer(sharedBytes);
    const numbers = new Float64Array(shared);
    const beating = beat(numbers, plan.beatMs);
    let thread: import("node:worker_threads").Worker | null = null;
    try {
      const { Worker } = require("node:worker_threads") as typeof import("node:worker_threads");
      const order: LoopOrder = { shared, plan, debugged: nodeProcess.execArgv.some((word) => word.startsWith("--inspect")) };
      thread = new Worker(threadProgram(), { workerData: order, execArgv: [], env: {}, resourceLimits: threadLimits });
      thread.unref();
      thread.on("error", problem);
    } catch (error) {
      problem(error);
    }
    return {
      takeLagMs: beating.takeLagMs,
      stop: async () => {
        beating.stop();
        await thread?.terminate();
      },
    };
  },
};

function beat(numbers: Float64Array, everyMs: number): Pick<LoopWatch, "takeLagMs"> & { stop(): void } {
  let dueMs = performance.now() + everyMs;
  let worstMs = 0;
  const timer = setInterval(() => {
    const nowMs = performance.now();
    const lagMs = Math.max(0, nowMs - dueMs);
    worstMs = Math.max(worstMs, lagMs);
    dueMs = nowMs + everyMs;
    const heap = getHeapStatistics();
    numbers[slots.heapBytes] = heap.used_heap_size;
    numbers[slots.heapBytesMax] = heap.heap_size_limit;
    numbers[slots.lagMs] = lagMs;
    numbers[slots.beats]! += 1;
  }, everyMs);
  timer.unref();
  return {
    takeLagMs: () => {
      const lagMs = Math.max(worstMs, performance.now() - dueMs, 0);
      worstMs = 0;
      return lagMs;
    },
    stop: () => clearInterval(timer),
  };
}
