import { join } from "node:path";
import { CleaningFile, homePaths, type ProcessId, processPaths } from "../contract/index.ts";
import { type FinishedProcess, keptBytes, overLimits } from "../rules/index.ts";
import type { Lock } from "../system/index.ts";
import type { Context } from "./context.ts";
import { folderIds, readFolder, standsAt } from "./folder.ts";
import { readOutput } from "./output.ts";

/** Several programs may start processes in one home. Together they clean it no more often than this. */
const spacingMs = 60_000;
/** Files have finer times than our clock, so one of just now can lie a little ahead of it. */
const clockStepMs = 1_000;
/** The longest timer there is. */
const timerMsMax = 2_147_483_647;
/** Folders looked at in one turn of the event loop. */
const foldersPerTurn = 16;
/** A cleaning that was cut short leaves what it has learnt of so many folders to the next one; further ones are read again. */
const lookedMax = 20_000;
const progressBytesMax = 2_097_152;
/** An older folder without any record was left by a start that was cut off; a younger one may just be being made. */
const emptyKeptMs = 3_600_000;
/** Its time tells when the home was last looked through to the end. */
const stampName = ".pruned";
const progressName = ".cleaning";
/** A folder is renamed to a name that is no id before it is removed, so that half of one is never taken for a process. */
const leavingPrefix = ".leaving_";

/**
 * Removes finished processes that are over the limits of age, number and bytes, all counted from their ends; a live one never. It goes in small
 * steps, one program of a home at a time and at most once a minute; what a program cannot finish, the next one goes on with.
 */
export class Cleaning {
  readonly #context: Context;
  #running: Promise<ProcessId[]> | null = null;
  /** Monotonic time at which somebody wants it to stop. */
  #untilMs = Number.POSITIVE_INFINITY;

  constructor(context: Context) {
    this.#context = context;
  }

  /** Begins in the background, behind what is under way. */
  begin(): void {
    this.#start().catch(() => {
      // What could not be removed now is tried again at the next cleaning.
    });
  }

  /** Cleans for at most `budgetMs`, with what has already begun. Returns the ids that were removed. */
  async run(budgetMs: number): Promise<ProcessId[]> {
    const { clock } = this.#context.system;
    const running = this.#start();
    this.#untilMs = Math.min(this.#untilMs, clock.monotonicMs() + budgetMs);
    // The steps keep no program alive, so whoever waits for them has to: to their very end, which is a little behind the time they were given.
    // A program that has nothing else to do would be over before it is answered, and with exit code 0.
    const alive = clock.after(timerMsMax, () => {});
    try {
      return await running;
    } finally {
      alive.cancel();
    }
  }

  #start(): Promise<ProcessId[]> {
    if (this.#running !== null) return this.#running;
    this.#untilMs = Number.POSITIVE_INFINITY;
    this.#running = this.#clean().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #clean(): Promise<ProcessId[]> {
    const { system, home } = this.#context;
    if (!isDue(this.#context)) return [];
    await nextTurn(this.#context);
    if (this.#context.closing.aborted) return [];
    const { processes } = homePaths(home);
    const lock = system.locks.tryTake(join(processes, progressName));
    // Somebody else is at it.
    if (lock === null) return [];
    try {
      const removed: ProcessId[] = [];
      if (await this.#walk(lock, removed)) system.files.replace(join(processes, stampName), "", { durable: false });
      return removed;
    } finally {
      lock.release();
    }
  }

  /** True when it has come to its end. */
  async #walk(lock: Lock, removed: ProcessId[]): Promise<boolean> {
    const { system, home } = this.#context;
    removeLeftovers(this.#context);
    const ids = folderIds(system.files, home);
    const finished = readProgress(this.#context, ids);
    const save = (): void => lock.writeBody(progressOf(finished));
    for (const [index, id] of ids.entries()) {
      if (finished.has(id)) continue;
      const found = look(this.#context, id);
      if (found === "empty") tryRemove(this.#context, id);
      else if (found !== null) finished.set(id, found);
      if (index % foldersPerTurn !== foldersPerTurn - 1) continue;
      await nextTurn(this.#context);
      if (this.#isOver()) {
        save();
        return false;
      }
    }
    const { finishedKeptMs: keptMs, finishedMax: max, homeOutputBytesMax: bytesMax } = this.#context.settings();
    const now = { nowMs: system.clock.wallMs(), owed: owed(this.#context) };
    for (const id of overLimits([...finished.values()], { keptMs, max, bytesMax }, now)) {
      if (tryRemove(this.#context, id)) removed.push(id);
      finished.delete(id);
      await nextTurn(this.#context);
      if (this.#isOver()) {
        save();
        return false;
      }
    }
    lock.writeBody("");
    return true;
  }

  #isOver(): boolean {
    return this.#context.closing.aborted || this.#context.system.clock.monotonicMs() >= this.#untilMs;
  }
}

/** Nothing is cleaned in a home that has no processes or cannot be read. Why it cannot be read is told by starts. */
function isDue({ system, home }: Context): boolean {
  const { processes } = homePaths(home);
  try {
    if (system.files.stat(processes) === null) return false;
    const last = system.files.stat(join(processes, stampName));
    // A stamp from the future (the clock was set back) must not stop the cleaning for long.
    const sinceMs = system.clock.wallMs() - (last?.mtimeMs ?? Number.NEGATIVE_INFINITY);
    return sinceMs < -clockStepMs || sinceMs >= spacingMs;
  } catch {
    return false;
  }
}

/** What was learnt before of processes that are still there: an end does not change any more. */
function readProgress({ system, home }: Context, ids: readonly ProcessId[]): Map<ProcessId, FinishedProcess> {
  const known = new Map<ProcessId, FinishedProcess>();
  try {
    const bytes = system.files.read(join(homePaths(home).processes, progressName), progressBytesMax);
    if (bytes === null || bytes.length === 0) return known;
    const there = new Set(ids);
    for (const [id, endedAtMs, bytesKept] of CleaningFile.parse(JSON.parse(bytes.toString("utf8"))).looked) {
      if (there.has(id)) known.set(id, { id, endedAtMs, bytes: bytesKept });
    }
  } catch {
    // Noise costs no more than looking again.
    known.clear();
  }
  return known;
}

function progressOf(finished: ReadonlyMap<ProcessId, FinishedProcess>): string {
  const looked = [...finished.values()].slice(0, lookedMax).map(({ id, endedAtMs, bytes }): [ProcessId, number, number] => {
    return [id, endedAtMs, bytes];
  });
  return JSON.stringify({ format: 1, looked } satisfies CleaningFile);
}

/** Null for one that lives, or cannot be judged. */
function look(context: Context, id: ProcessId): FinishedProcess | "empty" | null {
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

/** Processes of which somebody is still to be told: their ends were not looked at yet, or their notices have not arrived. */
function owed({ store }: Context): ReadonlySet<ProcessId> | "all" {
  try {
    const opened = store.ifThere();
    if (opened === null) return new Set();
    const waiting = opened.notices.list({ states: ["stored", "claimed"] }).map((notice) => notice.process_id);
    return new Set([...opened.watches.active(), ...waiting.filter((id) => id !== null)]);
  } catch {
    // What cannot be read may be anything.
    return "all";
  }
}

/** False when it cannot be removed now. */
function tryRemove(context: Context, id: ProcessId): boolean {
  try {
    remove(context, id);
    // Nobody can be interested in it any more. Its notices stay for a while.
    context.store.ifThere()?.interests.remove(id);
    return true;
  } catch {
    return false;
  }
}

/** Removes the output first, since that takes longest; then hides the folder by renaming it; then removes the rest. */
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
