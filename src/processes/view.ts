import { type ExitFile, type Identity, type ProcessView, processPaths, type StateFile, timestampOf } from "../contract/index.ts";
import type { System } from "../system/index.ts";
import { type Folder, lossesOf } from "./folder.ts";
import { type Output, readOutput } from "./output.ts";
import type { Shown } from "./shown.ts";

export type KeeperAlive = (keeper: StateFile["keeper"]) => "yes" | "no" | "unknown";

type Look = {
  readonly home: string;
  readonly system: Pick<System, "files" | "clock" | "processes">;
  readonly keeperAlive: KeeperAlive;
  readonly shown: Shown;
};

/** A folder as every surface shows it. Never throws: what is wrong with the folder is its `problem`. */
export function viewOf(look: Look, folder: Folder): ProcessView {
  const losses = lossesOf(folder);
  const outputEnd = folder.exit?.output_end ?? 0;
  const output = readOutput(look.system.files, processPaths(look.home, folder.id).output, { losses, outputEnd });
  return compose(look, folder, output);
}

/** As {@link viewOf}, with the output already known. */
export function compose(look: Look, folder: Folder, output: Output): ProcessView {
  const { spec, state, exit } = folder;
  const keptBytes = output.segments.reduce((sum, segment) => sum + segment.size, 0);
  const startedAt = exit?.started_at ?? state?.started_at ?? null;
  const endedAt = exit?.ended_at ?? null;
  const phase = exit !== null ? "ended" : (state?.phase ?? "starting");
  return {
    id: folder.id,
    name: spec?.name ?? null,
    phase,
    command: spec === null ? "" : look.shown.command(spec.command),
    cwd: look.shown.text(spec?.cwd ?? ""),
    pid: phase === "ended" ? null : (state?.identity?.pid ?? null),
    identity: state?.identity ?? null,
    owner: spec?.owner ?? { kind: "library" },
    lifetime: spec?.lifetime ?? "host",
    environment: spec?.environment ?? "local",
    created_at: spec?.created_at ?? createdAt(look, folder),
    started_at: startedAt,
    ended_at: endedAt,
    uptime_seconds: uptimeSeconds(look, folder, phase === "ended"),
    stdin: phase === "ended" ? closed(state?.stdin) : (state?.stdin ?? "none"),
    tty: state?.tty ?? spec?.tty ?? null,
    limits: state?.limits ?? spec?.limits ?? {},
    paused: phase !== "ended" && (state?.paused ?? false),
    stopping_for: phase === "ended" ? null : (state?.intent?.source ?? null),
    restart_survival: state?.restart_survival ?? null,
    adoptions: state?.adoptions ?? 0,
    output: { end: output.end, kept_bytes: keptBytes, dropped_bytes: Math.max(0, output.end - keptBytes) },
    losses: [...lossesOf(folder)],
    exit: look.shown.exit(exit),
    problem: problemOf(look, folder),
  };
}

function closed(stdin: StateFile["stdin"] | undefined): StateFile["stdin"] {
  return stdin === undefined || stdin === "none" ? "none" : "closed";
}

/** For a live process, counted by the system's own clock, which nobody sets. */
function uptimeSeconds({ system }: Look, { state, exit }: Folder, ended: boolean): number | null {
  const startedAt = exit?.started_at ?? state?.started_at ?? null;
  const endedAt = exit?.ended_at ?? null;
  if (startedAt === null || (ended && endedAt === null)) return null;
  const ageMs = ended || !state?.identity ? null : system.processes.ageMs(state.identity);
  if (ageMs !== null) return Math.round(ageMs) / 1000;
  const untilMs = endedAt === null ? system.clock.wallMs() : Date.parse(endedAt);
  return Math.max(0, untilMs - Date.parse(startedAt)) / 1000;
}

/** For a folder whose spec.json cannot be read: what the other files tell, else the folder's own time. */
function createdAt(look: Look, folder: Folder): string {
  const told = folder.state?.started_at ?? folder.exit?.started_at ?? folder.state?.updated_at ?? folder.exit?.ended_at;
  if (told != null) return told;
  try {
    return timestampOf(look.system.files.stat(processPaths(look.home, folder.id).folder)?.mtimeMs ?? 0);
  } catch {
    return timestampOf(0);
  }
}

function problemOf(look: Look, folder: Folder): string | null {
  const problems = folder.corrupt.map((name) => `${name} cannot be read`);
  if (folder.spec === null && !folder.corrupt.includes("spec.json")) problems.push("it has no spec.json");
  if (folder.exit === null && !folder.corrupt.includes("exit.json")) problems.push(...orphanProblem(look, folder));
  return problems.length === 0 ? null : problems.join("; ");
}

/** Why nobody looks after a process that has no ending yet; empty when its keeper does. */
function orphanProblem(look: Look, folder: Folder): string[] {
  switch (orphanage(look, folder)) {
    case "keeperGone":
      return ["its keeper is gone; another one takes it over"];
    case "starterGone":
      return ["its start was never finished"];
    case null:
      return [];
  }
}

/** Whether nobody looks after a process without an ending: its keeper is provably gone, or it never had one and its starter is gone. */
export function orphanage(look: Look, folder: Folder): "keeperGone" | "starterGone" | null {
  if (folder.exit !== null) return null;
  if (folder.state !== null) return look.keeperAlive(folder.state.keeper) === "no" ? "keeperGone" : null;
  const starter = folder.spec?.starter ?? null;
  return folder.spec !== null && (starter === null || isGone(look, starter)) ? "starterGone" : null;
}

function isGone(look: Look, identity: Identity): boolean {
  return look.system.processes.compare(identity) === "gone";
}

/** How an ended process is told in one phrase, for messages: `exited with 1`, `was ended by SIGTERM`. */
export function endPhrase(exit: ExitFile): string {
  if (exit.cause === "failed_start") return `failed to start: ${exit.failure?.message ?? "no reason is known"}`;
  if (exit.signal !== null) return `was ended by ${exit.signal}`;
  return exit.code === null ? `ended (${exit.cause})` : `exited with ${exit.code}`;
}
