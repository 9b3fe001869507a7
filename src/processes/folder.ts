import {
  ExitFile,
  HermaError,
  homePaths,
  isHermaError,
  type Loss,
  type ProcessId,
  processIdPattern,
  processPaths,
  SpecFile,
  StateFile,
} from "../contract/index.ts";
import type { System } from "../system/index.ts";

/** A process's files as far as they can be read. Noise, truncation, links and wrong types read as corrupt, never throw. */
export type Folder = {
  readonly id: ProcessId;
  readonly spec: SpecFile | null;
  readonly state: StateFile | null;
  readonly exit: ExitFile | null;
  /** Names of files that are there and cannot be used. */
  readonly corrupt: readonly ("spec.json" | "state.json" | "exit.json")[];
};

type Files = Pick<System["files"], "read" | "list" | "stat">;

/** Every id that has a folder, sorted. Throws as `usableHome`: where nothing can be seen, it must not be told that nothing is there. */
export function folderIds(files: Files, home: string): ProcessId[] {
  return usableHome(home, () => files.list(homePaths(home).processes)).filter((name) => processIdPattern.test(name));
}

/** Reads one folder, the ending first: it is final, and what is read after it cannot be older. */
export function readFolder(files: Files, home: string, id: ProcessId): Folder {
  const paths = processPaths(home, id);
  const exit = readRecord(files, paths.exit, ExitFile, id);
  const state = readRecord(files, paths.state, StateFile, id);
  const spec = readRecord(files, paths.spec, SpecFile, id);
  const corrupt: Folder["corrupt"][number][] = [];
  if (exit === "corrupt") corrupt.push("exit.json");
  if (state === "corrupt") corrupt.push("state.json");
  if (spec === "corrupt") corrupt.push("spec.json");
  return { id, exit: usable(exit), state: usable(state), spec: usable(spec), corrupt };
}

/** The state alone, for those who ask often. */
export function readState(files: Files, home: string, id: ProcessId): StateFile | null {
  return usable(readRecord(files, processPaths(home, id).state, StateFile, id));
}

function readRecord<T extends { id: ProcessId }>(files: Files, path: string, schema: Schema<T>, id: ProcessId): T | null | "corrupt" {
  try {
    const bytes = files.read(path);
    if (bytes === null) return null;
    const parsed = schema.safeParse(JSON.parse(bytes.toString("utf8")));
    return parsed.success && parsed.data.id === id ? parsed.data : "corrupt";
  } catch {
    // Whatever is wrong with the file, it cannot be used.
    return "corrupt";
  }
}

function usable<T>(record: T | null | "corrupt"): T | null {
  return record === "corrupt" ? null : record;
}

/** Bytes that are missing, also of those printed behind the end: state.json follows exit.json, which tells what was known at the end. */
export function lossesOf({ exit, state }: Folder): readonly Loss[] {
  if (exit === null || state?.phase === "ended") return state?.losses ?? [];
  return exit.losses;
}

/** True when the folder has a record of a process. An empty folder is just being made, or was left by a starter that died at once. */
export function tellsAnything(folder: Folder): boolean {
  return folder.spec !== null || folder.state !== null || folder.exit !== null || folder.corrupt.length > 0;
}

/** Makes a folder of the home with its missing parents. Throws as `usableHome`. */
export function makeHomeFolder(files: Pick<System["files"], "makeFolder">, home: string, folder: string): void {
  usableHome(home, () => files.makeFolder(folder));
}

/** What cannot be done in a home at all: HOME_UNUSABLE with the system's reason, or DISK_FULL and TOO_MANY_FILES, which pass. */
function usableHome<T>(home: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (!isHermaError(error, "IO")) throw error;
    throw new HermaError("HOME_UNUSABLE", `the home ${home} cannot be used: ${error.message}`, { cause: error });
  }
}

/** True when exit.json stands. What it says is another question; that it stands is final. */
export function hasEnded(files: Files, home: string, id: ProcessId): boolean {
  return standsAt(files, processPaths(home, id).exit);
}

/** True when something is at `path`; false also when that cannot be found out. */
export function standsAt(files: Files, path: string): boolean {
  try {
    return files.stat(path) !== null;
  } catch {
    return false;
  }
}

type Schema<T> = { safeParse(value: unknown): { success: true; data: T } | { success: false } };
