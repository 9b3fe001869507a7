import { type KeeperFile, keeperPaths, keeperProtocol, type RestartSurvival, version } from "../contract/index.ts";
import { requirePrivateFolder, type SocketPlace } from "../rules/index.ts";
import type { System, Timer } from "../system/index.ts";
import { createKeeperApi } from "./api.ts";
import { Door } from "./door.ts";
import { GenerationLock } from "./generationLock.ts";
import { Keeper } from "./keeper.ts";
import { keeperListener } from "./listening.ts";
import { type Log, messageOf } from "./log.ts";

/** By then whoever brought the keeper up has found it: a login shell takes a processor for as long as an adoption does. */
const shellAfterMs = 50;

export type ServeOptions = {
  readonly system: System;
  readonly home: string;
  readonly generation: string;
  readonly restartSurvival: RestartSurvival;
  /** By rules/sockets.ts, which clients use too. */
  readonly place: SocketPlace;
  /** This user's id: the socket's folder must be its own. */
  readonly uid: number;
  /** An empty keeper stays this long for the next start. */
  readonly idleGraceMs: number;
  readonly log: Log;
};

export type RunningKeeper = {
  readonly keeper: Keeper;
  readonly socket: string;
  /** Resolves when it has left. */
  readonly left: Promise<void>;
  /** Leaves without ending anything (the next keeper adopts). */
  abandon(): Promise<void>;
};

/**
 * Takes the generation's lock, adopts what dead keepers left, and answers on its socket until it is empty. Null when another keeper has the lock.
 * Throws HOME_UNUSABLE, or IO when it cannot listen; then the lock is free again.
 */
export async function serveKeeper(options: ServeOptions): Promise<RunningKeeper | null> {
  const { system, home, generation, log } = options;
  const lock = await GenerationLock.take(options, () => system.files.stat(options.place.path) !== null);
  if (lock === null) return null;
  system.processes.becomeSubreaper();
  // Processes are people's, not of the shell, with its `nice`, that happened to be the first to need a keeper.
  if (!system.processes.plainPriority())
    log("it was started with another priority (nice) and may not change it; its processes inherit that");

  const idle = new Idle(options);
  const keeper = new Keeper({
    system,
    home,
    generation,
    log,
    restartSurvival: options.restartSurvival,
    holdsLock: () => lock.holds(),
    emptied: () => idle.watch(),
  });
  // Neither file is worth a keeper that does not come up when the disk is full, which is when it is needed most.
  mayFail(log, () => lock.writeBody(`${JSON.stringify({ ...system.processes.self(), instance_id: keeper.instanceId })}\n`));
  try {
    return await serve(options, { keeper, lock, idle });
  } catch (error) {
    await keeper.abandon();
    keeper.forget();
    lock.release();
    throw error;
  }
}

async function serve(
  options: ServeOptions,
  { keeper, lock, idle }: { keeper: Keeper; lock: GenerationLock; idle: Idle },
): Promise<RunningKeeper> {
  const { system, generation, log } = options;
  const socket = options.place.path;
  await keeper.adopt();
  checkPrivate(system, options.place.folder, options.uid);
  const left = Promise.withResolvers<void>();
  let leaving: Promise<void> | null = null;
  const leave = (succeeded = false): Promise<void> => {
    leaving ??= shutDown({ keeper, door, lock, idle }, succeeded).then(() => {
      log("left");
      left.resolve();
    });
    return leaving;
  };
  const api = createKeeperApi({ keeper, system, log, hungUp: () => void leave() });
  const door = await Door.open({ system, place: options.place, listener: keeperListener(keeper, api), log });
  const introduce = (): void => mayFail(log, () => writeKeeperFile(options, keeper, socket));
  introduce();
  const taken = (): void => {
    introduce();
    door.watch();
  };
  lock.watch({ taken, lost: () => void leave(true) });
  log(`keeper ${generation} (${keeper.instanceId}) listens on ${socket}, holds ${keeper.held}`);
  idle.begin(keeper, () => void leave());
  // Not before: what waits for its output to be read, and whoever waits for this keeper, go before what may be started next.
  const shell = system.clock.after(shellAfterMs, () => void keeper.askShell(), { unref: true });
  void left.promise.then(() => shell.cancel());
  return { keeper, socket, left: left.promise, abandon: () => leave() };
}

function mayFail(log: Log, write: () => void): void {
  try {
    write();
  } catch (error) {
    log(messageOf(error));
  }
}

/** Leaves an empty keeper after its grace; any held process, start or request under way begins it anew. */
class Idle {
  readonly #options: ServeOptions;
  #serving: { readonly keeper: Keeper; readonly leave: () => void } | null = null;
  #timer: Timer | null = null;

  constructor(options: ServeOptions) {
    this.#options = options;
  }

  /** Before this a keeper that has just come up does not leave, whatever it has let go. */
  begin(keeper: Keeper, leave: () => void): void {
    this.#serving = { keeper, leave };
    this.watch();
  }

  watch(): void {
    this.#timer?.cancel();
    const serving = this.#serving;
    if (serving === null) return;
    this.#timer = this.#options.system.clock.after(this.#options.idleGraceMs, () => {
      if (serving.keeper.leaveIfEmpty()) serving.leave();
    });
  }

  stop(): void {
    this.#serving = null;
    this.#timer?.cancel();
  }
}

type Serving = { readonly keeper: Keeper; readonly door: Door; readonly lock: GenerationLock; readonly idle: Idle };

/** `succeeded`: another keeper of this generation has the lock already. */
async function shutDown({ keeper, door, lock, idle }: Serving, succeeded: boolean): Promise<void> {
  idle.stop();
  // The socket goes first: whoever finds it missing starts a new keeper, which waits for nothing but the lock.
  door.remove();
  const abandoned = succeeded ? keeper.handOver() : keeper.abandon();
  await door.close();
  await abandoned;
  keeper.forget();
  lock.release();
}

function checkPrivate(system: System, folder: string, uid: number): void {
  system.files.makeFolder(folder);
  requirePrivateFolder(folder, system.files.stat(folder), uid);
}

function writeKeeperFile(options: ServeOptions, keeper: Keeper, socket: string): void {
  const hello = keeper.hello();
  const file: KeeperFile = {
    format: 1,
    generation: options.generation,
    instance_id: keeper.instanceId,
    protocol: keeperProtocol,
    version,
    identity: hello.identity,
    socket,
    started_at: hello.started_at,
    restart_survival: options.restartSurvival,
  };
  options.system.files.replace(keeperPaths(options.home, options.generation).file, JSON.stringify(file), { durable: false });
}
