import {
  type ExitFile,
  homePaths,
  type Identity,
  type ProcessId,
  type ProcessPaths,
  processPaths,
  type StateFile,
  timestampOf,
} from "../contract/index.ts";
import { endingOf } from "../rules/index.ts";
import type { ProcessRow, System } from "../system/index.ts";
import { type Folder, judge, processFolders, readFolder, scanMarks } from "./evidence.ts";
import { Held, type Keeping, type Line } from "./held.ts";

/** What one pass over the home's process folders did. */
export type Adoption = { readonly adopted: Held[]; readonly ended: ProcessId[]; readonly corrupt: string[] };

/**
 * Takes over what a dead keeper left: living processes are adopted by identity and their streams reopened, ends that can only be stated are
 * stated. The caller holds the home's adopt lock. Nothing is signalled here, and what cannot be proven is left alone.
 */
export function adoptAll(keeping: Keeping, options: { skip: (id: ProcessId) => boolean; only?: ProcessId }): Adoption {
  const { system, home } = keeping;
  const { only } = options;
  const result: Adoption = { adopted: [], ended: [], corrupt: [] };
  const folders: Folder[] = [];
  for (const id of only === undefined ? processFolders(system, home) : [only]) {
    if (options.skip(id)) continue;
    const settled = system.files.stat(processPaths(home, id).exit) !== null;
    // An ended process whose stream has ended too is the common case: one lstat each.
    if (settled && system.files.stat(processPaths(home, id).pipe) === null) continue;
    folders.push(readFolder(system, home, id));
  }
  let marks: ReadonlyMap<ProcessId, ProcessRow> | null = null;
  const marked = () => {
    marks ??= scanMarks(
      system,
      folders.map((folder) => folder.id),
    );
    return marks;
  };
  for (const folder of folders) {
    try {
      adoptOne(keeping, { folder, marked, starterAsks: only !== undefined }, result);
    } catch (error) {
      // One bad folder must not keep the others from being taken over.
      keeping.log(`${folder.id}: could not be taken over: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return result;
}

function adoptOne(
  keeping: Keeping,
  found: { folder: Folder; marked: () => ReadonlyMap<ProcessId, ProcessRow>; starterAsks: boolean },
  result: Adoption,
): void {
  const { system } = keeping;
  const { folder } = found;
  const { verdict, root } = judge({ system, home: keeping.home, self: keeping.identity, ...found });
  keeping.log(`${folder.id}: ${verdict.verdict} (${verdict.because})`);
  switch (verdict.verdict) {
    case "held":
    case "leaveToStarter":
    case "leaveUnknown":
    case "impossible":
      return;
    case "finished":
      if (folder.spec !== null && folder.exit !== null) linger(keeping, folder, folder.exit, result);
      return;
    case "adopt":
      adoptLiving(keeping, folder, (folder.state as StateFile).identity as Identity, result);
      return;
    case "adoptByMark":
      if (root !== null) {
        const identity = { boot_id: system.processes.bootId(), pid: root.pid, start_time: root.startTime };
        adoptLiving(keeping, folder, identity, result);
      }
      return;
    case "writeNotedExit":
    case "lost":
    case "reboot":
    case "neverStarted":
      setAside(keeping, folder, result);
      state(keeping, folder, verdict.verdict, result);
  }
}

function adoptLiving(keeping: Keeping, folder: Folder, identity: Identity, result: Adoption): void {
  if (folder.spec === null) return;
  const handle = keeping.system.processes.open(identity);
  if (handle === "unknown") return;
  const held = new Held(keeping, folder.spec, folder.state);
  const line: Line = { reader: reopen(keeping, held), input: null, terminal: null };
  held.adopted(handle === "gone" ? null : handle, identity, line);
  if (handle === "gone") held.exited(null, "none");
  result.adopted.push(held);
  // Its keeper died on the ladder: the intent stands, so the climb goes on.
  const intent = held.state.intent;
  if (intent !== null) {
    held.kill({ source: intent.source, grace_ms: intent.grace_ms }).catch((error: unknown) => keeping.log(`${held.id}: ${String(error)}`));
  }
}

/** The process is over, but others may still write into its stream: keep reading for them. */
function linger(keeping: Keeping, folder: Folder, exit: ExitFile, result: Adoption): void {
  if (folder.spec === null) return;
  const held = new Held(keeping, folder.spec, folder.state);
  const reader = reopen(keeping, held);
  if (reader === null) return;
  held.linger(exit, { reader, input: null, terminal: null });
  result.adopted.push(held);
}

function reopen(keeping: Keeping, held: Held): Line["reader"] {
  const { files } = keeping.system;
  if (files.stat(held.paths.pipe)?.kind !== "fifo") return null;
  return files.openFifo(
    held.paths.pipe,
    { bytes: (chunk) => held.output(chunk), end: (error) => held.streamEnded(error) },
    { endWhenUnheld: true },
  );
}

/** States an end that nobody watched: what can be proven, and nothing more. */
function state(keeping: Keeping, folder: Folder, verdict: "writeNotedExit" | "lost" | "reboot" | "neverStarted", result: Adoption): void {
  const { system } = keeping;
  const paths = processPaths(keeping.home, folder.id);
  // A keeper that died behind the first step of a start may have spawned it: that it never ran cannot be said then.
  const begun = system.files.stat(paths.exitReserved) !== null;
  const kind = verdict === "neverStarted" && begun ? "lost" : verdict;
  const noted = kind === "writeNotedExit" ? (folder.state?.exited ?? null) : null;
  const failure = kind === "neverStarted" ? { error: "NEVER_STARTED", message: "its starter and its keeper ended before it could be spawned" } : null;
  const intent = folder.state?.intent ?? null;
  const foundDead = kind === "lost" || kind === "reboot" ? kind : null;
  const evidence = noted === null ? "none" : "wait";
  const ending = endingOf({ intent, failure, exit: noted, limit: null, oom: false, evidence, foundDead });
  const outputEnd = endOfOutput(system, paths, folder);
  const losses = [...(folder.state?.losses ?? [])];
  // What the process left unread in its pipe went with it; how much that was, nobody can know.
  if (kind === "lost") losses.push({ reason: "keeper_died", from: outputEnd, bytes: null, at: timestampOf(system.clock.wallMs()) });
  const exit: ExitFile = {
    format: 1,
    id: folder.id,
    code: ending.code,
    signal: ending.signal,
    cause: ending.cause,
    termination_source: ending.terminationSource,
    intent,
    started_at: folder.state?.started_at ?? null,
    ended_at: noted?.at ?? timestampOf(system.clock.wallMs()),
    output_end: outputEnd,
    usage: noted?.usage ?? null,
    survivors: [],
    evidence,
    failure,
    losses: losses.slice(-64),
  };
  system.files.replace(paths.exit, JSON.stringify(exit), { durable: true });
  system.files.remove(paths.exitReserved);
  if (folder.state !== null) {
    const ended: StateFile = { ...folder.state, phase: "ended", exited: null, seq: folder.state.seq + 1, updated_at: exit.ended_at };
    system.files.replace(paths.state, JSON.stringify(ended), { durable: false });
  }
  result.ended.push(folder.id);
  linger(keeping, folder, exit, result);
}

function endOfOutput(system: System, paths: ProcessPaths, folder: Folder): number {
  const losses = folder.state?.losses ?? [];
  const lost = losses.map((loss) => loss.from + (loss.bytes ?? 0));
  const ends = system.files.list(paths.output).map((name) => Number.parseInt(name, 10) + (system.files.stat(`${paths.output}/${name}`)?.size ?? 0));
  return Math.max(0, ...lost, ...ends.filter((end) => Number.isFinite(end)));
}

/** Files that cannot be read are kept under another name, for `doctor` and for people. */
function setAside(keeping: Keeping, folder: Folder, result: Adoption): void {
  for (const path of folder.corrupt) {
    keeping.system.files.rename(path, `${path}.corrupt`);
    result.corrupt.push(path);
  }
}

/** Runs `work` while holding the home's adopt lock; null when another keeper is adopting right now. */
export function withAdoptLock<T>(keeping: Pick<Keeping, "system" | "home">, work: () => T): T | null {
  const lock = keeping.system.locks.tryTake(homePaths(keeping.home).adoptLock);
  if (lock === null) return null;
  try {
    return work();
  } finally {
    lock.release();
  }
}
