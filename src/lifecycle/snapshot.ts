import type { GatewayMarker } from "../contract/index.ts";
import { contextLine, type NotedProgram, type ShutdownContext, signalNumber, signalWord } from "../rules/index.ts";
import type { ProgramVitals, System } from "../system/index.ts";
import { judgeMarker, type MarkerKind, type MarkerTarget, markerPath } from "./markers.ts";

export { contextLine, type ShutdownContext };

const textCharactersMax = 300;
const markerBytesMax = 65_536;

export type SnapshotRequest = {
  readonly system: Pick<System, "clock" | "files" | "processes" | "vitals">;
  readonly home: string;
  /** The signal's name; null when no signal came. */
  readonly signal: string | null;
  /** The gateway that markers must name; null before the claim. */
  readonly target: MarkerTarget | null;
  /** This program's own. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly loopLagMs: number | null;
  /** A marker meant for us that was consumed already, because it is what began the stop. */
  readonly consumed?: { readonly kind: MarkerKind; readonly marker: GatewayMarker };
};

/**
 * What stands around a gateway that is told to stop, from `/proc` alone: it starts nothing, waits for nothing and takes a few milliseconds at
 * most. Taken before the markers are consumed. Never throws; what cannot be read is null or left out.
 */
export function shutdownSnapshot(request: SnapshotRequest): ShutdownContext {
  const { system, signal, variables } = request;
  const { vitals } = system;
  const { pid } = system.processes.self();
  const self = vitals.program(pid);
  const machine = vitals.machine();
  const memory = vitals.memory();
  const takeover = markerSeen(request, "takeover");
  const planned = markerSeen(request, "planned_stop");
  const tracer = self.tracer !== null && self.tracer > 0 ? self.tracer : null;
  return {
    ts: system.clock.wallMs() / 1000,
    ts_monotonic: system.clock.monotonicMs() / 1000,
    signal: signalWord(signal),
    signal_num: signal === null ? null : signalNumber(signal),
    pid,
    ppid: self.parent,
    parent: self.parent === null ? null : noted(vitals.program(self.parent)),
    self: noted(self),
    // A parent with pid 1 proves nothing: any container has one (hermes 6.3.5).
    under_systemd: Boolean(variables.INVOCATION_ID),
    systemd_invocation_id: variables.INVOCATION_ID ?? null,
    systemd_journal_stream: variables.JOURNAL_STREAM ?? null,
    loadavg_1m: machine.load1m,
    ...(tracer === null ? {} : { tracer_pid: tracer, tracer: noted(vitals.program(tracer)) }),
    ...(takeover === null ? {} : { takeover_marker: takeover.text, takeover_marker_for_self: takeover.ours }),
    ...(planned === null ? {} : { planned_stop_marker: planned.text, planned_stop_marker_for_self: planned.ours }),
    sender_pid: (takeover?.ours === true ? takeover.sender : null) ?? (planned?.ours === true ? planned.sender : null),
    memory_free_bytes: machine.memoryFreeBytes,
    rss_bytes: memory.rssBytes,
    heap_bytes: memory.heapBytes,
    loop_lag_ms: request.loopLagMs === null ? null : Math.round(request.loopLagMs * 10) / 10,
    cgroup: machine.cgroup?.path ?? null,
    cgroup_memory_bytes: machine.cgroup?.memoryBytes ?? null,
    cgroup_memory_bytes_max: machine.cgroup?.memoryBytesMax ?? null,
    oom_kills: machine.cgroup?.oomKills ?? machine.oomKills,
  };
}

function noted(program: ProgramVitals): NotedProgram {
  return {
    pid: program.pid,
    ...(program.name === null ? {} : { name: program.name }),
    ...(program.state === null ? {} : { state: program.state }),
    ...(program.parent === null ? {} : { ppid: program.parent }),
    ...(program.uid === null ? {} : { uid: program.uid }),
    ...(program.commandLine === null ? {} : { cmdline: program.commandLine.slice(0, textCharactersMax) }),
  };
}

type MarkerSeen = { readonly text: string; readonly ours: boolean; readonly sender: number | null };

const senderKeys = { takeover: "replacer_pid", planned_stop: "stopper_pid" } as const;

function markerSeen({ system, home, target, consumed }: SnapshotRequest, kind: MarkerKind): MarkerSeen | null {
  if (consumed?.kind === kind) {
    const { marker } = consumed;
    return { text: JSON.stringify(marker).slice(0, textCharactersMax), ours: true, sender: marker[senderKeys[kind]] ?? null };
  }
  try {
    const path = markerPath(home, kind);
    const text = system.files.read(path, markerBytesMax)?.toString("utf8");
    if (text === undefined) return null;
    const seen = { text: text.slice(0, textCharactersMax), ours: false, sender: null };
    const value = jsonOf(text);
    if (target === null || value === null) return seen;
    const nowMs = system.clock.wallMs();
    const ours = judgeMarker(value, target, nowMs, system.files.stat(path)?.mtimeMs ?? nowMs) === "ours";
    const sender = value[senderKeys[kind]];
    return { ...seen, ours, sender: typeof sender === "number" ? sender : null };
  } catch {
    return null;
  }
}

function jsonOf(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
