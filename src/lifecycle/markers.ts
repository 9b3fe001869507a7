import { join } from "node:path";
import { GatewayMarker, type GatewayMarker as GatewayMarkerType, type Identity, timestampOf } from "../contract/index.ts";
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
 * The marker by which our stop is meant, or null. Ours and stale ones are removed, somebody else's is left alone, and so is a fresh one that
 * cannot be read, for it may be half written. Never throws.
 */
export function consumeMarker(
  home: string,
  kind: MarkerKind,
  target: MarkerTarget,
  system: Pick<System, "clock" | "files">,
): GatewayMarkerType | null {
  const path = markerPath(home, kind);
  try {
    const stat = system.files.stat(path);
    if (stat === null) return null;
    const value = readJson(system.files, path);
    const verdict = judgeMarker(value, target, system.clock.wallMs(), stat.mtimeMs);
    if (verdict === "ours" || verdict === "stale") system.files.remove(path);
    return verdict === "ours" ? GatewayMarker.parse(value) : null;
  } catch {
    return null;
  }
}

/**
 * Tells the gateway `target` that its end is meant, before it is signalled; it counts for 60 s. Replaces whatever marker of this kind stands.
 * Throws IO or DISK_FULL: then the gateway would take the signal for an accident.
 */
export function writeMarker(
  home: string,
  kind: MarkerKind,
  target: { readonly identity: Identity; readonly instanceId: string | null },
  system: Pick<System, "clock" | "files" | "processes">,
): void {
  const marker: GatewayMarkerType = {
    target_pid: target.identity.pid,
    target_start_time: target.identity.start_time,
    [kind === "takeover" ? "replacer_pid" : "stopper_pid"]: system.processes.self().pid,
    written_at: timestampOf(system.clock.wallMs()),
    ...(target.instanceId === null ? {} : { target_instance_id: target.instanceId }),
  };
  system.files.replace(markerPath(home, kind), JSON.stringify(marker), { durable: false });
}

/** Takes back the marker that this program wrote, if it still stands. Never throws. */
export function clearMarker(home: string, kind: MarkerKind, system: Pick<System, "files" | "processes">): void {
  const path = markerPath(home, kind);
  try {
    const parsed = GatewayMarker.safeParse(readJson(system.files, path));
    const writer = parsed.success ? (parsed.data.replacer_pid ?? parsed.data.stopper_pid) : undefined;
    if (writer === system.processes.self().pid) system.files.remove(path);
  } catch {
    // It counts for a minute at most, and for nobody but the one it names.
  }
}
