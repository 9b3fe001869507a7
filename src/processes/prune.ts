import { join } from "node:path";
import { homePaths, type ProcessId, processPaths } from "../contract/index.ts";
import { keptBytes } from "../rules/index.ts";
import type { Context } from "./context.ts";
import { folderIds, readFolder, standsAt } from "./folder.ts";
import { readOutput } from "./output.ts";

/** Several programs start processes in one home; together they look through it no more often than this. */
const spacingMs = 60_000;
/** Folders looked at in one turn of the event loop. */
const foldersPerTurn = 16;
/** Whoever waited for an end gets to read it, whatever the limits are. */
const justEndedMs = 60_000;
/** A folder without any record is a start that was cut off at once; younger ones may be in the making. */
const emptyKeptMs = 3_600_000;
/** Marks when the home was last looked through. */
const stampName = ".pruned";
/** A folder on its way out has a name that is no id, so that half of it is never taken for a process. */
const leavingPrefix = ".leaving_";

/**
 * Removes finished processes that are over the limits of age, number and bytes, all counted from their ends; a live one never. Runs on by
 * itself in small steps, at most once a minute for the home; a program that ends before it is done leaves the rest to the next.
 */
export function prune(context: Context): void {
  const { system, home } = context;
  const stamp = join(homePaths(home).processes, stampName);
  try {
    const last = system.files.stat(stamp);
    const sinceMs = system.clock.wallMs() - (last?.mtimeMs ?? Number.NEGATIVE_INFINITY);
    // A stamp from the future (the clock was set back) must not stop the cleaning for long.
    if (last !== null && sinceMs >= 0 && sinceMs < spacingMs) return;
    system.files.replace(stamp, "", { durable: false });
  } catch {
    // Nothing is cleaned in a home that cannot be written; starts tell why.
    return;
  }
  pruneNow(context).catch(() => {
    // What could not be removed is tried again in a minute.
  });
}

type Finished = { readonly id: ProcessId; readonly endedAtMs: number; readonly bytes: number };

/** As {@link prune}, now and to its end. Returns the ids that were removed. */
export async function pruneNow(context: Context): Promise<ProcessId[]> {
  const { system, home } = context;
  const settings = context.settings();
  removeLeftovers(context);
  const finished: Finished[] = [];
  const removed: ProcessId[] = [];
  for (const [index, id] of folderIds(system.files, home).entries()) {
    if (index % foldersPerTurn === foldersPerTurn - 1) await nextTurn(context);
    const found = look(context, id);
    if (found === "empty") remove(context, id);
    else if (found !== null) finished.push(found);
  }
  finished.sort((a, b) => b.endedAtMs - a.endedAtMs);
  const nowMs = system.clock.wallMs();
  const oldestMs = nowMs - settings.finishedKeptMs;
  let bytes = 0;
  for (const [index, one] of finished.entries()) {
    bytes += one.bytes;
    if (nowMs - one.endedAtMs < justEndedMs) continue;
    if (index < settings.finishedMax && one.endedAtMs >= oldestMs && bytes <= settings.homeOutputBytesMax) continue;
    bytes -= one.bytes;
    remove(context, one.id);
    // Nobody can be interested in it any more; what was told of it stays for a while.
    context.store.ifThere()?.interests.remove(one.id);
    removed.push(one.id);
    await nextTurn(context);
  }
  return removed;
}

/** Null for one that lives, or cannot be judged. */
function look(context: Context, id: ProcessId): Finished | "empty" | null {
  const { system, home } = context;
  const paths = processPaths(home, id);
  try {
    const exitStat = system.files.stat(paths.exit);
    if (exitStat === null) return isAbandoned(context, id) ? "empty" : null;
    const { exit } = readFolder(system.files, home, id);
    const endedAtMs = exit === null ? exitStat.mtimeMs : Date.parse(exit.ended_at);
    const { segments } = readOutput(system.files, paths.output, { losses: [], outputEnd: 0 });
    return { id, endedAtMs, bytes: keptBytes(segments) };
  } catch {
    return null;
  }
}

function isAbandoned({ system, home }: Context, id: ProcessId): boolean {
  const paths = processPaths(home, id);
  const stat = system.files.stat(paths.folder);
  if (stat === null || system.clock.wallMs() - stat.mtimeMs < emptyKeptMs) return false;
  const names = system.files.list(paths.folder).filter((name) => name !== "output" && !name.endsWith(".tmp"));
  return names.length === 0 && system.files.list(paths.output).length === 0;
}

/** The output first, since it is the bulk; then all at once from the eyes of others, by its name; then the rest. */
function remove({ system, home }: Context, id: ProcessId): void {
  const paths = processPaths(home, id);
  system.files.removeTree(paths.output);
  const leaving = join(homePaths(home).processes, `${leavingPrefix}${id}`);
  system.files.rename(paths.folder, leaving);
  system.files.removeTree(leaving);
}

function removeLeftovers({ system, home }: Context): void {
  const { processes } = homePaths(home);
  for (const name of system.files.list(processes)) {
    if (name.startsWith(leavingPrefix) && standsAt(system.files, join(processes, name))) system.files.removeTree(join(processes, name));
  }
}

function nextTurn({ system }: Context): Promise<void> {
  return new Promise((resolve) => system.clock.after(0, resolve, { unref: true }));
}
