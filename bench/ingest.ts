import { rmSync } from "node:fs";
import { join } from "node:path";
import { type BenchHome, withHome } from "./home.ts";
import type { Context, Measure, Row } from "./measure.ts";
import { cpuSeconds, timeProgram } from "./programs.ts";
import { median, spread, takePairs } from "./spread.ts";
import { megabytes, milliseconds, spreadText } from "./texts.ts";

const ratioMax = 1.1;
const bytesFull = 200_000_000;
const bytesQuick = 5_000_000;

const producers: readonly { readonly name: string; readonly script: (bytes: number) => string }[] = [
  { name: "numbered lines (seq)", script: (bytes) => `seq 1 25000000 | head -c ${bytes}` },
  { name: "as fast as it goes (yes)", script: (bytes) => `yes | head -c ${bytes}` },
];

/**
 * Output of one process, start to end as a waiter sees it, with the default output limit (the head and 64 MiB of tail are kept on disk). The
 * first baseline keeps nothing. What keeping it costs whoever does it (each byte is copied once more, into the page cache) is told by the
 * second: the same bytes by `cat` into one file. On two cores, which `seq` and `head` fill by themselves, the goal is out of anybody's reach for
 * numbered lines: a loop of read and write in C over segments of 4 MiB, the oldest removed, took 1.19 (resting where the pipe held little) to 1.30
 * of the baseline, and neither splice(2), preallocation, a larger pipe nor a thread that removes the files made it less.
 */
export const ingest: Measure = {
  name: "ingest",
  goal: "200 MB of output take at most 1.1 times what the same producer takes into `cat >/dev/null`",
  run: (context) =>
    withHome(async (home) => {
      const rows: Row[] = [];
      for (const producer of producers) rows.push(...(await ingestRows(context, home, producer.name, producer.script)));
      return rows;
    }),
};

async function ingestRows(context: Context, home: BenchHome, name: string, script: (bytes: number) => string): Promise<Row[]> {
  const bytes = context.quick ? bytesQuick : bytesFull;
  const producer = script(bytes);
  const keeperPid = await home.warmKeeper();
  const keeperSeconds: number[] = [];
  const file = join(home.folder, "kept-by-cat");
  const keptByCat: number[] = [];
  const paired = await takePairs({
    pairs: context.pairs,
    baseline: async () => {
      keptByCat.push((await timeProgram(["sh", "-c", `(${producer}) | cat >${file}`], home.variables)).ms);
      rmSync(file);
      return (await timeProgram(["sh", "-c", `(${producer}) | cat >/dev/null`], home.variables)).ms;
    },
    subject: async () => {
      const cpuBefore = cpuSeconds(keeperPid);
      const start = performance.now();
      const { id } = await home.start(["sh", "-c", producer]);
      await home.ended([id]);
      const ms = performance.now() - start;
      keeperSeconds.push(cpuSeconds(keeperPid) - cpuBefore);
      const { end } = home.registry.get(id).output;
      if (end !== bytes) throw new Error(`${end} of ${bytes} bytes arrived`);
      home.forget([id]);
      return ms;
    },
    onPair: (a, b, pair) => context.say(`${name} ${pair}: ${milliseconds(a)}, Herma ${milliseconds(b)}`),
  });
  const ratio = spread(paired.ratios);
  // The first belong to the warm-up.
  const cpu = spread(keeperSeconds.slice(1));
  const cat = keptByCat.slice(1);
  return [
    {
      what: `${megabytes(bytes)} of output, ${name}: wall`,
      baseline: `into \`cat >/dev/null\`: ${milliseconds(median(paired.baseline))}`,
      herma: milliseconds(median(paired.subject)),
      ratio,
      goal: `ratio ≤ ${ratioMax}`,
      met: ratio.median <= ratioMax,
    },
    {
      what: `${megabytes(bytes)} of output, ${name}: wall, against keeping it by \`cat\``,
      baseline: `into a file by \`cat\`: ${milliseconds(median(cat))}, ${spreadText(spread(cat.map((ms, index) => ms / paired.baseline[index]!)))} of \`cat >/dev/null\``,
      herma: milliseconds(median(paired.subject)),
      ratio: spread(paired.subject.map((ms, index) => ms / cat[index]!)),
      goal: "",
      met: null,
    },
    {
      what: `${megabytes(bytes)} of output, ${name}: CPU of the keeper`,
      baseline: "",
      herma: `${cpu.median.toFixed(2)} s (${cpu.p10.toFixed(2)}–${cpu.p90.toFixed(2)})`,
      ratio: null,
      goal: "",
      met: null,
    },
  ];
}
