import { setTimeout as pause } from "node:timers/promises";
import { startGateway } from "./gateway.ts";
import { type BenchHome, withHome } from "./home.ts";
import type { Context, Measure } from "./measure.ts";
import { memoryBytes } from "./programs.ts";
import { median, spread } from "./spread.ts";
import { megabytes } from "./texts.ts";

const goalBytes = 3_000_000;
const rounds = 3;
const countFull = 200;
const countQuick = 10;
const looksMin = 7;

type Memory = { readonly keeper: number; readonly gateway: number };

/** What idle processes cost where they are held and shown. Whatever the garbage collectors did not return by then is part of it. */
export const memory: Measure = {
  name: "memory",
  goal: "keeper and gateway together need at most 3 MB more for each 100 idle processes that printed 1 MB",
  run: async (context) => {
    const taken: { before: Memory; after: Memory }[] = [];
    for (let round = 1; round <= (context.quick ? 1 : rounds); round += 1) {
      const result = await withHome((home) => oneRound(context, home));
      taken.push(result);
      context.say(`${round}: ${text(result.before)} at none, ${text(result.after)} with all`);
    }
    const count = context.quick ? countQuick : countFull;
    const per100 = (part: (memory: Memory) => number): number[] =>
      taken.map(({ before, after }) => ((part(after) - part(before)) / count) * 100);
    const keeper = spread(per100((memory) => memory.keeper));
    const gateway = spread(per100((memory) => memory.gateway));
    const both = spread(per100((memory) => memory.keeper + memory.gateway));
    const part = (which: keyof Memory, when: "before" | "after"): string => megabytes(median(taken.map((one) => one[when][which])));
    return [
      {
        what: `anonymous memory (PSS) per 100 idle processes that printed 1 MB each, of ${count}, median of ${taken.length} rounds, garbage included`,
        baseline: `with none: keeper ${part("keeper", "before")}, gateway ${part("gateway", "before")}`,
        herma: `${signed(both.median)} (keeper ${signed(keeper.median)}, gateway ${signed(gateway.median)}; ${signed(both.p10)} to ${signed(both.p90)})`,
        ratio: null,
        goal: `≤ ${megabytes(goalBytes)}`,
        met: both.median <= goalBytes,
      },
    ];
  },
};

async function oneRound(context: Context, home: BenchHome): Promise<{ before: Memory; after: Memory }> {
  const keeperPid = await home.warmKeeper();
  const gateway = await startGateway(home);
  const look = (): Memory => ({ keeper: memoryBytes(keeperPid), gateway: memoryBytes(gateway.pid) });
  const before = await settled(look);
  await home.startIdle(context.quick ? countQuick : countFull, { printing: true });
  const after = await settled(look);
  await gateway.stop();
  return { before, after };
}

/** Looks every half second until the looks of three seconds agree within 1 %, for half a minute at most. */
async function settled(look: () => Memory): Promise<Memory> {
  const looks: Memory[] = [];
  for (let tries = 0; tries < 60; tries += 1) {
    looks.push(look());
    const sums = looks.slice(-looksMin).map((memory) => memory.keeper + memory.gateway);
    if (sums.length === looksMin && Math.max(...sums) <= Math.min(...sums) * 1.01) break;
    await pause(500);
  }
  return looks.at(-1)!;
}

function text(memory: Memory): string {
  return `keeper ${megabytes(memory.keeper)}, gateway ${megabytes(memory.gateway)}`;
}

function signed(bytes: number): string {
  return `${bytes < 0 ? "−" : "+"}${megabytes(Math.abs(bytes))}`;
}
