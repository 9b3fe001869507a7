import { spawn } from "node:child_process";
import { once } from "node:events";
import type { ProcessId } from "../src/contract/index.ts";
import { type BenchHome, withHome } from "./home.ts";
import type { Context, Measure, Row } from "./measure.ts";
import { inParallel } from "./programs.ts";
import { median, spread, takePairs } from "./spread.ts";
import { milliseconds } from "./texts.ts";

const ratioMax = 2;
const concurrency = 8;
const countFull = 100;
const countQuick = 20;

const kinds: readonly { readonly name: string; readonly command: string | readonly string[] }[] = [
  { name: 'argv ["sh", "-c", "true"]', command: ["sh", "-c", "true"] },
  { name: "command line `true` through the shell", command: "true" },
];

export const starts: Measure = {
  name: "starts",
  goal: "100 short processes, 8 at a time, take at most twice what bare child_process.spawn takes",
  run: (context) =>
    withHome(async (home) => {
      const rows: Row[] = [];
      for (const kind of kinds) rows.push(await startsRow(context, home, kind.name, kind.command));
      return rows;
    }),
};

async function startsRow(context: Context, home: BenchHome, name: string, command: string | readonly string[]): Promise<Row> {
  const count = context.quick ? countQuick : countFull;
  await home.warmKeeper();
  const paired = await takePairs({
    pairs: context.quick ? context.pairs : Math.max(10, context.pairs),
    baseline: () => timed(() => inParallel(count, concurrency, () => bareSpawn(home))),
    subject: async () => {
      const ids: ProcessId[] = [];
      const ms = await timed(() =>
        inParallel(count, concurrency, async () => {
          const { id } = await home.start(command);
          ids.push(id);
          await home.ended([id]);
        }),
      );
      home.forget(ids);
      return ms;
    },
    onPair: (a, b, pair) => context.say(`${name} ${pair}: ${milliseconds(a)}, Herma ${milliseconds(b)}`),
  });
  const ratio = spread(paired.ratios);
  return {
    what: `${count} short processes, ${concurrency} at a time, start to end: ${name}`,
    baseline: `\`spawn("sh", ["-c", "true"])\`: ${milliseconds(median(paired.baseline) / count)} each`,
    herma: `${milliseconds(median(paired.subject) / count)} each`,
    ratio,
    goal: `ratio ≤ ${ratioMax}`,
    met: ratio.median <= ratioMax,
  };
}

async function bareSpawn(home: BenchHome): Promise<void> {
  const child = spawn("sh", ["-c", "true"], { env: home.variables });
  child.stdout.resume();
  child.stderr.resume();
  await once(child, "close");
}

async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}
