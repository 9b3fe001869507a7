import {
  ExitFile,
  homePaths,
  keeperPaths,
  type ProcessId,
  processIdPattern,
  processPaths,
  SpecFile,
  StateFile,
} from "../contract/index.ts";
import { type Evidence, recoveryVerdict } from "../rules/index.ts";
import type { ProcessHandle, ProcessRow, System } from "../system/index.ts";
import { wasBegun } from "./spawning.ts";
import { ownPids } from "./tree.ts";

/** A folder's files as far as they can be read; unreadable ones are named in `corrupt`. */
export type Folder = {
  readonly id: ProcessId;
  readonly spec: SpecFile | null;
  readonly state: StateFile | null;
  readonly exit: ExitFile | null;
  readonly corrupt: readonly string[];
};

/** Reads one process folder. Noise, truncation and wrong types read as corrupt, never throw. */
export function readFolder(system: Pick<System, "files">, home: string, id: ProcessId): Folder {
  const paths = processPaths(home, id);
  const corrupt: string[] = [];
  const parse = <T>(path: string, schema: { safeParse(value: unknown): { success: true; data: T } | { success: false } }): T | null => {
    try {
      const bytes = system.files.read(path);
      if (bytes === null) return null;
      const parsed = schema.safeParse(JSON.parse(bytes.toString("utf8")));
      if (parsed.success && (parsed.data as { id?: unknown }).id === id) return parsed.data;
    } catch {
      // why: whatever is wrong with the file, it is the same to recovery: it cannot be used.
    }
    corrupt.push(path);
    return null;
  };
  return { id, spec: parse(paths.spec, SpecFile), state: parse(paths.state, StateFile), exit: parse(paths.exit, ExitFile), corrupt };
}

/** Every process id that has a folder in the home. */
export function processFolders(system: Pick<System, "files">, home: string): ProcessId[] {
  return system.files.list(homePaths(home).processes).filter((name) => processIdPattern.test(name));
}

type Self = StateFile["keeper"];

export type Judgement = {
  readonly verdict: ReturnType<typeof recoveryVerdict>;
  readonly root: ProcessRow | null;
  /** The recorded process, when it lives and nothing says that it is over: the caller's to close. */
  readonly handle: ProcessHandle | null;
};

/** Gathers what can be known about one folder and asks the recovery table. */
export function judge(options: {
  system: System;
  home: string;
  folder: Folder;
  /** The keeper that asks: its generation's lock is its own. */
  self: Self;
  /** Live processes by mark, scanned once for all folders that need it. */
  marked: () => ReadonlyMap<ProcessId, ProcessRow>;
  /** Instances of keepers that were found over: they stay so. Those of this folder are added. */
  over: Set<string>;
  /** Its starter is the one that asks now, so there is nobody to leave it to. */
  starterAsks: boolean;
}): Judgement {
  const { system, folder, self } = options;
  const { state, spec } = folder;
  const identity = state?.identity ?? null;
  const root = identity === null && folder.exit === null ? (options.marked().get(folder.id) ?? null) : null;
  const keeperIsMe = state?.keeper.instance_id === self.instance_id;
  const boots = [identity?.boot_id, state?.keeper.identity.boot_id, spec?.starter?.boot_id].filter((boot) => boot !== undefined);
  const alive = state === null ? anyOtherKeeper(system, options.home, self) : keeperAlive(options, state);
  // A starter has done its part once a keeper has begun: it may have had its answer, and never ask again.
  const begun = options.starterAsks || state !== null || wasBegun(system, options.home, folder.id);
  const starter = begun ? "no" : starterAlive(system, folder);
  // Last, since it is to be closed. Opening compares as well, and whoever is adopted must be opened: one look at the process less.
  const opened = identity === null || folder.exit !== null ? "none" : system.processes.open(identity);
  const evidence: Evidence = {
    exitOnDisk: folder.exit !== null,
    exitNoted: state?.exited != null,
    stateOnDisk: state !== null,
    spawned: identity !== null,
    ended: state?.phase === "ended",
    keeperAlive: alive,
    keeperIsMe,
    process: typeof opened === "string" ? opened : "same",
    sameBoot: boots.every((boot) => boot === system.processes.bootId()),
    starterAlive: starter,
    markFound: root !== null,
  };
  return { verdict: recoveryVerdict(evidence), root, handle: typeof opened === "string" ? null : opened };
}

