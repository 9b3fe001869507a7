/**
 * The pages that are made from the code.
 *
 *     node scripts/docs.ts [--check] [--root DIR]
 *
 * Writes them to docs/; `--check` writes nothing, names each page that is not what the code says, and exits 1 when there is one.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import nodeProcess from "node:process";
import { parseArgs } from "node:util";
import { cliMarkdown } from "./docs/cli.ts";
import { configMarkdown } from "./docs/config.ts";
import { errorsMarkdown } from "./docs/errors.ts";
import { onDiskMarkdown } from "./docs/onDisk.ts";

/** Every generated page. A new one is added here, and nowhere else. */
const pages: readonly { readonly path: string; readonly make: () => string | Promise<string> }[] = [
  { path: "docs/cli.md", make: cliMarkdown },
  { path: "docs/config.md", make: configMarkdown },
  { path: "docs/errors.md", make: errorsMarkdown },
  { path: "docs/on-disk.md", make: onDiskMarkdown },
  { path: "docs/states.md", make: async () => (await import("./docs/states.ts")).statesMarkdown() },
];

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { check: { type: "boolean", default: false }, root: { type: "string" } } });
  const root = values.root ?? join(import.meta.dirname, "..");
  let stale = 0;
  for (const page of pages) {
    const path = join(root, page.path);
    const fresh = `${(await page.make()).trimEnd()}\n`;
    if (existsSync(path) && readFileSync(path, "utf8") === fresh) continue;
    stale++;
    if (values.check) console.error(`${page.path} is not what the code says; run \`npm run docs\``);
    else {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, fresh);
      console.log(`wrote ${page.path}`);
    }
  }
  if (stale === 0) console.log(`${pages.length} pages are up to date`);
  nodeProcess.exitCode = values.check && stale > 0 ? 1 : 0;
}

await main();
