import { type StateFile, timestampOf } from "../contract/index.ts";
import type { System, Timer } from "../system/index.ts";
import type { Log } from "./log.ts";

/** What could not be written is tried again after this long, and what changes often is written this seldom. */
const rewriteAfterMs = 500;

type Options = {
  readonly system: Pick<System, "files" | "clock">;
  /** Of state.json. */
  readonly path: string;
  readonly log: Log;
};

/**
 * state.json of one process. Memory has the truth and the file follows it: a disk that refuses a change delays it, and stops nothing. The file is
 * rewritten whole but not synced: after a power loss every process is gone anyway, and the boot id says so.
 */
export class StateRecord {
  readonly #options: Options;
  #state: StateFile;
  #behind: Timer | null = null;
  #stopped = false;

  constructor(options: Options, state: StateFile) {
    this.#options = options;
    this.#state = state;
  }

  get value(): StateFile {
    return this.#state;
  }

  /** Changes the state and writes it. False when the file could not be written; it follows as soon as the disk takes it. */
  change(change: Partial<StateFile>): boolean {
    const { system, path, log } = this.#options;
    this.#state = { ...this.#state, ...change, seq: this.#state.seq + 1, updated_at: timestampOf(system.clock.wallMs()) };
    this.#behind?.cancel();
    this.#behind = null;
    if (this.#stopped) return false;
    try {
      system.files.replace(path, JSON.stringify(this.#state), { durable: false });
      return true;
    } catch (error) {
      log(`${this.#state.id}: state.json could not be written: ${error instanceof Error ? error.message : String(error)}`);
      this.#writeLater();
      return false;
    }
  }

  /** As {@link change}, for what grows all the time: the file follows within a moment. */
  changeSoon(change: Partial<StateFile>): void {
    this.#state = { ...this.#state, ...change };
    this.#writeLater();
  }

  /** From here on nothing is written: somebody else may own the file. */
  stop(): void {
    this.#stopped = true;
    this.#behind?.cancel();
    this.#behind = null;
  }

  #writeLater(): void {
    if (this.#stopped || this.#behind !== null) return;
    this.#behind = this.#options.system.clock.after(rewriteAfterMs, () => {
      this.#behind = null;
      this.change({});
    });
  }
}
