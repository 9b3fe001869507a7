import { existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import nodeProcess from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { homePaths, type ProcessId, type ProcessView, processPaths } from "../src/contract/index.ts";
import { openRegistry, type Registry, type StartOptions } from "../src/processes/index.ts";
import { nodeSystem, type System } from "../src/system/index.ts";
import { builtKeeper, inParallel, pinnedNode, plainVariables } from "./programs.ts";

export type BenchHome = {
  readonly folder: string;
  readonly system: System;
  readonly registry: Registry;
  /** For programs that work on this home: it, and a compile cache of its own. */
  readonly variables: Readonly<Record<string, string>>;
  start(command: StartOptions["command"], options?: Partial<StartOptions>): Promise<ProcessView>;
  /** Waits for the ends. Throws when there is another code than 0. */
  ended(ids: readonly ProcessId[]): Promise<void>;
  /** Starts `count` processes that print 1 MB when `printing`, then idle. Resolves when all run (and have printed). */
  startIdle(count: number, options?: { printing?: boolean }): Promise<ProcessId[]>;
  /** Brings a keeper up, so that no measure pays for its start. Returns its pid. */
  warmKeeper(): Promise<number>;
  keeperPid(): number;
  /** Removes the folders of ended processes, so that later rounds find what earlier ones found. */
  forget(ids: readonly ProcessId[]): void;
  /** `end` is called when the home is closed, latest first; also when the benchmark is interrupted. */
  onClose(end: () => Promise<void>): void;
};

const waitSecondsMax = 300;
const leaveMsMax = 30_000;
const idleBytes = 1_000_000;
const startConcurrency = 8;

const openHomes = new Set<() => Promise<void>>();

/** Closes every open home: for an interrupted benchmark. */
export async function closeHomes(): Promise<void> {
  for (const close of [...openHomes]) await close();
}

/**
 * Runs `work` with a temporary home, then has everything in it ended and removes it. Throws when something of it was left, after ending
 * that, too.
 */
export async function withHome<T>(work: (home: BenchHome) => Promise<T>): Promise<T> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "herma-bench-")));
  const system = nodeSystem();
  const registry = openRegistry({ home: folder, system, clientName: "bench", keeperCommand: [pinnedNode, builtKeeper] });
  const endings: (() => Promise<void>)[] = [];
  let closing: Promise<void> | null = null;
  const close = (): Promise<void> => {
    closing ??= closeHome(folder, system, registry, endings).finally(() => openHomes.delete(close));
    return closing;
  };
  openHomes.add(close);
  try {
    return await work(benchHome(folder, system, registry, endings));
  } finally {
    await close();
  }
}

function benchHome(folder: string, system: System, registry: Registry, endings: (() => Promise<void>)[]): BenchHome {
  const variables = plainVariables();
  const home: BenchHome = {
    folder,
    system,
    registry,
    variables: { ...variables, HERMA_HOME: folder, XDG_CACHE_HOME: join(folder, "cache") },
    start: (command, options = {}) => registry.start({ command, owner: { kind: "library" }, loginVariables: false, variables, ...options }),
    ended: async (ids) => {
      const result = await registry.wait({ ids, deadlineSeconds: waitSecondsMax });
      const wrong = result.processes.find((view) => view.exit?.code !== 0);
      if (wrong !== undefined) throw new Error(`${wrong.id} has not ended well (${result.reason}): ${JSON.stringify(wrong.exit)}`);
    },
    startIdle: async (count, { printing = false } = {}) => {
      const ids: ProcessId[] = [];
      const script = printing ? `head -c ${idleBytes} /dev/zero; exec sleep 1000` : "exec sleep 1000";
      await inParallel(count, startConcurrency, async () => {
        const { id } = await home.start(["sh", "-c", script]);
        ids.push(id);
      });
      const bytes = printing ? idleBytes : 0;
      await eventually(`${count} idle processes`, () => ids.every((id) => registry.get(id).output.end === bytes));
      return ids;
    },
    warmKeeper: async () => {
      const { id } = await home.start(["true"]);
      await home.ended([id]);
      home.forget([id]);
      return home.keeperPid();
    },
    keeperPid: () => {
      const pid = keeperPids(folder)[0];
      if (pid === undefined) throw new Error("there is no keeper");
      return pid;
    },
    forget: (ids) => {
      // The keeper may still write the last state: the end is told as soon as exit.json stands.
      for (const id of ids) rmSync(processPaths(folder, id).folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 });
    },
    onClose: (end) => endings.push(end),
  };
  return home;
}

/** Looks until `condition` holds, by the clock: for what is not measured. Throws after `msMax`. */
export async function eventually(what: string, condition: () => boolean, msMax = 60_000): Promise<void> {
  const end = performance.now() + msMax;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not within ${msMax / 1000} s: ${what}`);
    await pause(20);
  }
}

function keeperPids(folder: string): number[] {
  const { keepers } = homePaths(folder);
  if (!existsSync(keepers)) return [];
  return readdirSync(keepers)
    .map((name) => join(keepers, name, "keeper.json"))
    .filter((path) => existsSync(path))
    .map((path) => JSON.parse(readFileSync(path, "utf8")).identity.pid as number);
}

async function closeHome(folder: string, system: System, registry: Registry, endings: (() => Promise<void>)[]): Promise<void> {
  const problems: string[] = [];
  const attempt = async (what: string, work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      problems.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  for (const end of endings.reverse()) await attempt("closing", end);
  const pids = keeperPids(folder);
  // That a stop was late or failed matters when something is left, and is worth a word when not.
  const stopFailure = await registry.keeper.stop().then(
    () => null,
    (error: unknown) => String(error),
  );
  await attempt("registry", async () => await registry[Symbol.asyncDispose]());
  await attempt("leaving", () => leave(system, pids));
  problems.push(...endStrays(folder, system));
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  if (stopFailure !== null && problems.length > 0) problems.push(`keeper.stop(): ${stopFailure}`);
  else if (stopFailure !== null) console.log(`  note: keeper.stop() failed, yet all has ended: ${stopFailure}`);
  if (problems.length > 0) throw new Error(`the home ${folder} could not be closed cleanly: ${problems.join("; ")}`);
}

async function leave(system: System, pids: readonly number[]): Promise<void> {
  const end = performance.now() + leaveMsMax;
  while (pids.some((pid) => system.processes.look(pid).kind === "alive")) {
    if (performance.now() > end) throw new Error(`a keeper (${pids.join(", ")}) has not left`);
    await pause(10);
  }
}

/** Ends what its keeper should have ended. Returns what that was. Only identities that are proven to be ours are signalled. */
function endStrays(folder: string, system: System): string[] {
  const { processes } = homePaths(folder);
  if (!existsSync(processes)) return [];
  const strays: string[] = [];
  for (const name of readdirSync(processes)) {
    const { state } = processPaths(folder, name as ProcessId);
    if (!existsSync(state)) continue;
    const { identity } = JSON.parse(readFileSync(state, "utf8"));
    if (identity === null || system.processes.compare(identity) !== "same") continue;
    nodeProcess.kill(identity.pid, "SIGKILL");
    strays.push(`${name} (pid ${identity.pid}) was left running`);
  }
  return strays;
}
