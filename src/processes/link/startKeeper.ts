import { HermaError, type Identity, type KeeperPaths, keeperPaths } from "../../contract/index.ts";
import { keeperVariables } from "../../rules/index.ts";
import { ownNode, type System } from "../../system/index.ts";
import { makeHomeFolder, standsAt } from "../folder.ts";
import { compiledCodeFolder } from "../lazy.ts";
import { ring } from "../ring.ts";
import type { RegistryConfig } from "../types.ts";
import type { KeeperLook } from "./hello.ts";
import { silent } from "./refusals.ts";
import { keeperPrograms, surroundings } from "./surroundings.ts";

/** The keeper's folder is watched; this look is the fallback where watching tells nothing (and for its lock, whose release makes no event). */
const lookMs = 20;
/** A keeper that we start may lose the lock to another, which then dies. More tries than this would hide that no keeper can live here. */
const spawnsMax = 3;
/** A keeper stays at least this long while it is empty: else it could be gone before its starter has asked it for anything. */
const idleGraceMsMin = 1000;
/** Each keeper limits what it writes, and one comes after the other: a log longer than this is put aside before the next one starts. */
const logKeptBytesMax = 1_048_576;
const logTailBytes = 2048;
const logTailLines = 8;

type Options = {
  readonly home: string;
  readonly generation: string;
  readonly system: System;
  readonly settings: RegistryConfig;
  readonly keeperCommand: readonly string[] | undefined;
  readonly keepers: KeeperLook;
};

/**
 * Makes sure that a keeper answers, and starts one if none does. Any number of clients may do this at once: the keepers' lock decides, and a keeper that
 * does not get it ends quietly. A keeper that holds its lock is never replaced, answer or not.
 */
export async function startKeeper(options: Options): Promise<{ started: boolean }> {
  const { home, generation, system, settings, keepers } = options;
  const paths = keeperPaths(home, generation);
  makeHomeFolder(system.files, home, paths.folder);
  const logFrom = system.files.stat(paths.log)?.size ?? 0;
  const deadlineMs = system.clock.monotonicMs() + settings.keeperStartMsMax;
  const changed = ring(system.clock);
  const unwatch = watchQuietly(system, paths.folder, () => changed.ring());
  let starting: Identity | null = null;
  let spawns = 0;
  try {
    for (;;) {
      const said = await keepers.hello(
        keepers.socketOf(generation),
        Math.max(1, Math.min(settings.answerMsMax, deadlineMs - system.clock.monotonicMs())),
      );
      if (said.kind === "answer" && !said.hello.leaving) return { started: spawns > 0 };
      if (said.kind === "foreign") throw new HermaError("KEEPER_PROTOCOL", `the keeper ${generation} answers in a form that is not known`);
      const late = system.clock.monotonicMs() >= deadlineMs;
      const gone = starting === null || system.processes.compare(starting) === "gone";
      // Nobody looks at the kernel's list of locks without need: that takes ten milliseconds, and holds up the keeper that takes its own.
      const first = spawns === 0 && !late && keepers.holderIsGone(generation);
      const held = (late || gone) && !first ? keepers.find(generation).lock.held : null;
      if (said.kind === "silent" || (late && held === true)) throw silent(generation);
      if (late || (gone && held !== true && spawns >= spawnsMax)) throw unavailable(options, logFrom);
      if (gone && held !== true) {
        starting = await spawnKeeper(options);
        spawns += 1;
      }
      await changed.rung(lookMs);
    }
  } finally {
    unwatch();
  }
}

/** glibc gives each thread a heap of its own, and takes free memory back from the first one only. */
const oneHeap = { MALLOC_ARENA_MAX: "1" };

async function spawnKeeper(options: Options): Promise<Identity> {
  const { home, generation, system, settings } = options;
  const survival = await system.scopes.probe();
  options.keepers.demandOpen();
  const argv = [...keeperCommand(options), "--home", home, "--generation", generation, "--restart-survival", survival];
  argv.push("--idle-grace-ms", String(Math.max(idleGraceMsMin, settings.keeperIdleGraceMs)));
  putLogAside(system.files, keeperPaths(home, generation));
  const unit = `herma-keeper-${Buffer.from(system.random(6)).toString("hex")}`;
  const compiled = compiledCodeFolder();
  const spawned = system.spawner.spawnDaemon({
    argv: system.scopes.wrap(unit, argv),
    // Its own folder would do as well, but a keeper must not keep somebody's disk from being unmounted.
    cwd: "/",
    variables: { ...keeperVariables(surroundings.variables()), ...oneHeap, ...(compiled === null ? {} : { NODE_COMPILE_CACHE: compiled }) },
    log: keeperPaths(home, generation).log,
  });
  if (!spawned.ok) throw new HermaError("KEEPER_UNAVAILABLE", `the keeper could not be started: ${spawned.failure.message}`);
  return spawned.child.identity;
}

/** Keeps one log of before. Without a keeper nobody writes; one that is started at this very moment goes on in the file put aside. */
function putLogAside(files: System["files"], paths: KeeperPaths): void {
  try {
    if ((files.stat(paths.log)?.size ?? 0) > logKeptBytesMax) files.rename(paths.log, paths.logBefore);
  } catch {
    // A log that is too long is no reason to start no keeper.
  }
}

function keeperCommand({ keeperCommand, system }: Options): readonly string[] {
  if (keeperCommand !== undefined) return keeperCommand;
  const program = keeperPrograms().find((path) => standsAt(system.files, path));
  if (program === undefined) throw new HermaError("KEEPER_UNAVAILABLE", "the keeper program is missing from this installation");
  return [...ownNode, program];
}

function watchQuietly(system: System, folder: string, changed: () => void): () => void {
  try {
    return system.files.watch(folder, changed);
  } catch {
    // No watch is left on this machine; the look every few milliseconds does.
    return () => {};
  }
}

/** Quotes the last lines of the keeper's log, where the reason stands. */
function unavailable(options: Options, logFrom: number): HermaError {
  const { system, home, generation } = options;
  const { log } = keeperPaths(home, generation);
  let said = "";
  try {
    const size = system.files.stat(log)?.size ?? 0;
    // It is shorter than at the beginning when it was put aside meanwhile.
    const from = Math.max(size < logFrom ? 0 : logFrom, size - logTailBytes);
    const lines = (system.files.readRange(log, from, logTailBytes)?.toString("utf8") ?? "")
      .split("\n")
      .filter((line) => line.trim() !== "");
    said = lines.slice(-logTailLines).join("\n");
  } catch {
    // Without its log the message is shorter, and still true.
  }
  const reason = said === "" ? "and its log is empty" : `its log ends:\n${said}`;
  return new HermaError("KEEPER_UNAVAILABLE", `the keeper did not come up; ${reason}`, { data: { generation, log } });
}
