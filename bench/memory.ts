import { setTimeout as pause } from "node:timers/promises";
import { startGateway } from "./gateway.ts";
import { type BenchHome, withHome } from "./home.ts";
import type { Measure } from "./measure.ts";
import { memoryBytes } from "./programs.ts";
import { median, spread } from "./spread.ts";
import { megabytes } from "./texts.ts";

const goalBytes = 3_000_000;
const roundsFull = 3;
const countFull = 200;
const countQuick = 10;
const looksMin = 7;

type Memory = { readonly keeper: number; readonly gateway: number };
type Round = { readonly none: Memory; readonly half: Memory; readonly all: Memory };

/** What idle processes cost where they are held and shown. Whatever the garbage collectors did not return by then is part of it. */
export const memory: Measure = {
  name: "memory",
  goal: "keeper and gateway together need at most 3 MB more for each 100 idle processes that printed 1 MB",
  run: async (context) => {
    const count = context.quick ? countQuick : countFull;
    const rounds: Round[] = [];
    for (let number = 1; number <= (context.quick ? 1 : roundsFull); number += 1) {
      const round = await withHome((home) => oneRound(home, count));
      rounds.push(round);
      context.say(`${number}: ${text(round.none)} at none, ${text(round.half)} at ${count / 2}, ${text(round.all)} at ${count}`);
    }
    const what = `memory (anonymous, PSS) per 100 idle processes that printed 1 MB each, median of ${rounds.length}, garbage included`;
    const first = growth(rounds, "none", count);
    const later = growth(rounds, "half", count / 2);
    return [
      {
        what: `${what}: from none to ${count}`,
        baseline: `with none: ${text(middle(rounds, "none"))}`,
        herma: first.text,
        ratio: null,
        goal: `≤ ${megabytes(goalBytes)}`,
        met: first.medianBytes <= goalBytes,
      },
      // What a keeper's heap grows by once, whatever the number of processes, is in the first half.
      {
        what: `${what}: from ${count / 2} to ${count}`,
        baseline: `with ${count / 2}: ${text(middle(rounds, "half"))}`,
        herma: later.text,
        ratio: null,
        goal: "",
        met: null,
      },
    ];
  },
};

async function oneRound(home: BenchHome, count: number): Promise<Round> {
  const keeperPid = await home.warmKeeper();
  const gateway = await startGateway(home);
  const look = (): Memory => ({ keeper: memoryBytes(keeperPid), gateway: memoryBytes(gateway.pid) });
  const none = await settled(look);
  await home.startIdle(count / 2, { printing: true });
  const half = await settled(look);
  await home.startIdle(count / 2, { printing: true });
  const all = await settled(look);
  await gateway.stop();
  return { none, half, all };
}

/** Of each round the growth from `from` to all, per 100 processes. */
function growth(rounds: readonly Round[], from: keyof Round, count: number): { medianBytes: number; text: string } {
  const per100 = (bytes: (memory: Memory) => number) =>
    spread(rounds.map((round) => ((bytes(round.all) - bytes(round[from])) / count) * 100));
  const both = per100((memory) => memory.keeper + memory.gateway);
  const keeper = per100((memory) => memory.keeper).median;
  const gateway = per100((memory) => memory.gateway).median;
  return {
    medianBytes: both.median,
    text: `${signed(both.median)} (keeper ${signed(keeper)}, gateway ${signed(gateway)}; ${signed(both.p10)} to ${signed(both.p90)})`,
  };
}

function middle(rounds: readonly Round[], when: keyof Round): Memory {
  return { keeper: median(rounds.map((round) => round[when].keeper)), gateway: median(rounds.map((round) => round[when].gateway)) };
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
