import { join } from "node:path";
import { GatewayMarker, type GatewayMarker as GatewayMarkerType, type Identity } from "../contract/index.ts";
import { zonedMomentMs } from "../rules/index.ts";
import type { System } from "../system/index.ts";
import { readJson } from "./records.ts";

/** A marker older than this, or this far in the future, is stale (hermes 5.3, spec compat 7). */
const markerAgeMsMax = 60_000;

export type MarkerKind = "planned_stop" | "takeover";
export type MarkerTarget = { readonly identity: Identity; readonly instanceId: string; readonly startedAtMs: number };

const markerFile: Record<MarkerKind, string> = {
  planned_stop: ".gateway-planned-stop.json",
  takeover: ".gateway-takeover.json",
};

/** Where a marker stands in a home. */
export function markerPath(home: string, kind: MarkerKind): string {
  return join(home, markerFile[kind]);
}

/** What a marker means to one gateway at one moment. `noise`: it cannot be understood. */
export type MarkerVerdict = "ours" | "somebody_else" | "stale" | "noise";

/** Decides what a marker's content means; `modifiedMs` is the file's own time, the only one noise has. */
export function judgeMarker(value: unknown, target: MarkerTarget, nowMs: number, modifiedMs: number): MarkerVerdict {
  const parsed = GatewayMarker.safeParse(value);
  if (!parsed.success) return nowMs - modifiedMs > markerAgeMsMax ? "stale" : "noise";
  const marker: GatewayMarkerType = parsed.data;
  const writtenMs = zonedMomentMs(marker.written_at);
  if (writtenMs === null || Math.abs(nowMs - writtenMs) > markerAgeMsMax) return "stale";
  if (typeof marker.target_instance_id === "string") return marker.target_instance_id === target.instanceId ? "ours" : "somebody_else";
  if (marker.target_pid !== target.identity.pid) return "somebody_else";
  if (typeof marker.target_start_time === "number")
    return marker.target_start_time === target.identity.start_time ? "ours" : "somebody_else";
  // Its writer could not read our start time. It was written while we had this pid already, so it cannot mean an earlier owner of it.
  return writtenMs >= target.startedAtMs ? "ours" : "somebody_else";
}

/**
 * True when a marker says that our stop is meant. Ours and stale ones are removed, somebody else's is left alone, and so is a fresh one that
 * cannot be read, for it may be half written. Never throws.
 */
export function consumeMarker(home: string, kind: MarkerKind, target: MarkerTarget, system: Pick<System, "clock" | "files">): boolean {
  const path = markerPath(home, kind);
  try {
    const stat = system.files.stat(path);
    if (stat === null) return false;
    const verdict = judgeMarker(readJson(system.files, path), target, system.clock.wallMs(), stat.mtimeMs);
    if (verdict === "ours" || verdict === "stale") system.files.remove(path);
    return verdict === "ours";
  } catch {
    return false;
  }
}
