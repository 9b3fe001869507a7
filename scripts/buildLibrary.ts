/**
 * The second half of `npm run build`: the package's doors for programs, put together into `dist/library/`, and their types into
 * `dist/types/`. Apart from the programs, so that nothing of it weighs on the command line.
 *
 *     node scripts/buildLibrary.ts [FOLDER instead of dist]
 */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import nodeProcess from "node:process";
import { rolldown } from "rolldown";

const root = resolve(import.meta.dirname, "..");
const dist = resolve(nodeProcess.argv[2] ?? join(root, "dist"));
const doors = ["index", "processes", "ai", "lifecycle", "testing"];

const bundle = await rolldown({
  input: Object.fromEntries(doors.map((door) => [door, join(root, `src/${door}.ts`)])),
  platform: "node",
  // Packages with binaries find them beside themselves; the program brings the AI SDK that its models are for.
  external: [/^koffi($|\/)/, /^@lydell\/node-pty($|\/)/, /^ai($|\/)/],
  logLevel: "warn",
});
rmSync(join(dist, "library"), { recursive: true, force: true });
// One level below dist, like the programs: files that are found by their place are found from there too.
await bundle.write({
  dir: join(dist, "library"),
  format: "esm",
  entryFileNames: "[name].mjs",
  chunkFileNames: "shared-[name]-[hash].mjs",
  minify: false,
});
await bundle.close();

rmSync(join(dist, "types"), { recursive: true, force: true });
const tsc = join(root, "node_modules/.bin/tsc");
const types = spawnSync(tsc, ["-p", join(root, "tsconfig.build.json"), "--outDir", join(dist, "types")], { stdio: "inherit" });
nodeProcess.exitCode = types.status ?? 1;

// The types speak of the files that they were made from; whoever has not allowed such imports wants the names of what runs.
for (const name of readdirSync(join(dist, "types"), { recursive: true, encoding: "utf8" })) {
  if (!name.endsWith(".d.ts")) continue;
  const path = join(dist, "types", name);
  const text = readFileSync(path, "utf8");
  writeFileSync(path, text.replaceAll(/((?:from|import)\s*\(?)"(\.{1,2}\/[^"]+)\.ts"/g, '$1"$2.js"'));
}
