import { HermaError, type KeeperProcess, type ProcessId } from "../contract/index.ts";
import type { Adopting } from "./adopting.ts";
import { readFolder } from "./evidence.ts";
import { Held } from "./held.ts";
import type { Keeping, KillWish } from "./keeping.ts";
import { launchPlan } from "./launch.ts";
import { noShell, type Shell, standing } from "./loginShell.ts";
import { begin, spawnHeld, wasBegun } from "./spawning.ts";

type Options = {
  readonly keeping: Keeping;
  readonly adopting: Pick<Adopting, "one">;
  readonly loginShell: () => Promise<Shell>;
  /** Null when the keeper does not hold it. */
  readonly held: (id: ProcessId) => Held | null;
  /** As the home tells it, held or not. */
  readonly view: (id: ProcessId) => KeeperProcess;
  readonly took: (held: Held) => void;
  /** Throws KEEPER_LEAVING when nothing may be started any more. */
  readonly refuseLeaving: () => void;
  /** A start has come to its end. */
  readonly over: () => void;
};

/** What a start is given besides its spec. */
export type Given = Pick<Parameters<typeof launchPlan>[0], "variables" | "loginVariables" | "pass">;

/** Processes from the wish to start them until they are held, or are not to be. */
export class Starting {
  readonly #options: Options;
  readonly #under = new Map<string, Promise<KeeperProcess>>();
  /** Kills of those that have not been spawned. */
  readonly #killedEarly = new Map<string, KillWish>();

  constructor(options: Options) {
    this.#options = options;
  }

  /** Starts that are under way. */
  get count(): number {
    return this.#under.size;
  }

  has(id: ProcessId): boolean {
    return this.#under.has(id);
  }

  /** What is under way has come to its end. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#under.values());
  }

  /** See `Keeper.start`. */
  async start(id: ProcessId, given: Given): Promise<KeeperProcess> {
    const { held, over, refuseLeaving } = this.#options;
    const running = this.#under.get(id) ?? held(id)?.view();
    if (running !== undefined) return running;
    refuseLeaving();
    const started = this.#start(id, given);
    this.#under.set(id, started);
    try {
      return await started;
    } finally {
      this.#under.delete(id);
      this.#killedEarly.delete(id);
      over();
    }
  }

  /**
   * One that is being started is not spawned any more, where that is possible still. What becomes of the start, and null when it fails. No promise
   * at all: it is not being started.
   */
  kill(id: ProcessId, wish: KillWish): Promise<KeeperProcess | null> | null {
    const started = this.#under.get(id);
    if (started === undefined) return null;
    if (this.#options.held(id) === null && !this.#killedEarly.has(id)) this.#killedEarly.set(id, wish);
    return started.catch(() => null);
  }

  async #start(id: ProcessId, given: Given): Promise<KeeperProcess> {
    const { keeping, adopting, view, took, refuseLeaving } = this.#options;
    const { system, home } = keeping;
    const folder = readFolder(system, home, id);
    if (folder.exit !== null) return view(id);
    if (folder.spec === null) {
      if (folder.corrupt.length > 0) throw new HermaError("FILE_CORRUPT", `spec.json of ${id} cannot be read`);
      throw new HermaError("PROCESS_NOT_FOUND", `${id} has no spec.json`);
    }
    // A keeper that died while it started this very process left its traces; it must never be run twice.
    if (wasBegun(system, home, id)) {
      if ((await adopting.one(id)) === null) throw new HermaError("KEEPER_UNAVAILABLE", `whether ${id} was started cannot be told now`);
      return view(id);
    }
    const needsShell = typeof folder.spec.command === "string" || given.loginVariables;
    const shell = needsShell ? await this.#options.loginShell() : noShell;
    refuseLeaving();
    const held = new Held(keeping, folder.spec, null);
    const killed = this.#killedEarly.get(id);
    if (killed === undefined) {
      begin(system, home, held);
      took(held);
      spawnHeld(system, held, launchPlan({ spec: folder.spec, ...given, ...standing(system, shell) }));
    } else {
      took(held);
      held.killedBeforeSpawn(killed);
    }
    if (held.state.identity === null) await held.ending;
    return held.view();
  }

  /** See `Keeper.refuseStart`. */
  async refuse(id: ProcessId, failure: { error: string; message: string }): Promise<void> {
    const { keeping, took } = this.#options;
    const { system, home } = keeping;
    if (this.#options.held(id) !== null || this.#under.has(id)) return;
    const { spec, state, exit } = readFolder(system, home, id);
    if (spec === null || state !== null || exit !== null || wasBegun(system, home, id)) return;
    const held = new Held(keeping, spec, null);
    took(held);
    held.spawnFailed(failure);
    await held.ending;
  }
}
