/**
 * The pages that are made from the code.
 *
 *     node scripts/docs.ts [--check] [--root DIR]
 *
 * Writes them to docs/; `--check` writes nothing, names each page that is not what the code says, and exits 1 when there is one. Exits 1 as
 * well when a page cannot be made because what it is made from contradicts itself.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import nodeProcess from "node:process";
import { parseArgs } from "node:util";
import { cliMarkdown } from "./docs/cli.ts";
import { configMarkdown } from "./docs/config.ts";
import { errorsMarkdown } from "./docs/errors.ts";
import { fieldTextsJson } from "./docs/fieldTexts.ts";
import { PageFaults } from "./docs/markdown.ts";
import { onDiskMarkdown } from "./docs/onDisk.ts";
import { parityMarkdown, peerRegressionsMarkdown } from "./docs/parity.ts";

/** Every generated page. A new one is added here, and nowhere else. */
const pages: readonly { readonly path: string; readonly make: () => string | Promise<string> }[] = [
  { path: "docs/cli.md", make: cliMarkdown },
  { path: "docs/config.md", make: configMarkdown },
  { path: "docs/errors.md", make: errorsMarkdown },
  { path: "docs/hermes-parity.md", make: parityMarkdown },
  { path: "docs/on-disk.md", make: onDiskMarkdown },
  { path: "docs/peer-regressions.md", make: peerRegressionsMarkdown },
  { path: "src/server/fieldTexts.json", make: fieldTextsJson },
  { path: "docs/states.md", make: async () => (await import("./docs/states.ts")).statesMarkdown() },
];

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { check: { type: "boolean", default: false }, root: { type: "string" } } });
  const root = values.root ?? join(import.meta.dirname, "..");
  let stale = 0;
  const faults = new Set<string>();
  for (const page of pages) {
    const path = join(root, page.path);
    const text = await madeOrFaults(page.make);
    if (text instanceof PageFaults) {
      faults.add(text.message);
      continue;
    }
    const fresh = `${text.trimEnd()}\n`;
    if (existsSync(path) && readFileSync(path, "utf8") === fresh) continue;
    stale++;
    if (values.check) console.error(`${page.path} is not what the code says; run \`npm run docs\``);
    else {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, fresh);
      console.log(`wrote ${page.path}`);
    }
  }
  for (const fault of faults) console.error(fault);
  if (stale === 0 && faults.size === 0) console.log(`${pages.length} pages are up to date`);
  nodeProcess.exitCode = faults.size > 0 || (values.check && stale > 0) ? 1 : 0;
}

/** A page whose sources contradict each other is told and left as it is; the others are made all the same. */
async function madeOrFaults(make: () => string | Promise<string>): Promise<string | PageFaults> {
  try {
    return await make();
  } catch (error) {
    if (error instanceof PageFaults) return error;
    throw error;
  }
}

await main();
