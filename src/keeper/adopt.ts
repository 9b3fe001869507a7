import { type ExitFile, homePaths, isHermaError, type ProcessId, processPaths, type StateFile } from "../contract/index.ts";
import type { ProcessHandle, ProcessRow, System } from "../system/index.ts";
import { type Folder, judge, processFolders, readFolder, scanMarks } from "./evidence.ts";
import { Held } from "./held.ts";
import type { Keeping } from "./keeping.ts";
import { messageOf } from "./log.ts";
import { setAside, specOf, stateEnd } from "./stating.ts";
import { type Line, noLine } from "./streams.ts";

export type AdoptionOptions = {
  /** Processes that the asking keeper has already, or is starting. */
  readonly skip: (id: ProcessId) => boolean;
  /** Only this one, whose starter is the one that asks. */
  readonly only?: ProcessId;
  /** Told at once, before anything else can happen. */
  readonly took: (held: Held) => void;
  readonly ended: (id: ProcessId) => void;
};

/** What one pass over the home's process folders did. `later`: could not be taken over or stated now, for a reason that may pass. */
export type Adoption = { readonly taken: number; readonly later: number };

/**
 * Takes over what a dead keeper left: living processes are adopted by identity and their streams reopened, ends that can only be stated are
 * stated. The caller holds the home's adopt lock. What cannot be proven is left alone.
 */
export async function adoptAll(keeping: Keeping, options: AdoptionOptions): Promise<Adoption> {
  const { system, home } = keeping;
  const { only } = options;
  let taken = 0;
  let later = 0;
  const ids = (only === undefined ? processFolders(system, home) : [only]).filter((id) => needsLook(system, home, id));
  let marks: ReadonlyMap<ProcessId, ProcessRow> | null = null;
  const marked = () => {
    marks ??= scanMarks(system, ids);
    return marks;
  };
  const said = new Verdicts();
  const over = new Set<string>();
  for (const id of ids) {
    // Between two folders something may have been started.
    if (options.skip(id)) continue;
    try {
      const found = { folder: readFolder(system, home, id), marked, over, starterAsks: only !== undefined, said };
      const outcome = await adoptOne(keeping, found, options);
      if (outcome === "taken") taken += 1;
      if (outcome === "later") later += 1;
    } catch (error) {
      // One bad folder must not keep the others from being taken over.
      later += 1;
      keeping.log(`${id}: could not be taken over: ${messageOf(error)}`);
    }
  }
  said.tell(keeping.log);
  return { taken, later };
}

/** An ended process whose stream has ended too is the common case: three looks each. */
function needsLook(system: Pick<System, "files">, home: string, id: ProcessId): boolean {
  const paths = processPaths(home, id);
  if (system.files.stat(paths.exit) === null || system.files.stat(paths.pipe) !== null) return true;
  try {
    return system.files.read(paths.state)?.includes(outputOpen) === true;
  } catch {
    return false; // A state that cannot be read tells of no stream.
  }
}

/** As it stands in state.json. */
const outputOpen = '"output_open":true';

type Found = {
  folder: Folder;
  marked: () => ReadonlyMap<ProcessId, ProcessRow>;
  over: Set<string>;
  starterAsks: boolean;
  said: Verdicts;
};

/** Ids in one line of the log. */
const idsShownMax = 10;

/** What was decided about whom, for the log: one line for each verdict, since hundreds of lines cost a tenth of an adoption. */
class Verdicts {
  readonly #ids = new Map<string, ProcessId[]>();

  add(verdict: string, id: ProcessId): void {
    const ids = this.#ids.get(verdict);
    if (ids === undefined) this.#ids.set(verdict, [id]);
    else ids.push(id);
  }

  tell(log: Keeping["log"]): void {
    for (const [verdict, ids] of this.#ids) {
      const more = ids.length > idsShownMax ? ` and ${ids.length - idsShownMax} more` : "";
      log(`${verdict}: ${ids.slice(0, idsShownMax).join(", ")}${more}`);
    }
  }
}

/** `taken`: something of the process is held from now on. */
type Outcome = "taken" | "left" | "later";

