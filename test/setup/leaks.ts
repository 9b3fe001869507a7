import { createHook } from "node:async_hooks";
import { readdirSync, readFileSync } from "node:fs";
import nodeProcess from "node:process";
import { afterAll, beforeAll, beforeEach } from "vitest";
import { removeTemporaryFolders, returnedFolders, temporaryFolderCount } from "./folders.ts";

/**
 * After each test, and after each file, nothing may be left that keeps a program alive or a machine dirty: timers, watchers, listeners,
 * sockets, pipes, children, folders. What `beforeAll` made may stay until the file ends.
 */

/** Kinds of `process.getActiveResourcesInfo()` that are somebody's to close. Requests that end by themselves are not in the list. */
const watchedKinds = new Set([
  "FSEventWrap",
  "StatWatcher",
  "TCPServerWrap",
  "TCPSocketWrap",
  "PipeServerWrap",
  "PipeWrap",
  "ProcessWrap",
  "UDPWrap",
  "TTYWrap",
  "MessagePort",
  "Worker",
]);

/**
 * Timers that keep the program alive, with the place that set them. Node only tells how many there are, and the test runner has some of
 * its own that come and go, so they are followed one by one.
 */
const timers = new Map<number, { readonly resource: { hasRef?: () => boolean }; readonly setAt: string }>();

const timerHook: Parameters<typeof createHook>[0] & { trackPromises: boolean } = {
  // Following promises costs much and tells nothing here.
  trackPromises: false,
  init(asyncId, type, _trigger, resource) {
    if (type !== "Timeout") return;
    const setAt = placeOutsideOfNode(new Error("timer"));
    if (setAt !== null) timers.set(asyncId, { resource, setAt });
  },
  destroy(asyncId) {
    timers.delete(asyncId);
  },
};
createHook(timerHook).enable();

/** The stack's first line that is neither Node's nor this file's; null when that is the test runner's own code. */
function placeOutsideOfNode(error: Error): string | null {
  const lines = (error.stack ?? "").split("\n").slice(1);
  const line = lines.find((candidate) => !/\bnode:|test\/setup\/leaks\.ts|<anonymous>\)?$/.test(candidate));
  if (line === undefined || /node_modules\/(vitest|@vitest|vite)\//.test(line)) return null;
  return line.trim();
}

/** How long things may take to close after the test has said it is done. */
const settleMs = 2000;

type Standing = {
  readonly timers: ReadonlySet<number>;
  readonly resources: ReadonlyMap<string, number>;
  readonly children: ReadonlySet<number>;
  readonly folders: number;
};

// Taken before any test can put fake ones in their place.
const realNow = performance.now.bind(performance);
const realSetTimeout = setTimeout;

function look(): Standing {
  const resources = new Map<string, number>();
  for (const kind of nodeProcess.getActiveResourcesInfo()) {
    if (watchedKinds.has(kind)) resources.set(kind, (resources.get(kind) ?? 0) + 1);
  }
  const live = [...timers].filter(([, timer]) => timer.resource.hasRef?.() !== false).map(([asyncId]) => asyncId);
  return { timers: new Set(live), resources, children: childrenOfThisProgram(), folders: temporaryFolderCount() };
}

/** Pids whose parent is this program, zombies too: an unreaped child is a leak. Empty where there is no /proc. */
function childrenOfThisProgram(): Set<number> {
  const children = new Set<number>();
  try {
    for (const task of readdirSync("/proc/self/task")) {
      for (const pid of readFileSync(`/proc/self/task/${task}/children`, "latin1").split(" ")) if (pid !== "") children.add(Number(pid));
    }
  } catch {
    // No such file system, or a thread ended while we looked; ProcessWrap and the next look cover it.
  }
  return children;
}

function leaksSince(start: Standing): string[] {
  const now = look();
  const leaks: string[] = [];
  for (const asyncId of now.timers) {
    const timer = timers.get(asyncId);
    if (timer !== undefined && !start.timers.has(asyncId)) leaks.push(`timer, set ${timer.setAt}`);
  }
  for (const [kind, count] of now.resources) {
    const more = count - (start.resources.get(kind) ?? 0);
    if (more > 0) leaks.push(`${more} x ${kind}`);
  }
  for (const pid of now.children) if (!start.children.has(pid)) leaks.push(`child ${describeChild(pid)}`);
  return leaks;
}

function describeChild(pid: number): string {
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
    return `${pid} (${command === "" ? "zombie" : command.slice(0, 120)})`;
  } catch {
    return String(pid);
  }
}

/** Removes the folders made since, lets things close for a moment, and throws when something stays. */
async function demandNothingLeft(start: Standing, where: string): Promise<void> {
  const problems = removeTemporaryFolders(start.folders).map((folder) => `folder ${folder} cannot be removed`);
  const end = realNow() + settleMs;
  let leaks = leaksSince(start);
  while (leaks.length > 0 && realNow() < end) {
    await new Promise<void>((resolve) => {
      realSetTimeout(resolve, 5);
    });
    leaks = leaksSince(start);
  }
  for (const folder of returnedFolders()) problems.push(`folder ${folder} was removed and came back: something still writes into it`);
  problems.push(...leaks);
  if (problems.length > 0) throw new Error(`left behind by ${where}:\n  ${problems.join("\n  ")}`);
}

let atFileStart: Standing | undefined;
beforeAll(() => {
  atFileStart = look();
});
afterAll(async () => {
  if (atFileStart !== undefined) await demandNothingLeft({ ...atFileStart, folders: 0 }, "this file");
});

// First hook in, last out: `onTestFinished` runs behind `afterEach` and fixtures, in reverse order, so a test's own cleaning comes before.
beforeEach((context) => {
  if (context.task.concurrent === true) return;
  const atTestStart = look();
  context.onTestFinished(() => demandNothingLeft(atTestStart, "this test"));
});
