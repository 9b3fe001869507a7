/**
 * Checks every import of the house against rooms.json, and the picture of the rooms in ARCHITECTURE.md.
 *
 *     node scripts/rooms.ts [--write] [--root DIR]
 *
 * Faults are printed as `path:line: message`; exit 1 when there is one. `--write` puts the picture into ARCHITECTURE.md.
 */
import { existsSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import nodeProcess from "node:process";
import { parseArgs } from "node:util";
import { findCycles } from "./rooms/cycles.ts";
import { importsOf } from "./rooms/imports.ts";
import { type Fault, judgeImports, type SourceFile } from "./rooms/judge.ts";
import { pictureOf, withPicture } from "./rooms/picture.ts";
import { RoomTable } from "./rooms/table.ts";

export type RoomsReport = { readonly files: number; readonly imports: number; readonly faults: readonly Fault[]; readonly picture: string };

/** Reads the tree under `root`. Throws when rooms.json is not what it must be. */
export function checkRooms(root: string): RoomsReport {
  const table = RoomTable.parse(JSON.parse(readFileSync(join(root, "rooms.json"), "utf8")));
  const folders = ["src", ...table.outside.map((house) => house.folder)];
  const paths = globSync(
    folders.map((folder) => `${folder}/**/*.{ts,tsx,json}`),
    { cwd: root, exclude: (path) => path.includes("node_modules") },
  )
    .map((path) => path.replaceAll("\\", "/"))
    .sort();
  const faults: Fault[] = [];
  const files: SourceFile[] = [];
  for (const path of paths) {
    try {
      // Data is imported, and imports nothing.
      files.push({ path, imports: path.endsWith(".json") ? [] : importsOf(path, readFileSync(join(root, path), "utf8")) });
    } catch (error) {
      faults.push({ path, line: 0, message: error instanceof Error ? error.message : String(error) });
      files.push({ path, imports: [] });
    }
  }
  faults.push(...judgeImports(table, files), ...findCycles(files));
  const imports = files.reduce((count, file) => count + file.imports.length, 0);
  return { files: files.length, imports, faults, picture: pictureOf(table) };
}

/** Compares, or with `write` replaces, the picture in ARCHITECTURE.md. */
function checkPicture(root: string, picture: string, write: boolean): Fault[] {
  const path = "ARCHITECTURE.md";
  const page = existsSync(join(root, path)) ? readFileSync(join(root, path), "utf8") : "";
  const fresh = withPicture(page, picture);
  if (fresh === null) return [{ path, line: 0, message: "the markers of the rooms picture are missing" }];
  if (fresh === page) return [];
  if (!write) return [{ path, line: 0, message: "the rooms picture is stale; run `npm run rooms -- --write`" }];
  writeFileSync(join(root, path), fresh);
  return [];
}

function main(): void {
  const { values } = parseArgs({ options: { write: { type: "boolean", default: false }, root: { type: "string" } } });
  const root = values.root ?? join(import.meta.dirname, "..");
  const report = checkRooms(root);
  const faults = [...report.faults, ...checkPicture(root, report.picture, values.write)];
  for (const fault of faults) console.error(`${fault.path}${fault.line > 0 ? `:${fault.line}` : ""}: ${fault.message}`);
  if (faults.length === 0) console.log(report.picture);
  console.log(`\nrooms: ${report.files} files, ${report.imports} imports, ${faults.length} fault(s)`);
  nodeProcess.exitCode = faults.length === 0 ? 0 : 1;
}

if (import.meta.main) main();
