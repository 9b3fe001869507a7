import { exitReservedBytes, type HermaError, type Identity, isHermaError, processPaths } from "../contract/index.ts";
import type { SpawnRequest, System } from "../system/index.ts";
import { AnsweringTerminal } from "./answeringTerminal.ts";
import type { Held } from "./held.ts";
import { messageOf } from "./log.ts";
import { type Line, noLine } from "./streams.ts";

/** Children are ended before their keeper when memory runs out. */
const oomScoreAboveKeeper = 300;
/** Kept free for answering, recording ends and killing: a start that would go below it is refused as failed. */
const descriptorsReserved = 24;

/**
 * Makes what its limits need, and allocates the space for exit.json. Throws LIMIT_UNAVAILABLE, DISK_FULL, IO; then nothing of the start is left.
 */
export function begin(system: Pick<System, "files">, home: string, held: Held): void {
  held.confine();
  try {
    system.files.reserve(processPaths(home, held.id).exitReserved, exitReservedBytes);
  } catch (error) {
    held.unconfine();
    throw error;
  }
}

/** A keeper has begun to start it, and its end has not been written. */
export function wasBegun(system: Pick<System, "files">, home: string, id: string): boolean {
  return system.files.stat(processPaths(home, id).exitReserved) !== null;
}

/** Starts the child. Never throws: whatever goes wrong becomes its ending. */
export function spawnHeld(system: System, held: Held, plan: SpawnRequest): void {
  try {
    spawn(system, held, plan);
  } catch (error) {
    // Whether it was spawned before this went wrong cannot be known: nothing that carries its mark may stay.
    held.abort(failureOf(error));
  }
}

function spawn(system: System, held: Held, plan: SpawnRequest): void {
  const { spec, paths, streams, group } = held;
  if ((system.files.descriptorsLeft() ?? descriptorsReserved) < descriptorsReserved) {
    held.spawnFailed({ error: "EMFILE", message: "the keeper has no file descriptors left for another process (ulimit -n)" });
    return;
  }
  if (system.files.stat(plan.cwd)?.kind === undefined) {
    held.spawnFailed({ error: "ENOENT", message: `the working folder ${plan.cwd} does not exist` });
    return;
  }
  if (spec.tty !== null) {
    const answering = new AnsweringTerminal(spec.tty, streams.handler);
    const spawned = system.spawner.spawnTerminal({ ...plan, group, size: spec.tty }, answering.handler, (exit) =>
      held.exited(exit, "wait"),
    );
    if (!spawned.ok) held.spawnFailed(spawned.failure);
    else runs(system, held, spawned.child, { reader: spawned.child, input: null, terminal: answering.over(spawned.child) });
    return;
  }
  system.files.makeFifo(paths.pipe);
  const reader = system.files.openFifo(paths.pipe, streams.handler);
  streams.attach({ ...noLine, reader });
  const spawned = system.spawner.spawnPiped({ ...plan, group, output: paths.pipe, stdin: spec.stdin }, (exit) => held.exited(exit, "wait"));
  if (!spawned.ok) held.spawnFailed(spawned.failure);
  else runs(system, held, spawned.child, { reader, input: spawned.child.stdin, terminal: null });
}

function runs(system: System, held: Held, child: { identity: Identity; pid: number }, line: Line): void {
  held.spawned(child, line);
  system.processes.setOomScore(child.pid, oomScoreAboveKeeper);
}

function failureOf(error: unknown): { error: string; message: string } {
  const message = messageOf(error);
  const code = isHermaError(error)
    ? ((error.cause as { code?: unknown } | undefined)?.code ?? error.code)
    : (error as { code?: unknown }).code;
  return { error: typeof code === "string" ? code : ("INTERNAL" satisfies HermaError["code"]), message };
}
