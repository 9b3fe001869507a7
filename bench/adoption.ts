import { readFileSync } from "node:fs";
import nodeProcess from "node:process";
import { setImmediate as nextTurn } from "node:timers/promises";
import { type ProcessId, processPaths, StateFile } from "../src/contract/index.ts";
import { startGateway } from "./gateway.ts";
import { type BenchHome, eventually, withHome } from "./home.ts";
import type { Context, Measure, Row } from "./measure.ts";
import { timeEmptyNode } from "./programs.ts";
import { median, spread, takePairs } from "./spread.ts";
import { milliseconds } from "./texts.ts";

const goalMs = 300;
const countFull = 200;
const countQuick = 20;
const adoptMsMax = 60_000;

export const adoption: Measure = {
  name: "adoption",
  goal: "200 running processes make a gateway ready at most 300 ms later; a new keeper has adopted them within 300 ms",
  run: (context) =>
    withHome((empty) =>
      withHome(async (full) => {
        const ids = await full.startIdle(context.quick ? countQuick : countFull);
        return [await gatewayRow(context, empty, full, ids.length), await keeperRow(context, full, ids)];
      }),
    ),
};

async function gatewayRow(context: Context, empty: BenchHome, full: BenchHome, count: number): Promise<Row> {
  const ready = async (home: BenchHome): Promise<number> => {
    const gateway = await startGateway(home);
    await gateway.stop();
    return gateway.readyMs;
  };
  const paired = await takePairs({
    pairs: context.pairs,
    warmUps: 2,
    baseline: () => ready(empty),
    subject: () => ready(full),
    onPair: (a, b, pair) => context.say(`gateway ${pair}: ${milliseconds(a)} without, ${milliseconds(b)} with ${count}`),
  });
  const more = spread(paired.differences);
  return {
    what: `gateway to ready with ${count} running processes`,
    baseline: `with none: ${milliseconds(median(paired.baseline))}`,
    herma: `${milliseconds(median(paired.subject))}, which is ${more.median.toFixed(0)} ms more (${more.p10.toFixed(0)} to ${more.p90.toFixed(0)})`,
    ratio: spread(paired.ratios),
    goal: `≤ ${goalMs} ms more`,
    met: more.median <= goalMs,
  };
}

async function keeperRow(context: Context, home: BenchHome, ids: readonly ProcessId[]): Promise<Row> {
  const paired = await takePairs({
    pairs: context.pairs,
    baseline: () => timeEmptyNode(home.variables),
    subject: () => adoptMs(home, ids),
    onPair: (a, b, pair) => context.say(`keeper ${pair}: node -e 0 ${milliseconds(a)}, adoption ${milliseconds(b)}`),
  });
  const ms = spread(paired.subject);
  return {
    what: `keeper killed by SIGKILL: recover() until a new keeper has adopted ${ids.length} running processes, its own start included`,
    baseline: `\`node -e 0\`: ${milliseconds(median(paired.baseline))}`,
    herma: `${milliseconds(ms.median)} (${milliseconds(ms.p10)} to ${milliseconds(ms.p90)})`,
    ratio: spread(paired.ratios),
    goal: `≤ ${goalMs} ms`,
    met: ms.median <= goalMs,
  };
}

async function adoptMs(home: BenchHome, ids: readonly ProcessId[]): Promise<number> {
  const oldPid = home.keeperPid();
  nodeProcess.kill(oldPid, "SIGKILL");
  await eventually("the keeper is gone", () => home.system.processes.look(oldPid).kind === "dead");
  const start = performance.now();
  await home.registry.recover();
  const waiting = new Set(ids);
  while (waiting.size > 0) {
    if (performance.now() - start > adoptMsMax) throw new Error(`${waiting.size} of ${ids.length} processes have no new keeper`);
    for (const id of waiting) if (keeperOf(home, id) !== oldPid) waiting.delete(id);
    if (waiting.size > 0) await nextTurn();
  }
  const ms = performance.now() - start;
  const lost = ids.filter((id) => home.registry.get(id).phase !== "running");
  if (lost.length > 0) throw new Error(`${lost.length} of ${ids.length} processes do not run after the adoption`);
  return ms;
}

function keeperOf(home: BenchHome, id: ProcessId): number {
  return StateFile.parse(JSON.parse(readFileSync(processPaths(home.folder, id).state, "utf8"))).keeper.identity.pid;
}
