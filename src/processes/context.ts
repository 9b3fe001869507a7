import { HermaError, type Identity, type ProcessFact, type ProcessId, type StateFile } from "../contract/index.ts";
import type { System } from "../system/index.ts";
import { folderIds, hasEnded } from "./folder.ts";
import type { Doorbells } from "./link/events.ts";
import { keeperLife } from "./link/find.ts";
import type { Keepers } from "./link/keepers.ts";
import type { Shown } from "./shown.ts";
import type { LazyStore } from "./stores.ts";
import type { RegistryConfig } from "./types.ts";
import type { KeeperAlive } from "./view.ts";

/** What the parts of one registry share. */
export type Context = {
  readonly home: string;
  readonly system: System;
  /** Made from the config when first asked for: reading a list needs none. */
  settings(): RegistryConfig;
  /** Masks secrets; everything that is shown goes through it. */
  readonly shown: Shown;
  readonly keepers: Keepers;
  readonly doorbells: Doorbells;
  readonly store: LazyStore;
  /** Tells a fact to whoever subscribes here. */
  tell(fact: ProcessFact): void;
  /** This program's identity, asked of the system once. */
  self(): Identity;
  /** Aborted when the registry is closed: whoever waits or follows ends. */
  readonly closing: AbortSignal;
  /** As the registry's `recover`. */
  recover(): Promise<number>;
  /** Ids that are known to have ended. An end is final, so they need no second look. */
  ended: ReadonlySet<ProcessId>;
  /** Live processes when they were last counted for the cap, and our own starts since; monotonic time of the count. */
  counted: { live: number; atMs: number };
};

/** Ids without an ending, sorted: one lstat for each that was not known to have ended. */
export function liveIds(context: Context): ProcessId[] {
  const live: ProcessId[] = [];
  const ended = new Set<ProcessId>();
  for (const id of folderIds(context.system.files, context.home)) {
    if (context.ended.has(id) || hasEnded(context.system.files, context.home, id)) ended.add(id);
    else live.push(id);
  }
  context.ended = ended;
  return live;
}

/** Whether a keeper lives, looked at once per generation and instance for one answer. */
export function keeperLooks(context: Pick<Context, "system" | "home">): KeeperAlive {
  const known = new Map<string, ReturnType<KeeperAlive>>();
  return (keeper: StateFile["keeper"]) => {
    const key = `${keeper.generation} ${keeper.instance_id}`;
    let life = known.get(key);
    if (life === undefined) {
      life = keeperLife(context.system, context.home, keeper);
      known.set(key, life);
    }
    return life;
  };
}

export function notFound(reference: string, hint = ""): HermaError {
  return new HermaError("PROCESS_NOT_FOUND", `there is no process ${JSON.stringify(reference.slice(0, 80))}${hint}`);
}
