/**
 * Measures Herma against a baseline in the same run.
 *
 *     npm run bench [-- [NAME...] [--quick] [--pairs N] [--homes FOLDER] [--write]]
 *
 * It builds `dist/` first, because that is what people run; edit no source meanwhile. Without names: all. `--quick`: small sizes, to see that
 * the measures work. `--homes`: where the homes are made, instead of in TMPDIR or /tmp. The head of each run names it with its file system;
 * compare runs of one kind only: an ext4 without a journal makes new files slower the more were removed lately, /dev/shm does not. `--write`:
 * writes RESULTS.md, for a whole run only. Exit 1 when a measure could not be taken; a missed goal is a result, not a failure.
 */
import { mkdtempSync, realpathSync, rmSync, statSync, writeFileSync } from "node:fs";
import { enableCompileCache } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import nodeProcess from "node:process";
import { parseArgs } from "node:util";
import { adoption } from "./adoption.ts";
import { drain } from "./drain.ts";
import { finished } from "./finished.ts";
import { gatewayReady } from "./gatewayReady.ts";
import { closeHomes } from "./home.ts";
import { idleWaits } from "./idleWaits.ts";
import { ingest } from "./ingest.ts";
import { heartbeat, startAndStop, takeoverGap } from "./lifecycle.ts";
import type { Context, Measure, Row } from "./measure.ts";
import { memory } from "./memory.ts";
import { build, isBuildStale, pinnedNode } from "./programs.ts";
import { ps } from "./ps.ts";
import { resultsPage, surroundings, table } from "./results.ts";
import { snapshot } from "./snapshot.ts";
import { starts } from "./starts.ts";
import { waiter } from "./waiter.ts";
import { watches } from "./watches.ts";

const measures: readonly Measure[] = [
  ingest,
  watches,
  starts,
  waiter,
  idleWaits,
  memory,
  finished,
  ps,
  gatewayReady,
  startAndStop,
  takeoverGap,
  heartbeat,
  snapshot,
  drain,
  adoption,
];
const pairsMin = 5;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      quick: { type: "boolean", default: false },
      pairs: { type: "string" },
      homes: { type: "string" },
      write: { type: "boolean", default: false },
    },
  });
  const unknown = positionals.filter((name) => !measures.some((measure) => measure.name === name));
  if (unknown.length > 0)
    return refuse(`no such measure: ${unknown.join(", ")} (there are ${measures.map(({ name }) => name).join(", ")})`);
  if (values.write && (values.quick || positionals.length > 0))
    return refuse("RESULTS.md is one whole run: --write takes neither names nor --quick");
  if (realpathSync(nodeProcess.execPath) !== realpathSync(pinnedNode)) return refuse("run it with the checkout's Node.js: npm run bench");
  const pairs = values.pairs === undefined ? (values.quick ? 2 : pairsMin * 2) : Number(values.pairs);
  if (!Number.isInteger(pairs) || pairs < (values.quick ? 1 : pairsMin)) return refuse(`--pairs: ${pairsMin} or more`);
  if (values.homes !== undefined) {
    if (!statSync(values.homes, { throwIfNoEntry: false })?.isDirectory()) return refuse(`--homes: ${values.homes} is no folder`);
    nodeProcess.env.TMPDIR = realpathSync(values.homes);
  }
  // As the command line does, so that the keepers it starts find compiled code, too.
  const compiled = mkdtempSync(join(tmpdir(), "herma-bench-compiled-"));
  nodeProcess.once("exit", () => rmSync(compiled, { recursive: true, force: true }));
  enableCompileCache(compiled);

  const place = surroundings();
  console.log(place.join("\n"));
  build();
  const rows: Row[] = [];
  let failures = 0;
  for (const measure of measures) {
    if (positionals.length > 0 && !positionals.includes(measure.name)) continue;
    console.log(`\n${measure.name}: ${measure.goal}`);
    const context: Context = { quick: values.quick, pairs, say: (text) => console.log(`  ${text}`) };
    try {
      rows.push(...(await measure.run(context)));
    } catch (error) {
      failures += 1;
      console.log(`  failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      rows.push({ what: measure.name, baseline: "", herma: "could not be measured", ratio: null, goal: measure.goal, met: false });
    }
  }
  console.log(`\n${table(rows)}${values.quick ? "\n\nA quick run: these numbers mean nothing." : ""}`);
  if (isBuildStale()) {
    console.log(
      "\nA source was edited during the run, so the command line ran from the sources: these numbers are not those of a release.",
    );
    if (values.write) return 1;
  }
  if (values.write) writeFileSync(join(import.meta.dirname, "RESULTS.md"), resultsPage(place, rows));
  return failures === 0 ? 0 : 1;
}

function refuse(why: string): number {
  console.error(why);
  return 2;
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  nodeProcess.once(signal, () => {
    void closeHomes().finally(() => nodeProcess.exit(signal === "SIGINT" ? 130 : 143));
  });
}
nodeProcess.exitCode = await main();