/** Decides and takes without a pause; only what is merely stated takes a while. */
async function adoptOne(keeping: Keeping, found: Found, options: AdoptionOptions): Promise<Outcome> {
  const { folder } = found;
  const judged = judge({ system: keeping.system, home: keeping.home, self: keeping.identity, ...found });
  const { verdict, root } = judged;
  if (verdict.verdict !== "adopt") judged.handle?.close();
  found.said.add(`${verdict.verdict} (${verdict.because})`, folder.id);
  switch (verdict.verdict) {
    case "held": {
      // One of our own generation whose lock was removed: it lets go as soon as it finds out.
      const { generation, instance_id } = folder.state?.keeper ?? keeping.identity;
      return generation === keeping.identity.generation && instance_id !== keeping.identity.instance_id ? "later" : "left";
    }
    case "leaveToStarter":
    case "leaveUnknown":
    case "impossible":
      return "left";
    case "finished":
      return linger(keeping, folder, { exit: folder.exit!, state: folder.state }, options);
    case "adopt": {
      const { group, session } = folder.state!;
      const { identity } = judged.handle!;
      return adoptLiving(
        keeping,
        folder,
        { identity, group: group ?? identity.pid, session: session ?? identity.pid },
        judged.handle,
        options,
      );
    }
    case "adoptByMark": {
      const { pid, startTime, group, session } = root!;
      const identity = { boot_id: keeping.system.processes.bootId(), pid, start_time: startTime };
      const handle = keeping.system.processes.open(identity);
      if (handle === "unknown") return "left";
      return adoptLiving(keeping, folder, { identity, group, session }, handle === "gone" ? null : handle, options);
    }
    case "writeNotedExit":
    case "lost":
    case "reboot":
    case "neverStarted": {
      const over = await stateEnd(keeping, folder, verdict.verdict);
      options.ended(folder.id);
      return linger(keeping, folder, over, options);
    }
  }
}

type Place = Parameters<Held["adopted"]>[1];

/** `handle` is null when it is gone meanwhile; else it is closed when this throws. */
function adoptLiving(keeping: Keeping, folder: Folder, place: Place, handle: ProcessHandle | null, options: AdoptionOptions): Outcome {
  let held: Held;
  let reader: Line["reader"] = null;
  try {
    held = new Held(keeping, specOf(folder), folder.state);
    reader = reopen(keeping, held, place);
    setAside(keeping, folder.corrupt);
    held.adopted(handle, place, { ...noLine, reader });
  } catch (error) {
    reader?.close();
    handle?.close();
    throw error;
  }
  options.took(held);
  if (handle === null) held.exited(null, "none");
  // Its keeper died on the ladder: the intent stands, so the climb goes on.
  const { intent } = held.state;
  if (intent !== null) {
    held.kill({ source: intent.source, grace_ms: intent.grace_ms }).catch((error: unknown) => keeping.log(`${held.id}: ${String(error)}`));
  }
  return "taken";
}

/** The process is over, but others may still write into its stream: keep reading for them. */
function linger(keeping: Keeping, folder: Folder, over: { exit: ExitFile; state: StateFile | null }, options: AdoptionOptions): Outcome {
  const held = new Held(keeping, specOf(folder), over.state);
  const open = over.state?.output_open === true;
  const reader = reopen(keeping, held, open ? (over.state ?? undefined) : undefined);
  if (reader !== null) {
    held.linger(over.exit, { ...noLine, reader });
    options.took(held);
    return "taken";
  }
  // Whether its last writer ended before its keeper did, nobody saw.
  if (open) held.lostBehindEnd();
  return "left";
}

/**
 * Null when there is no stream any more. Where somebody removed the FIFO's name, it is found at the living process or others of its group,
 * session and mark; where it cannot be had from them, that is on record as a loss.
 */
function reopen(keeping: Keeping, held: Held, place?: Pick<StateFile, "identity" | "group" | "session">): Line["reader"] {
  const { files, processes } = keeping.system;
  const open = (heldBy?: number[]): Line["reader"] =>
    files.openFifo(held.paths.pipe, held.streams.handler, { endWhenUnheld: true, ...(heldBy === undefined ? {} : { heldBy }) });
  if (files.stat(held.paths.pipe)?.kind === "fifo") return open();
  // A terminal went with its keeper; and what was taken over from another program never had a FIFO of ours.
  if (place === undefined || held.spec.tty !== null || held.spec.adopted_from !== undefined) return null;
  const { identity, group, session } = place;
  const kin = processes
    .list()
    .filter((row) => row.pid === identity?.pid || row.group === group || row.session === session || processes.markOf(row.pid) === held.id);
  try {
    return open(kin.map((row) => row.pid));
  } catch (error) {
    const nobodyHasIt = isHermaError(error) && (error.cause as { code?: unknown } | undefined)?.code === "ENOENT";
    if (!nobodyHasIt) keeping.log(`${held.id}: its output cannot be read any more: ${messageOf(error)}`);
    return null;
  }
}

/** Runs `work` while holding the home's adopt lock; null when another keeper is adopting right now. */
export async function withAdoptLock<T>(keeping: Pick<Keeping, "system" | "home">, work: () => Promise<T>): Promise<T | null> {
  const lock = keeping.system.locks.tryTake(homePaths(keeping.home).adoptLock);
  if (lock === null) return null;
  try {
    return await work();
  } finally {
    lock.release();
  }
}
