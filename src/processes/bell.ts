import { isHermaError, type KeeperEvent, type ProcessId, processPaths } from "../contract/index.ts";
import type { Timer } from "../system/index.ts";
import { type Context, keeperLooks } from "./context.ts";
import { readFolder, readState, standsAt } from "./folder.ts";
import type { Signal } from "./link/events.ts";
import { orphanage } from "./view.ts";

/** Where no keeper rings, folders are watched. Where watching does not work, whoever waits looks this often. */
export const pollMs = 1000;
/** Every so many polls, the processes whose keeper rings are looked at as well. */
const pollsPerLook = 30;

/** Which processes are worth another look; `all` when that cannot be told. */
export type Rung = ReadonlySet<ProcessId> | "all";

/** Something to wait on for whoever follows or waits for processes. */
export type Bell = {
  /**
   * Resolves when it is worth looking again, with what rang since the last time; also when `signal` was aborted. Throws KEEPER_UNAVAILABLE when
   * a dead keeper cannot be replaced, since nothing would ever ring again. One waiter at a time.
   */
  rung(): Promise<Rung>;
  /** Rings it for one process; for conditions that do not depend on a keeper. */
  ring(id: ProcessId): void;
  close(): void;
};

export type BellOptions = {
  readonly ids: readonly ProcessId[];
  /** Which events ring it. */
  heard(event: KeeperEvent): boolean;
  readonly signal: AbortSignal;
};

const towers = new WeakMap<Context, Tower>();

/**
 * Opens a bell for some processes. Whoever looks at the files after that and then waits misses nothing: the bell also rings when a keeper begins to
 * ring. While no keeper rings for a process, changes of its folder do.
 */
export function openBell(context: Context, options: BellOptions): Bell {
  let tower = towers.get(context);
  if (tower === undefined) {
    tower = new Tower(context);
    towers.set(context, tower);
  }
  return tower.open(options);
}

/** One bell: what rang and was not heard yet. */
class OneBell implements Bell {
  readonly ids: ReadonlySet<ProcessId>;
  readonly heard: BellOptions["heard"];
  readonly #closed: (bell: OneBell) => void;
  readonly #signal: AbortSignal;
  readonly #onAbort = (): void => this.ringAll();
  #rang: Set<ProcessId> | "all" | null = null;
  #problem: unknown = null;
  #wake: (() => void) | null = null;

  constructor(options: BellOptions, closed: (bell: OneBell) => void) {
    this.ids = new Set(options.ids);
    this.heard = options.heard;
    this.#closed = closed;
    this.#signal = options.signal;
    this.#signal.addEventListener("abort", this.#onAbort);
  }

