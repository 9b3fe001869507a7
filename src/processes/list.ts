import { HermaError, type ProcessId, type ProcessView, processIdPattern, processPaths } from "../contract/index.ts";
import { nearest, parseReference } from "../rules/index.ts";
import { type Context, keeperLooks, liveIds, notFound } from "./context.ts";
import { type Folder, folderIds, hasEnded, readFolder, readState, standsAt, tellsAnything } from "./folder.ts";
import { meant, type OwnerFilter, owners } from "./owner.ts";
import { refusalOf, unprovenView, unprovenViews } from "./unproven.ts";
import { viewOf } from "./view.ts";

/** Reads one process; throws PROCESS_NOT_FOUND when the home has nothing of it. */
export function getProcess(context: Context, id: ProcessId): ProcessView {
  const folder = folderIfThere(context, id);
  if (folder !== null) return viewOf({ ...context, keeperAlive: keeperLooks(context) }, folder);
  const unproven = processIdPattern.test(id) ? unprovenView(context, id) : null;
  if (unproven === null) throw notFound(id);
  return unproven;
}

/** The folder's files; throws PROCESS_NOT_FOUND when there are none, or IDENTITY_UNPROVEN of what Hermes left and can only be looked at. */
export function requireFolder(context: Context, id: ProcessId): Folder {
  const folder = folderIfThere(context, id);
  if (folder === null) throw refusalOf(context, id);
  return folder;
}

/** As {@link requireFolder}, for whoever needs none of the files: one look for a process that is known. */
export function requireProcess(context: Context, id: ProcessId): void {
  if (processIdPattern.test(id) && standsAt(context.system.files, processPaths(context.home, id).spec)) return;
  requireFolder(context, id);
}

/** The folder's files, or null when there are none. */
export function folderIfThere(context: Context, id: ProcessId): Folder | null {
  // Only a valid id may become part of a path.
  if (!processIdPattern.test(id)) return null;
  const folder = readFolder(context.system.files, context.home, id);
  return known(context, folder) ? folder : null;
}

/** A process whose only file was set aside as corrupt is still one that people should see. */
function known(context: Context, folder: Folder): boolean {
  return tellsAnything(folder) || standsAt(context.system.files, `${processPaths(context.home, folder.id).spec}.corrupt`);
}

/** Newest first. Live ones alone, unless `all`. */
export function listProcesses(context: Context, options: { all?: boolean } & OwnerFilter = {}): ProcessView[] {
  const { files } = context.system;
  const look = { ...context, keeperAlive: keeperLooks(context) };
  const views: ProcessView[] = [];
  const ownerOf = options.session === undefined && options.task === undefined ? null : owners(context);
  for (const id of options.all === true ? folderIds(files, context.home) : liveIds(context)) {
    const folder = readFolder(files, context.home, id);
    if (!known(context, folder)) continue;
    const by = ownerOf === null ? null : meant(ownerOf(id, folder.spec), options);
    if (ownerOf !== null && by === null) continue;
    const whole = viewOf(look, folder);
    const view = by === "session" && options.task !== undefined ? { ...whole, session_scoped: true } : whole;
    // It may have ended between the two looks.
    if (options.all === true || view.phase !== "ended") views.push(view);
  }
  for (const view of unprovenViews(context)) {
    const by = ownerOf === null ? null : meant({ session: view.owner.session ?? null, task: view.owner.task ?? null }, options);
    if (ownerOf !== null && by === null) continue;
    views.push(by === "session" && options.task !== undefined ? { ...view, session_scoped: true } : view);
  }
  return views.sort(newestFirst);
}

function newestFirst(a: ProcessView, b: ProcessView): number {
  return Date.parse(b.created_at) - Date.parse(a.created_at) || (a.id < b.id ? -1 : 1);
}

/** See `Registry.resolve`. */
export function resolveReference(context: Context, text: string): ProcessId {
  const reference = parseReference(text);
  if (reference === null) throw notFound(text);
  // Whether there is such a process shows when something is done with it: a keeper may still hold one whose folder was removed.
  if (reference.kind === "id") return reference.value;
  if (reference.kind === "prefix") return byPrefix(context, reference.value) ?? byName(context, text.trim()) ?? fail(context, text);
  const named = byName(context, reference.value);
  if (named !== null) return named;
  return (reference.kind === "word" ? byPrefix(context, reference.prefix) : null) ?? fail(context, text);
}

function byPrefix(context: Context, prefix: string): ProcessId | null {
  const ids = [...folderIds(context.system.files, context.home), ...unprovenViews(context).map((view) => view.id)];
  const fitting = ids.filter((id) => id.startsWith(prefix));
  if (fitting.length > 1) {
    const shown = fitting.slice(0, 8).join(", ");
    throw new HermaError("PROCESS_AMBIGUOUS", `${prefix} fits ${fitting.length} processes: ${shown}`, { data: { ids: fitting } });
  }
  return fitting[0] ?? null;
}

/** The live process of this name, else the one that ended last. */
function byName(context: Context, name: string): ProcessId | null {
  const { files } = context.system;
  const newest = (ids: readonly ProcessId[], timeOf: (folder: Folder) => string | undefined): ProcessId | null => {
    let best: { id: ProcessId; at: number } | null = null;
    for (const id of ids) {
      const folder = readFolder(files, context.home, id);
      if (folder.spec?.name !== name) continue;
      const at = Date.parse(timeOf(folder) ?? "") || 0;
      if (best === null || at > best.at) best = { id, at };
    }
    return best?.id ?? null;
  };
  const live = new Set(liveIds(context));
  return (
    newest([...live], (folder) => folder.spec?.created_at) ??
    newest(
      folderIds(files, context.home).filter((id) => !live.has(id)),
      (folder) => folder.exit?.ended_at ?? folder.spec?.created_at,
    )
  );
}

function fail(context: Context, text: string): never {
  const names = folderIds(context.system.files, context.home)
    .map((id) => readFolder(context.system.files, context.home, id).spec?.name)
    .filter((name) => name !== undefined);
  const near = nearest(text.trim(), names);
  throw notFound(text, near === null ? "" : `; did you mean ${near}?`);
}

/** Whether a process is over, for whoever waits for that: its ending stands, or all that is left says so. */
export function isOver(context: Context, id: ProcessId): boolean {
  const { files } = context.system;
  if (hasEnded(files, context.home, id)) return true;
  return saysEnded(context, id) && readState(files, context.home, id)?.phase === "ended";
}

/** Whoever waits asks at each ring: a state that does not hold the word needs no reading. */
function saysEnded({ system, home }: Context, id: ProcessId): boolean {
  try {
    return system.files.read(processPaths(home, id).state)?.includes('"ended"') === true;
  } catch {
    return false;
  }
}
