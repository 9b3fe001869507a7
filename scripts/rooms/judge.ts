import { dirname, join, normalize } from "node:path/posix";
import type { Import } from "./imports.ts";
import type { Room, RoomTable } from "./table.ts";

/** A file of the tree, by its path from the root with forward slashes, and what it imports. */
export type SourceFile = { readonly path: string; readonly imports: readonly Import[] };
export type Fault = { readonly path: string; readonly line: number; readonly message: string };

/** Where a file stands. `door`: a thin file directly in src. `outside`: built apart, such as the dashboard. */
type Place =
  | { readonly kind: "room"; readonly room: Room; readonly inside: string }
  | { readonly kind: "door"; readonly name: string }
  | { readonly kind: "outside"; readonly rooms: readonly string[]; readonly folder: string }
  | { readonly kind: "nowhere"; readonly folder: string };

type Judged = {
  readonly file: SourceFile;
  readonly one: Import;
  readonly place: Place;
  readonly table: RoomTable;
  readonly known: ReadonlySet<string>;
};

/** Every breach of the floors, doors and permits, in the order of the files. */
export function judgeImports(table: RoomTable, files: readonly SourceFile[]): Fault[] {
  const known = new Set(files.map((file) => file.path));
  const faults: Fault[] = [];
  const unknownFolders = new Set<string>();
  for (const file of files) {
    const place = placeOf(file.path, table);
    if (place.kind === "nowhere") {
      if (!unknownFolders.has(place.folder)) faults.push({ path: place.folder, line: 0, message: "this folder is not in rooms.json" });
      unknownFolders.add(place.folder);
      continue;
    }
    for (const one of file.imports) {
      const message = judge({ file, one, place, table, known });
      if (message !== null) faults.push({ path: file.path, line: one.line, message });
    }
  }
  return faults;
}

function placeOf(path: string, table: RoomTable): Place {
  const house = table.outside.find(({ folder }) => path.startsWith(`${folder}/`));
  if (house !== undefined) return { kind: "outside", rooms: house.rooms, folder: house.folder };
  const [top = "", name = "", ...rest] = path.split("/");
  if (top !== "src" || name === "") return { kind: "nowhere", folder: top };
  if (rest.length === 0) return { kind: "door", name };
  const room = table.rooms.find((candidate) => candidate.name === name);
  if (room === undefined) return { kind: "nowhere", folder: `src/${name}` };
  return { kind: "room", room, inside: rest.join("/") };
}

/** Tests, and what only tests use: files in a `testing` folder and conformance suites. They may import what a test runner's program may. */
function isTest(path: string): boolean {
  return /\.test\.tsx?$|(^|\/)conformance\.ts$|\/testing\//.test(path);
}

/** Code that may use fakes: tests, and the fakes that are shipped for the tests of others (`fake/`, `testing.ts`). */
export function mayUseFakes(path: string): boolean {
  return isTest(path) || /(^|\/)testing\.ts$|\/fake\//.test(path);
}

function judge(judged: Judged): string | null {
  const { one, file } = judged;
  if (one.specifier === null) return "a computed import cannot be checked; name the module in the code";
  if (one.specifier.startsWith(".")) {
    const target = normalize(join(dirname(file.path), one.specifier));
    return judgeFile(judged, target);
  }
  if (one.specifier.startsWith("global:")) return judgeGlobal(judged, one.specifier);
  if (one.specifier.startsWith("node:")) return judgeNode(judged, one.specifier);
  if (one.specifier.startsWith("/") || one.specifier.startsWith("#") || one.specifier.includes(":"))
    return `${one.specifier} is neither a file of ours nor a package`;
  return judgePackage(judged, one.specifier);
}

function judgeFile(judged: Judged, target: string): string | null {
  const { file, known, place, table } = judged;
  const test = isTest(file.path);
  if (!target.startsWith("src/")) {
    if (place.kind === "outside" && target.startsWith(`${place.folder}/`)) return null;
    if (test && target.startsWith("test/")) return null;
    return `${target} is outside of src`;
  }
  if (!known.has(target)) return `${target} does not exist (imports carry their ending)`;
  if (/\.test\.tsx?$/.test(target)) return `${target} is a test; nothing imports a test`;
  if (isTest(target) && !test) return `${target} is a helper of tests; only tests may import it`;
  if (mayUseFakes(target) && !mayUseFakes(file.path)) return `${target} is for tests; only tests and testing.ts may import it`;
  const there = placeOf(target, table);
  if (there.kind !== "room") return test ? null : `${target} is a door of the package; rooms import rooms`;
  if (place.kind === "room" && place.room === there.room) return null;
  if (!isDoor(there.inside, file.path)) return `${there.inside} is inside ${there.room.name}; import ${there.room.name}/index.ts`;
  return judgeFloor(place, there.room);
}

/** Is the file the room's door, or, for tests, its door to fakes? */
function isDoor(inside: string, from: string): boolean {
  return inside === "index.ts" || (mayUseFakes(from) && (inside === "fake/index.ts" || inside === "testing.ts"));
}

function judgeFloor(place: Place, target: Room): string | null {
  if (place.kind === "outside") return place.rooms.includes(target.name) ? null : `${place.folder} may not know ${target.name}`;
  if (place.kind !== "room") return null;
  const { room } = place;
  if (target.floor < room.floor) return null;
  if (target.floor === room.floor) return `${room.name} and ${target.name} are strangers on floor ${room.floor}`;
  return `${room.name} (floor ${room.floor}) may not look up to ${target.name} (floor ${target.floor})`;
}

function judgeGlobal({ file, place }: Judged, specifier: string): string | null {
  if (place.kind !== "room" || isTest(file.path)) return null;
  const own = permitsOf(place);
  if (own.includes("node:*") || own.includes(specifier)) return null;
  return `${place.room.name} has no permit for ${specifier}: the clock and chance are passed in (system/)`;
}

function permitsOf({ room, inside }: Extract<Place, { kind: "room" }>): string[] {
  return [...room.permits, ...(room.files[inside] ?? [])];
}

function judgeNode({ file, one, place, table }: Judged, specifier: string): string | null {
  if (place.kind === "outside") return `${specifier} does not exist in a browser`;
  if (isTest(file.path)) return null;
  if (place.kind === "door") return `${specifier}: a door only opens rooms`;
  if (place.kind !== "room") return null;
  const { permits, typePermits } = table.everywhere;
  if (permits.includes(specifier) || (one.typeOnly && typePermits.includes(specifier))) return null;
  const own = permitsOf(place);
  if (own.includes("node:*") || own.includes(specifier)) return null;
  if (typePermits.includes(specifier)) return `${specifier}: ${place.room.name} may import its types only (import type)`;
  return `${place.room.name} has no permit for ${specifier}`;
}

function judgePackage({ file, place }: Judged, specifier: string): string | null {
  if (place.kind === "outside") return null;
  if (isTest(file.path) && ["vitest", "fast-check", "gpt-tokenizer"].includes(packageOf(specifier))) return null;
  if (place.kind === "door") return `${specifier}: a door only opens rooms`;
  if (place.kind !== "room") return null;
  const name = packageOf(specifier);
  const permitted = place.room.packages.some(
    (permit) => permit === name || (permit.endsWith("/*") && name.startsWith(permit.slice(0, -1))),
  );
  return permitted ? null : `${place.room.name} has no permit for the package ${name}`;
}

function packageOf(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}
