import { HermaError, type Phase, type RestartSurvival, type SpecFile, type StateFile, timestampOf } from "../contract/index.ts";
import { type Cell, type ProcessEvent, processTable, step } from "../rules/index.ts";
import type { System, Timer } from "../system/index.ts";
import { type Log, messageOf } from "./log.ts";

/** What could not be written is tried again after this long, and what changes often is written this seldom. */
const rewriteAfterMs = 500;

type Options = {
  readonly system: Pick<System, "files" | "clock">;
  /** Of state.json. */
  readonly path: string;
  readonly log: Log;
  /** There is no folder any more to write it in. */
  readonly folderGone: () => boolean;
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
  /** The disk did not take the last write. */
  #refused = false;

  constructor(options: Options, state: StateFile) {
    this.#options = options;
    this.#state = state;
  }

  get value(): StateFile {
    return this.#state;
  }

  /** Throws the table's refusal of an event in the present phase. */
  allow(event: ProcessEvent): void {
    this.#cell(event);
  }

  /** What the table says of an event: the phase it leads to, with the change. Throws its refusal; false as {@link change}. */
  move(event: ProcessEvent, change: Partial<StateFile>): boolean {
    const cell = this.#cell(event);
    return this.change(cell.kind === "move" ? { ...change, phase: cell.to } : change);
  }

  #cell(event: ProcessEvent): Cell<Phase> {
    const { id, phase } = this.#state;
    const cell = step(processTable, phase, event);
    if (cell.kind === "refuse") throw new HermaError(cell.code, `${id} is ${phase}`);
    return cell;
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
      if (this.#refused) log(`${this.#state.id}: state.json is written again`);
      this.#refused = false;
      return true;
    } catch (error) {
      if (this.#options.folderGone()) {
        this.stop();
        return false;
      }
      // It is tried again all the time: what changes is told.
      if (!this.#refused) log(`${this.#state.id}: state.json could not be written: ${messageOf(error)}`);
      this.#refused = true;
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

/** Somebody removed its folder: it is looked after to its end, and nothing can be written down. Told in the log, once. */
export function folderGoneCheck(
  { system, log }: Pick<Options, "log"> & { readonly system: Pick<System, "files"> },
  folder: string,
  id: string,
): () => boolean {
  let told = false;
  return () => {
    try {
      if (system.files.stat(folder) !== null) return false;
    } catch {
      return false; // Whether it is gone cannot be told now.
    }
    if (!told) log(`${id}: its folder was removed; nothing more is written of it`);
    told = true;
    return true;
  };
}

/** The state of a process that is about to be started. */
export function freshState(
  keeping: { readonly system: Pick<System, "clock">; readonly identity: StateFile["keeper"]; readonly restartSurvival: RestartSurvival },
  spec: SpecFile,
): StateFile {
  return {
    format: 1,
    id: spec.id,
    phase: "starting",
    seq: 1,
    updated_at: timestampOf(keeping.system.clock.wallMs()),
    keeper: keeping.identity,
    identity: null,
    group: null,
    session: null,
    scope: null,
    restart_survival: keeping.restartSurvival,
    started_at: null,
    intent: null,
    adoptions: 0,
    stdin: "none",
    tty: spec.tty,
    paused: false,
    exited: null,
    losses: [],
  };
}
