import { isHermaError, type KeeperEvent, type ProcessId, processPaths } from "../contract/index.ts";
import { type Context, keeperLooks } from "./context.ts";
import { readFolder, readState } from "./folder.ts";
import { ring } from "./ring.ts";
import { orphanage } from "./view.ts";

/** Where no keeper rings, files are watched; and where even that tells nothing, this is how often somebody who waits looks. */
export const pollMs = 1000;

/** Something to wait on for whoever follows or waits for processes. */
export type Bell = {
  /**
   * Resolves when it is worth looking again: something rang, `signal` was aborted, or {@link pollMs} passed; after a quiet second also a dead
   * keeper is succeeded. Throws KEEPER_UNAVAILABLE when that cannot be done, since nothing would ever ring again.
   */
  rung(): Promise<void>;
  close(): void;
};

/**
 * Opens a bell for some processes: look at the files after that, then wait for it, and nothing is missed, since it rings as well when a
 * keeper begins to ring. `heard` tells which events ring it. While no keeper rings for a process, changes of its folder do.
 */
export function openBell(
  context: Context,
  options: { readonly ids: readonly ProcessId[]; heard(event: KeeperEvent): boolean; readonly signal: AbortSignal },
): Bell {
  const { system, doorbells } = context;
  const bell = ring(system.clock);
  const ids = new Set(options.ids);
  const watches = new Watches(context, options.ids, () => bell.ring());
  const close = doorbells.listen((signal) => {
    if (signal.type === "look") {
      watches.review();
      bell.ring();
    } else if (signal.type !== "hello" && ids.has(signal.id) && options.heard(signal)) bell.ring();
  });
  const onAbort = (): void => bell.ring();
  options.signal.addEventListener("abort", onAbort);
  return {
    async rung() {
      if (await bell.rung(pollMs)) return;
      doorbells.scan();
      watches.review();
      await mend(context, options.ids);
    },
    close() {
      options.signal.removeEventListener("abort", onAbort);
      close();
      watches.close();
    },
  };
}

/**
 * Has processes whose keeper is gone taken over. A silent keeper may come to itself again, so waiting goes on; that none can be started is for
 * whoever waits to hear.
 */
async function mend(context: Context, ids: readonly ProcessId[]): Promise<void> {
  const { system, home } = context;
  const look = { ...context, keeperAlive: keeperLooks(context) };
  const orphaned = ids.some((id) => {
    const state = readState(system.files, home, id);
    return state === null ? orphanage(look, readFolder(system.files, home, id)) !== null : look.keeperAlive(state.keeper) === "no";
  });
  if (!orphaned) return;
  try {
    await context.recover();
  } catch (error) {
    if (!isHermaError(error, "KEEPER_SILENT")) throw error;
  }
}

/** Watches the folders of processes that no keeper rings for right now. */
class Watches {
  readonly #context: Context;
  readonly #ids: readonly ProcessId[];
  readonly #changed: () => void;
  readonly #open = new Map<ProcessId, (() => void)[]>();
  #closed = false;

  constructor(context: Context, ids: readonly ProcessId[], changed: () => void) {
    this.#context = context;
    this.#ids = ids;
    this.#changed = changed;
  }

  review(): void {
    if (this.#closed) return;
    for (const id of this.#ids) {
      const state = readState(this.#context.system.files, this.#context.home, id);
      const rings = state !== null && this.#context.doorbells.isOpen(state.keeper.generation);
      if (rings) this.#drop(id);
      else if (!this.#open.has(id)) this.#watch(id);
    }
  }

  #watch(id: ProcessId): void {
    const { folder, output } = processPaths(this.#context.home, id);
    const ends: (() => void)[] = [];
    for (const path of [folder, output]) {
      try {
        ends.push(this.#context.system.files.watch(path, this.#changed));
      } catch {
        // It has gone, or no watch is left on this machine: the poll looks.
      }
    }
    this.#open.set(id, ends);
  }

  #drop(id: ProcessId): void {
    for (const end of this.#open.get(id) ?? []) end();
    this.#open.delete(id);
  }

  close(): void {
    this.#closed = true;
    for (const id of [...this.#open.keys()]) this.#drop(id);
  }
}
