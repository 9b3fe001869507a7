import { type ProcessId, processPaths } from "../contract/index.ts";
import { type Context, keeperLooks, liveIds } from "./context.ts";
import { type Folder, folderIds, readFolder } from "./folder.ts";
import { orphanage } from "./view.ts";

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
    // Ended processes do not change any more: their files are looked through once.
    const ids = seenAll ? liveIds(context) : folderIds(context.system.files, context.home);
    seenAll = true;
    return await recoverOnce(context, ids);
  };
  const startQueued = (): Promise<number> => {
    queued = null;
    return recover();
  };
  return recover;
}

async function recoverOnce(context: Context, ids: readonly ProcessId[]): Promise<number> {
  const orphans = await findOrphans(context, readLive(context, ids));
  if (orphans.length === 0) return 0;
  await context.keepers.ensureAdoption();
  context.doorbells.scan();
  return orphans.length;
}

/** Processes without an ending whose keeper, or if they have none whose starter, is gone: by the files, and by no answer on the socket. */
async function findOrphans(context: Context, live: readonly Folder[]): Promise<ProcessId[]> {
  const look = { ...context, keeperAlive: keeperLooks(context) };
  const orphans: ProcessId[] = [];
  const answers = new Map<string, Promise<boolean>>();
  for (const folder of live) {
    const kind = orphanage(look, folder);
    if (kind === null) continue;
    if (kind === "keeperGone" && (await answersStill(context, folder, answers))) continue;
    orphans.push(folder.id);
  }
  return orphans;
}

/** A keeper in another pid namespace shows neither lock nor pid here, but it answers. One that accepts a connection and is silent lives, too. */
function answersStill(context: Context, folder: Folder, answers: Map<string, Promise<boolean>>): Promise<boolean> {
  const generation = folder.state?.keeper.generation;
  if (generation === undefined) return Promise.resolve(false);
  let answer = answers.get(generation);
  if (answer === undefined) {
    answer = context.keepers.hello(context.keepers.find(generation).socket).then((said) => said.kind !== "unreachable");
    answers.set(generation, answer);
  }
  return answer;
}

/**
 * The folders without an ending. Files that cannot be read are renamed first, for `herma doctor` and people to look at. state.json is left for its
 * keeper: it is rewritten whole at the next change, or by the keeper that takes the process over.
 */
function readLive(context: Context, ids: readonly ProcessId[]): Folder[] {
  const { files } = context.system;
  const folders = new Map<ProcessId, Folder>();
  for (const id of ids) {
    const folder = readFolder(files, context.home, id);
    if (!setCorruptAside(context, folder)) folders.set(id, folder);
    if (context.ended.has(id) && files.stat(processPaths(context.home, id).exit) === null) context.ended = without(context.ended, id);
  }
  return liveIds(context).map((id) => folders.get(id) ?? readFolder(files, context.home, id));
}

/** True when something was moved, so that what was read is not what stands there any more. */
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
