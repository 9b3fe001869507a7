import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { ProcessId } from "../src/contract/index.ts";
import { startGateway } from "./gateway.ts";
import { type BenchHome, withHome } from "./home.ts";
import type { Measure } from "./measure.ts";
import { inParallel, memoryBytes } from "./programs.ts";
import { median } from "./spread.ts";
import { megabytes, milliseconds } from "./texts.ts";

const goalBytes = 30_000_000;
const countFull = 1000;
const countQuick = 20;
const listings = 20;
const settleMs = 3000;

/** What is over lies on disk: listing all of it takes no memory for good. */
export const finished: Measure = {
  name: "finished",
  goal: "a gateway that has listed 1,000 finished processes needs at most 30 MB more than one that has listed none",
  run: (context) =>
    withHome(async (home) => {
      const count = context.quick ? countQuick : countFull;
      writeFileSync(join(home.folder, "herma.yaml"), `processes:\n  finished_max: ${count * 2}\n`);
      await home.warmKeeper();
      const gateway = await startGateway(home);
      const list = lister(home, gateway.address);
      await listOften(list, 0);
      await pause(settleMs);
      const before = memoryBytes(gateway.pid);
      const ids: ProcessId[] = [];
      await inParallel(count, 8, async () => {
        const { id } = await home.start(["true"]);
        ids.push(id);
      });
      for (let from = 0; from < ids.length; from += 50) await home.ended(ids.slice(from, from + 50));
      const tookMs = await listOften(list, count);
      await pause(settleMs);
      const grown = memoryBytes(gateway.pid) - before;
      await gateway.stop();
      return [
        {
          what: `memory (anonymous, PSS) of a gateway that has listed ${count} finished processes ${listings} times`,
          baseline: `with none: ${megabytes(before)}`,
          herma: `${grown < 0 ? "−" : "+"}${megabytes(Math.abs(grown))}; a list took ${milliseconds(tookMs)}`,
          ratio: null,
          goal: `≤ ${megabytes(goalBytes)}`,
          met: grown <= goalBytes,
        },
      ];
    }),
};

/** Asks the gateway for all processes; returns how many there are. */
function lister(home: BenchHome, address: string): () => Promise<number> {
  const token = readFileSync(join(home.folder, "token"), "utf8").trim();
  return async () => {
    const answer = await fetch(`${address}/api/processes?all=1`, { headers: { authorization: `Bearer ${token}` } });
    if (!answer.ok) throw new Error(`the list answered ${answer.status}`);
    return ((await answer.json()) as { processes: unknown[] }).processes.length;
  };
}

async function listOften(list: () => Promise<number>, expected: number): Promise<number> {
  const times: number[] = [];
  for (let turn = 0; turn < listings; turn += 1) {
    const start = performance.now();
    const found = await list();
    times.push(performance.now() - start);
    if (found < expected) throw new Error(`${found} of ${expected} processes are listed`);
  }
  return median(times);
}
