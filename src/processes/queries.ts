import type { ProcessId } from "../contract/index.ts";
import { killEach } from "./act.ts";
import { type Context, liveIds } from "./context.ts";
import { hasEnded, readFolder } from "./folder.ts";
import { meant, type OwnerFilter, owners } from "./owner.ts";
import type { KillResult } from "./types.ts";

/** See `Registry.queries`. */
export function countRunning(context: Context, filter: OwnerFilter = {}): number {
  return liveOf(context, filter).length;
}

/** See `Registry.queries`. */
export function hasActive(context: Context, filter: OwnerFilter & { readonly maxAgeSeconds?: number } = {}): boolean {
  const { maxAgeSeconds } = filter;
  const ids = liveOf(context, filter);
  if (maxAgeSeconds === undefined) return ids.length > 0;
  const sinceMs = context.system.clock.wallMs() - maxAgeSeconds * 1000;
  return ids.some((id) => {
    const { spec, state } = readFolder(context.system.files, context.home, id);
    // A process of unknown age does not count as old.
    const began = state?.started_at ?? spec?.created_at;
    return began === undefined || Date.parse(began) >= sinceMs;
  });
}

/** See `Registry.queries`. */
export function isWaiting(context: Context, id: ProcessId): boolean {
  const { files } = context.system;
  if (!liveIds(context).includes(id) || hasEnded(files, context.home, id)) return false;
  const watches = context.store.ifThere()?.watches.ofProcess(id) ?? [];
  return !watches.some((watch) => watch.hits > 0 && watch.rule.negative_seconds === undefined);
}

/** See `Registry.endLifetime`. */
export function endLifetime(
  context: Context,
  options: { readonly lifetime: "turn" | "session"; readonly session?: string; readonly source?: string },
): Promise<KillResult[]> {
  const { lifetime, session, source = "session_end" } = options;
  const ending = lifetime === "turn" ? ["turn"] : ["turn", "session"];
  const ids = liveOf(context, session === undefined ? {} : { session }).filter((id) => {
    const { spec } = readFolder(context.system.files, context.home, id);
    return spec !== null && ending.includes(spec.lifetime);
  });
  return killEach(context, ids, { source });
}

function liveOf(context: Context, filter: OwnerFilter): ProcessId[] {
  const ids = liveIds(context);
  if (filter.session === undefined && filter.task === undefined) return ids;
  const ownerOf = owners(context);
  return ids.filter((id) => meant(ownerOf(id, readFolder(context.system.files, context.home, id).spec), filter) !== null);
}
