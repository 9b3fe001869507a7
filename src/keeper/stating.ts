import { type ExitFile, type ProcessPaths, processPaths, type SpecFile, type StateFile, timestampOf } from "../contract/index.ts";
import { defaultGraceMs, segmentStart } from "../rules/index.ts";
import type { System } from "../system/index.ts";
import type { Folder } from "./evidence.ts";
import { exitFileOf, type SeenEnd, storeExit } from "./exitRecord.ts";
import type { Keeping } from "./keeping.ts";
import { freshState } from "./stateRecord.ts";

type Stated = "writeNotedExit" | "lost" | "reboot" | "neverStarted";

/** States an end that nobody watched: what can be proven, and nothing more. Returns both files as they were written. */
export async function stateEnd(keeping: Keeping, folder: Folder, verdict: Stated): Promise<{ exit: ExitFile; state: StateFile }> {
  const { system } = keeping;
  const { files } = system;
  const paths = processPaths(keeping.home, folder.id);
  setAside(
    keeping,
    folder.corrupt.filter((path) => path === paths.exit),
  );
  // A keeper that died behind the first step of a start may have spawned it: that it never ran cannot be said then.
  const kind = verdict === "neverStarted" && files.stat(paths.exitReserved) !== null ? "lost" : verdict;
  const now = timestampOf(system.clock.wallMs());
  const outputEnd = endOfOutput(system, paths, folder);
  const losses = [...(folder.state?.losses ?? [])];
  // What its keeper had read and not written is gone, and what nobody had read may be; how much that was, nobody can know.
  // Of one whose name was removed, that is said when it cannot be had again.
  const open = files.stat(paths.pipe) !== null || folder.state?.tty != null;
  if (open && kind !== "neverStarted") losses.push({ reason: "keeper_died", from: outputEnd, bytes: null, at: now });
  const group = folder.state?.cgroups === undefined ? null : system.groups.open(folder.state.cgroups);
  const exit = exitFileOf({
    id: folder.id,
    end: kind === "writeNotedExit" ? notedEnd(folder.state!) : { exit: null, evidence: "none", at: now },
    intent: folder.state?.intent ?? null,
    startedAt: folder.state?.started_at ?? null,
    failure:
      kind === "neverStarted" ? { error: "NEVER_STARTED", message: "its starter and its keeper ended before it could be spawned" } : null,
    foundDead: kind === "lost" || kind === "reboot" ? kind : null,
    memoryRanOut: (group?.memoryKills() ?? 0) > 0,
    outputEnd,
    survivors: [],
    losses,
  });
  await storeExit(files, paths, exit);
  if (group !== null) keeping.emptyGroups.add(group);
  // Not before: without its spec a folder would look like one that is being made.
  setAside(
    keeping,
    folder.corrupt.filter((path) => path !== paths.exit),
  );
  // Also for one that never had a state: whoever asks once more for its start is answered with it, and with the end.
  const ended = endedState(folder.state ?? freshState(keeping, specOf(folder)), exit, now);
  files.replace(paths.state, JSON.stringify(ended), { durable: false });
  return { exit, state: ended };
}

/** The exit that a keeper noted before it died. One that had adopted the process can only have it from a pidfd; nothing noted proves nothing. */
function notedEnd({ exited, adoptions }: StateFile): SeenEnd {
  const { code, signal, usage, at } = exited!;
  const evidence = code === null && signal === null ? "none" : adoptions > 0 ? "pidfd" : "wait";
  return { exit: { code, signal, usage }, evidence, at };
}

function endedState(before: StateFile, exit: ExitFile, now: string): StateFile {
  const stdin = before.stdin === "none" ? "none" : "closed";
  return { ...before, phase: "ended", exited: null, paused: false, stdin, losses: exit.losses, seq: before.seq + 1, updated_at: now };
}

function endOfOutput(system: System, paths: ProcessPaths, folder: Folder): number {
  const ends = (folder.state?.losses ?? []).map((loss) => loss.from + (loss.bytes ?? 0));
  for (const name of system.files.list(paths.output)) {
    const start = segmentStart(name);
    if (start !== null) ends.push(start + (system.files.stat(`${paths.output}/${name}`)?.size ?? 0));
  }
  return Math.max(0, ...ends);
}

/** Files that cannot be read are kept under another name, for `doctor` and for people, before anything is written in their place. */
export function setAside(keeping: Keeping, paths: readonly string[]): void {
  for (const path of paths) keeping.system.files.rename(path, `${path}.corrupt`);
}

/** What is known of a process whose spec.json cannot be read: it is looked after all the same, with the usual limits. */
export function specOf(folder: Folder): SpecFile {
  if (folder.spec !== null) return folder.spec;
  return {
    format: 1,
    id: folder.id,
    created_at: folder.state?.started_at ?? folder.state?.updated_at ?? folder.exit?.ended_at ?? timestampOf(0),
    command: ["?"],
    cwd: "/",
    variables: [],
    stdin: "none",
    tty: folder.state?.tty ?? null,
    limits: {},
    lifetime: "host",
    owner: { kind: "library" },
    environment: "local",
    grace_ms: defaultGraceMs,
    starter: null,
  };
}
