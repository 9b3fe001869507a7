import { type ProcessId, processPaths } from "../contract/index.ts";
import { type Context, keeperLooks, liveIds } from "./context.ts";
import { type Folder, hasEnded, readFolder } from "./folder.ts";
import { type KeeperAlive, orphanage } from "./view.ts";

/**
 * Finds processes that nobody looks after and has a keeper take them over. Returns how many there were. Throws KEEPER_UNAVAILABLE,
 * KEEPER_SILENT. Whoever asks while a run is under way shares the next one.
 */
export function createRecovery(context: Context): () => Promise<number> {
  let running: Promise<number> | null = null;
  let queued: Promise<number> | null = null;
  let seenAll = false;
  const recover = (): Promise<number> => {
    if (running === null) {
      running = lookAndRecover().finally(() => {
        running = null;
      });
      return running;
    }
    queued ??= running.then(
      () => startQueued(),
      () => startQueued(),
    );
    return queued;
  };
  const lookAndRecover = async (): Promise<number> => {
    const count = await recoverOnce(context, liveIds(context));
    if (seenAll) return count;
    // Ended processes do not change any more: their files are looked through once, when nobody waits for a keeper.
    const unended = setEndedAside(context);
    seenAll = true;
    return unended.length === 0 ? count : count + (await recoverOnce(context, unended));
  };
  const startQueued = (): Promise<number> => {
    queued = null;
    return recover();
  };
  return recover;
}

async function recoverOnce(context: Context, ids: readonly ProcessId[]): Promise<number> {
  const orphans = await findOrphans(context, ids);
  if (orphans.length === 0) return 0;
  await context.keepers.ensureAdoption();
  context.doorbells.scan();
  return orphans.length;
}

/**
 * Processes without an ending whose keeper, or if they have none whose starter, is gone: by the files, and by no answer on the socket. Their
 * successor waits for this, so what is known of one is not read of the next: the text of its state names the same keeper.
 */
async function findOrphans(context: Context, ids: readonly ProcessId[]): Promise<ProcessId[]> {
  const look = { ...context, keeperAlive: keeperLifeByIdentity(context) };
  const orphans: ProcessId[] = [];
  const answers = new Map<string, Promise<boolean>>();
  const gone = new Set<string>();
  for (const id of ids) {
    if (!namesOne(context, id, gone)) {
      const folder = readSound(context, id);
      const kind = orphanage(look, folder);
      if (kind === null) continue;
      if (kind === "keeperGone" && (await answersStill(context, folder, answers))) continue;
      if (kind === "keeperGone") gone.add(`"instance_id":"${folder.state?.keeper.instance_id}"`);
    }
    orphans.push(id);
  }
  return orphans;
}

/** Whoever seems gone is asked himself afterwards; until then the kernel's list of locks, which takes ten milliseconds, can tell nothing more. */
function keeperLifeByIdentity(context: Context): KeeperAlive {
  const closely = keeperLooks(context);
  return (keeper) => (context.system.processes.compare(keeper.identity) === "gone" ? "no" : closely(keeper));
}

function namesOne(context: Context, id: ProcessId, texts: ReadonlySet<string>): boolean {
  if (texts.size === 0) return false;
  try {
    const state = context.system.files.read(processPaths(context.home, id).state);
    return state !== null && [...texts].some((text) => state.includes(text));
  } catch {
    return false; // Read once more, and then with what is wrong with it.
  }
}

/** A keeper in another pid namespace shows neither lock nor pid here, but it answers. One that accepts a connection and is silent lives, too. */
function answersStill(context: Context, folder: Folder, answers: Map<string, Promise<boolean>>): Promise<boolean> {
  const generation = folder.state?.keeper.generation;
  if (generation === undefined) return Promise.resolve(false);
  let answer = answers.get(generation);
  if (answer === undefined) {
    answer = context.keepers.hello(context.keepers.socketOf(generation)).then((said) => said.kind !== "unreachable");
    answers.set(generation, answer);
  }
  return answer;
}

/** Of the ended ones; returns those that have no ending any more. */
function setEndedAside(context: Context): ProcessId[] {
  const { files } = context.system;
  const unended: ProcessId[] = [];
  for (const id of context.ended) {
    if (!setCorruptAside(context, readFolder(files, context.home, id)) || hasEnded(files, context.home, id)) continue;
    context.ended = without(context.ended, id);
    unended.push(id);
  }
  return unended;
}

/** Without what cannot be read, which is set aside. */
function readSound(context: Context, id: ProcessId): Folder {
  const { files } = context.system;
  const folder = readFolder(files, context.home, id);
  return setCorruptAside(context, folder) ? readFolder(files, context.home, id) : folder;
}

/**
 * Puts files that cannot be read under another name, for `doctor` and people, so that they are in nobody's way. state.json is its keeper's to
 * mend: it is rewritten whole at the next change, or by the keeper that takes the process over. True when something was moved, so that what was
 * read is not what stands there any more.
 */
function setCorruptAside(context: Context, folder: Folder): boolean {
  const { files } = context.system;
  const paths = processPaths(context.home, folder.id);
  let moved = false;
  for (const name of folder.corrupt) {
    if (name === "state.json") continue;
    const path = name === "spec.json" ? paths.spec : paths.exit;
    try {
      // What cannot even be read (a folder, a link, no permission) is not ours to move.
      if (files.read(path) === null) continue;
      files.rename(path, `${path}.corrupt`);
      moved = true;
    } catch {
      // It stays where it is; its problem is shown with the process.
    }
  }
  return moved;
}

function without(ids: ReadonlySet<ProcessId>, id: ProcessId): ReadonlySet<ProcessId> {
  const rest = new Set(ids);
  rest.delete(id);
  return rest;
}