type Asking = { readonly system: System; readonly home: string; readonly self: Self; readonly over: Set<string> };

function keeperAlive(asking: Asking, state: StateFile): Evidence["keeperAlive"] {
  const { instance_id } = state.keeper;
  if (instance_id === asking.self.instance_id) return "yes";
  if (asking.over.has(instance_id)) return "no";
  const alive = anotherAlive(asking, state);
  // One that lives may have let go of this process alone.
  if (alive === "no" && state.let_go !== true) asking.over.add(instance_id);
  return alive;
}

function anotherAlive({ system, home, self }: Asking, state: StateFile): Evidence["keeperAlive"] {
  if (state.keeper.generation === self.generation) return ownPredecessorAlive(system, state, self);
  if (system.locks.look(keeperPaths(home, state.keeper.generation).lock).held === true) return "yes";
  const sameness = system.processes.compare(state.keeper.identity);
  return sameness === "same" ? "yes" : sameness === "gone" ? "no" : "unknown";
}

/**
 * Our generation's lock is ours, so whoever held it before has ended; unless its file was removed while the holder lived. Such a one finds out
 * and lets go of its processes, one by one.
 */
function ownPredecessorAlive(system: System, { keeper, let_go }: StateFile, self: Self): Evidence["keeperAlive"] {
  const { pid, start_time } = keeper.identity;
  if (let_go === true || (pid === self.identity.pid && start_time === self.identity.start_time)) return "no";
  return system.processes.compare(keeper.identity) === "same" ? "yes" : "no";
}

/** For a folder without a state: a keeper of another generation that lives may just be starting it. */
function anyOtherKeeper(system: System, home: string, self: Self): Evidence["keeperAlive"] {
  let answer: Evidence["keeperAlive"] = "no";
  for (const generation of system.files.list(homePaths(home).keepers)) {
    if (generation === self.generation) continue;
    const { held } = system.locks.look(keeperPaths(home, generation).lock);
    if (held === true) return "yes";
    if (held === "unknown") answer = "unknown";
  }
  return answer;
}

function starterAlive(system: System, { spec, corrupt }: Folder): Evidence["starterAlive"] {
  // A folder with nothing in it is being made right now, or was left by somebody who died over it: that cannot be told apart.
  if (spec === null) return corrupt.length > 0 ? "no" : "unknown";
  if (spec.starter === null) return "no";
  const sameness = system.processes.compare(spec.starter);
  return sameness === "same" ? "yes" : sameness === "gone" ? "no" : "unknown";
}

/** Live processes that carry one of our marks: per mark the session leader, else the oldest. */
export function scanMarks(system: Pick<System, "processes">, ids: readonly ProcessId[]): Map<ProcessId, ProcessRow> {
  const found = new Map<ProcessId, ProcessRow>();
  const wanted = new Set<string>(ids);
  const rows = system.processes.list();
  // A keeper that was started from within a process may carry its mark, and is nobody's process all the same.
  const never = ownPids(system.processes, rows);
  for (const row of rows) {
    if (row.zombie || never.has(row.pid)) continue;
    const id = system.processes.markOf(row.pid);
    if (typeof id !== "string" || !wanted.has(id)) continue;
    const best = found.get(id);
    const leads = row.session === row.pid;
    if (
      best === undefined ||
      (leads && best.session !== best.pid) ||
      (leads === (best.session === best.pid) && row.startTime < best.startTime)
    ) {
      found.set(id, row);
    }
  }
  return found;
}
