/**
 * `npm run build`, and by itself after `npm ci`: puts the sources together into `dist/`, one file per program and a few they share. Loading
 * two hundred files costs a command line three times what its work costs. bin/herma.mjs uses `dist/` only while it is newer than every
 * source, so an edited checkout always runs what was edited.
 */
import { rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import nodeProcess from "node:process";
import { rolldown } from "rolldown";

/**
 * An import of `node:process` makes Node.js read every property of it, and so load what stands behind each: terminals, sockets, workers,
 * reports. The global is the same object and costs nothing.
 */
const globalProcess = {
  name: "global-process",
  resolveId: (source: string) => (source === "node:process" ? { id: "\0process", moduleSideEffects: false } : null),
  load: (id: string) => (id === "\0process" ? "export default globalThis.process;" : null),
};

const root = resolve(import.meta.dirname, "..");
/** `node scripts/build.ts FOLDER` builds somewhere else, for tests of what is built. */
const dist = resolve(nodeProcess.argv[2] ?? join(root, "dist"));

rmSync(dist, { recursive: true, force: true });
const bundle = await rolldown({
  input: {
    "cli/main": join(root, "src/cli/main.ts"),
    "keeper/main": join(root, "src/keeper/main.ts"),
    // Loaded by its name, at the first use (src/processes/lazy.ts).
    "store/index": join(root, "src/store/index.ts"),
  },
  platform: "node",
  // Packages with binaries find them beside themselves.
  external: [/^koffi($|\/)/, /^@lydell\/node-pty($|\/)/],
  logLevel: "warn",
  plugins: [globalProcess],
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