  ring(id: ProcessId): void {
    if (this.#rang === null) this.#rang = new Set([id]);
    else if (this.#rang !== "all") this.#rang.add(id);
    this.#wake?.();
  }

  ringAll(): void {
    this.#rang = "all";
    this.#wake?.();
  }

  fail(problem: unknown): void {
    this.#problem = problem;
    this.ringAll();
  }

  async rung(): Promise<Rung> {
    if (this.#rang === null) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = null;
    }
    const problem = this.#problem;
    this.#problem = null;
    if (problem !== null) throw problem;
    const rang = this.#rang ?? "all";
    this.#rang = null;
    return rang;
  }

  close(): void {
    this.#signal.removeEventListener("abort", this.#onAbort);
    this.#closed(this);
  }
}

/**
 * All bells of one registry. However many wait, there is one subscription, one watch of each folder that needs one, and one poll: a thousand
 * waits cost nothing while nothing happens.
 */
class Tower {
  readonly #context: Context;
  readonly #bells = new Set<OneBell>();
  readonly #byId = new Map<ProcessId, Set<OneBell>>();
  readonly #watches: Watches;
  /** Whoever's keeper rings for it needs neither watch nor poll. */
  readonly #covered = new Set<ProcessId>();
  #unlisten: () => void = () => {};
  #poll: Timer | null = null;
  #polls = 0;
  #mending = false;

  constructor(context: Context) {
    this.#context = context;
    this.#watches = new Watches(context, (id) => this.#ring(id));
  }

  open(options: BellOptions): Bell {
    const bell = new OneBell(options, (closed) => this.#close(closed));
    const added = [...bell.ids].filter((id) => !this.#byId.has(id));
    this.#bells.add(bell);
    for (const id of bell.ids) {
      const bells = this.#byId.get(id);
      if (bells === undefined) this.#byId.set(id, new Set([bell]));
      else bells.add(bell);
    }
    if (this.#bells.size === 1) {
      this.#unlisten = this.#context.doorbells.listen((signal) => this.#hear(signal));
      this.#pollLater();
    }
    for (const id of added) this.#review(id);
    return bell;
  }

  #close(bell: OneBell): void {
    if (!this.#bells.delete(bell)) return;
    for (const id of bell.ids) {
      const bells = this.#byId.get(id);
      bells?.delete(bell);
      if (bells === undefined || bells.size > 0) continue;
      this.#byId.delete(id);
      this.#covered.delete(id);
      this.#watches.drop(id);
    }
    if (this.#bells.size > 0) return;
    this.#unlisten();
    this.#poll?.cancel();
    this.#poll = null;
  }

  #hear(signal: Signal): void {
    if (signal.type === "hello") return;
    if (signal.type === "look") {
      for (const id of this.#byId.keys()) this.#review(id);
      for (const bell of this.#bells) bell.ringAll();
      return;
    }
    const bells = this.#byId.get(signal.id);
    if (bells === undefined) return;
    // It may be another keeper's now.
    if (signal.type === "state") this.#review(signal.id);
    for (const bell of bells) if (bell.heard(signal)) bell.ring(signal.id);
  }

  #ring(id: ProcessId): void {
    for (const bell of this.#byId.get(id) ?? []) bell.ring(id);
  }

  /** Whether a keeper rings for it; where none does, its folder is watched. */
  #review(id: ProcessId): void {
    const state = readState(this.#context.system.files, this.#context.home, id);
    if (state !== null && this.#context.doorbells.isOpen(state.keeper.generation)) {
      this.#covered.add(id);
      this.#watches.drop(id);
    } else {
      this.#covered.delete(id);
      this.#watches.add(id);
    }
  }

  #stands(id: ProcessId): boolean {
    return standsAt(this.#context.system.files, processPaths(this.#context.home, id).folder);
  }

  #pollLater(): void {
    this.#poll = this.#context.system.clock.after(pollMs, () => {
      this.#pollLater();
      this.#lookAround();
    });
  }

  #lookAround(): void {
    this.#polls += 1;
    const everybody = this.#polls % pollsPerLook === 0;
    // A waiter that was removed is not rung.
    const ids = [...this.#byId.keys()].filter((id) => everybody || !this.#covered.has(id) || !this.#stands(id));
    this.#context.doorbells.scan();
    if (ids.length === 0) return;
    for (const id of ids) {
      this.#review(id);
      this.#ring(id);
    }
    if (!this.#mending) void this.#mend(ids);
  }

  /**
   * Has processes whose keeper is gone taken over. A silent keeper may answer again later, so waits go on. When no keeper can be started, the
   * waits for such processes fail with that.
   */
  async #mend(ids: readonly ProcessId[]): Promise<void> {
    const { system, home } = this.#context;
    const look = { ...this.#context, keeperAlive: keeperLooks(this.#context) };
    const orphaned = ids.filter((id) => {
      const state = readState(system.files, home, id);
      return state === null ? orphanage(look, readFolder(system.files, home, id)) !== null : look.keeperAlive(state.keeper) === "no";
    });
    if (orphaned.length === 0) return;
    this.#mending = true;
    try {
      await this.#context.recover();
      for (const id of orphaned) this.#ring(id);
    } catch (error) {
      if (isHermaError(error, "KEEPER_SILENT")) return;
      for (const bell of new Set(orphaned.flatMap((id) => [...(this.#byId.get(id) ?? [])]))) bell.fail(error);
    } finally {
      this.#mending = false;
    }
  }
}

/** Watches the folders of processes that no keeper rings for right now. */
class Watches {
  readonly #context: Context;
  readonly #changed: (id: ProcessId) => void;
  readonly #open = new Map<ProcessId, (() => void)[]>();

  constructor(context: Context, changed: (id: ProcessId) => void) {
    this.#context = context;
    this.#changed = changed;
  }

  add(id: ProcessId): void {
    if (this.#open.has(id)) return;
    const { folder, output } = processPaths(this.#context.home, id);
    const ends: (() => void)[] = [];
    for (const path of [folder, output]) {
      try {
        ends.push(this.#context.system.files.watch(path, () => this.#changed(id)));
      } catch {
        // The folder has gone, or this machine allows no more watches: the poll looks instead.
      }
    }
    this.#open.set(id, ends);
  }

  drop(id: ProcessId): void {
    for (const end of this.#open.get(id) ?? []) end();
    this.#open.delete(id);
  }
}
