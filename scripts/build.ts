/**
 * `npm run build`, and by itself after `npm ci`: puts the sources together into `dist/`, one file per program and a few they share. Loading
 * two hundred files costs a command line three times what its work costs. bin/herma.mjs uses `dist/` only while it is newer than every
 * source, so an edited checkout always runs what was edited.
 */
import { rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { rolldown } from "rolldown";

const root = resolve(import.meta.dirname, "..");
const dist = join(root, "dist");

rmSync(dist, { recursive: true, force: true });
const bundle = await rolldown({
  input: { "cli/main": join(root, "src/cli/main.ts"), "keeper/main": join(root, "src/keeper/main.ts") },
  platform: "node",
  // Packages with binaries find them beside themselves.
  external: [/^koffi($|\/)/, /^@lydell\/node-pty($|\/)/],
  logLevel: "warn",
});
await bundle.write({
  dir: dist,
  format: "esm",
  entryFileNames: "[name].mjs",
  chunkFileNames: "shared/[name]-[hash].mjs",
  // Readable stacks are worth more than bytes that nobody downloads.
  minify: false,
});
await bundle.close();
// Last, because its time says that everything before it is done.
writeFileSync(join(dist, "built"), "");
