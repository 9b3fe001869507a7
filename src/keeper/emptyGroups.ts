import { type ProcessId, processIdPattern, processPaths } from "../contract/index.ts";
import { groupOwner, groupPrefix } from "../rules/index.ts";
import type { Group, System, Timer } from "../system/index.ts";
import { type Log, messageOf } from "./log.ts";

/** A group that somebody is still in is tried again after this long, then after twice as long, up to the maximum. */
const retryMs = 100;
const retryMsMax = 60_000;

/** Groups of processes that are over: each goes as soon as nobody is in it. What is left when the keeper leaves is the next one's to sweep. */
export class EmptyGroups {
  readonly #clock: System["clock"];
  readonly #timers = new Set<Timer>();
  #stopped = false;

  constructor(clock: System["clock"]) {
    this.#clock = clock;
  }

  add(group: Group): void {
    this.#try(group, retryMs);
  }

  #try(group: Group, againMs: number): void {
    if (group.remove() || this.#stopped) return;
    const timer = this.#clock.after(
      againMs,
      () => {
        this.#timers.delete(timer);
        this.#try(group, Math.min(againMs * 2, retryMsMax));
      },
      { unref: true },
    );
    this.#timers.add(timer);
  }

  stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }
}

type Sweep = {
  readonly system: Pick<System, "files" | "groups">;
  readonly home: string;
  readonly emptyGroups: EmptyGroups;
  readonly log: Log;
};

/** Groups that keepers before this one have left: those of processes that are over, or whose folder is gone. */
export function sweepGroups({ system, home, emptyGroups, log }: Sweep, holds: (id: ProcessId) => boolean): void {
  for (const { name, group } of system.groups.list(groupPrefix(home))) {
    const id = groupOwner(home, name);
    if (id === null || !processIdPattern.test(id) || holds(id)) continue;
    const paths = processPaths(home, id);
    try {
      if (system.files.stat(paths.folder) === null || system.files.stat(paths.exit) !== null) emptyGroups.add(group);
    } catch (error) {
      log(`${name}: whether its process is over cannot be told: ${messageOf(error)}`);
    }
  }
}
