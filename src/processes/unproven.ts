import {
  CheckpointEntry,
  HermaError,
  homePaths,
  type ProcessId,
  type ProcessView,
  processIdPattern,
  processPaths,
  type SpecFile,
  timestampOf,
} from "../contract/index.ts";
import type { System } from "../system/index.ts";
import { type Context, notFound } from "./context.ts";
import { standsAt } from "./folder.ts";
import type { Shown } from "./shown.ts";
import { compose } from "./view.ts";

const bytesMax = 16 * 1024 * 1024;
const why = "Hermes wrote it down without its start time, so nothing proves that the pid is still this process";

type Parts = { readonly home: string; readonly system: System; readonly shown: Shown };

/**
 * Processes that a Hermes left running and that cannot be proven: their pid is in use, by whom nobody knows. They have no folder, are told from
 * `processes.json` as far as it goes, and are never signalled.
 */
export function unprovenViews(parts: Parts): ProcessView[] {
  return entries(parts).map((entry) => viewOf(parts, entry));
}

/** One of {@link unprovenViews}, or null. */
export function unprovenView(parts: Parts, id: ProcessId): ProcessView | null {
  const entry = entries(parts).find((one) => one.session_id === id);
  return entry === undefined ? null : viewOf(parts, entry);
}

/** Why nothing can be done with a process that has no folder: IDENTITY_UNPROVEN for one that can only be looked at, else PROCESS_NOT_FOUND. */
export function refusalOf(context: Context, id: ProcessId): HermaError {
  if (unprovenView(context, id) === null) return notFound(id);
  return new HermaError("IDENTITY_UNPROVEN", `${id} can only be looked at: ${why}`, { data: { id } });
}

/** True for an entry that Hermes wrote without what proves it, and whose pid is in use. */
export function isUnproven({ processes }: Pick<System, "processes">, entry: CheckpointEntry): boolean {
  return entry.pid_scope === "host" && entry.host_start_time === null && processes.look(entry.pid).kind !== "dead";
}

function entries({ home, system }: Parts): CheckpointEntry[] {
  const path = homePaths(home).checkpoint;
  try {
    // Most homes have never seen a Hermes, and looking must be quick.
    if (system.files.stat(path) === null) return [];
    const list: unknown = JSON.parse(system.files.read(path, bytesMax)?.toString("utf8") ?? "[]");
    if (!Array.isArray(list)) return [];
    return list.filter(lacksProof).flatMap((entry) => {
      const parsed = CheckpointEntry.safeParse(entry);
      if (!parsed.success || !processIdPattern.test(parsed.data.session_id) || !isUnproven(system, parsed.data)) return [];
      return standsAt(system.files, processPaths(home, parsed.data.session_id).folder) ? [] : [parsed.data];
    });
  } catch {
    // What cannot be used is told and set aside by the gateway.
    return [];
  }
}

/** Ours have a start time: they need no closer look. */
function lacksProof(entry: unknown): boolean {
  return typeof entry === "object" && entry !== null && ((entry as { host_start_time?: unknown }).host_start_time ?? null) === null;
}

function viewOf(parts: Parts, entry: CheckpointEntry): ProcessView {
  const spec = hermesSpec(entry, { nowMs: parts.system.clock.wallMs(), graceMs: 0 });
  const folder = { id: entry.session_id, spec, state: null, exit: null, corrupt: [] };
  const view = compose({ ...parts, keeperAlive: () => "unknown" }, folder, { segments: [], end: 0 });
  const startedMs = entry.started_at * 1000;
  return {
    ...view,
    phase: "running",
    pid: entry.pid,
    started_at: entry.started_at > 0 ? spec.created_at : null,
    uptime_seconds: entry.started_at > 0 ? Math.max(0, parts.system.clock.wallMs() - startedMs) / 1000 : null,
    problem: `${why}: it can be looked at, and is never signalled`,
  };
}

/** What a Hermes knew of a process, as the spec of one of ours. */
export function hermesSpec(entry: CheckpointEntry, { nowMs, graceMs }: { readonly nowMs: number; readonly graceMs: number }): SpecFile {
  return {
    format: 1,
    id: entry.session_id,
    created_at: timestampOf(entry.started_at > 0 ? entry.started_at * 1000 : nowMs),
    command: entry.command === "" ? "?" : entry.command,
    cwd: entry.cwd === null || entry.cwd === "" ? "/" : entry.cwd,
    variables: [],
    stdin: "none",
    tty: null,
    limits: {},
    lifetime: "host",
    owner: { kind: "tool", ...named("session", entry.session_key), ...named("task", entry.task_id) },
    environment: "local",
    adopted_from: "hermes",
    grace_ms: graceMs,
    starter: null,
  };
}

function named<Key extends string>(key: Key, value: string): { [K in Key]?: string } {
  return (value === "" ? {} : { [key]: value.slice(0, 512) }) as { [K in Key]?: string };
}
