import type { ExitFile, ProcessPaths } from "../contract/index.ts";
import type { System, Timer } from "../system/index.ts";
import { type EndFacts, exitFileOf, type SeenEnd, storeExit } from "./exitRecord.ts";
import { type Log, messageOf } from "./log.ts";

/** After the exit the stream is drained until it ends or was quiet this long … */
const quietMs = 250;
/** … and never longer than this, whoever still holds it. */
const drainMsMax = 2000;
/** Only an end that is not settled within this time is noted in state.json; most settle at once. */
const noteAfterMs = 5;
/**
 * A disk that refused exit.json is asked again after this long, for as long as the process has a folder: how a child ended is known here and
 * nowhere else.
 */
const retryMs = 1000;

export type SettlingOptions = {
  readonly system: Pick<System, "files" | "clock">;
  readonly paths: ProcessPaths;
  readonly log: Log;
  /** There is no folder any more to write it in. */
  readonly folderGone: () => boolean;
  /** What is known besides the end, at the moment it is written down. */
  readonly facts: () => Omit<EndFacts, "end" | "outputEnd">;
  readonly outputEnd: () => number;
  /** A kill under way: its verdict comes first, since the end of a killed process is the end of its tree. */
  readonly verdict: () => Promise<unknown> | null;
  /** It takes a while until exit.json stands: whoever comes after this keeper should find the end in state.json. */
  readonly note: (end: SeenEnd) => void;
  /** exit.json stands, or there is no folder for it any more. */
  readonly stored: (file: ExitFile) => void;
};

/** From the exit of a process to its exit.json: drains, waits for a verdict, decides the ending once, and writes it until the disk takes it. */
export class Settling {
  readonly #options: SettlingOptions;
  readonly #tried = Promise.withResolvers<void>();
  #end: SeenEnd | null = null;
  #file: ExitFile | null = null;
  #begun = false;
  #letGo = false;
  #storing: Promise<void> | null = null;
  /** The disk did not take exit.json. It is tried again all the time, and told once. */
  #refused = false;
  #quiet: Timer | null = null;
  #timers: Timer[] = [];

  constructor(options: SettlingOptions) {
    this.#options = options;
  }

  /** The end as it was seen; null while it lives. */
  get end(): SeenEnd | null {
    return this.#end;
  }
  /** What exit.json says, or would, had its folder not been removed; null until it stands. */
  get file(): ExitFile | null {
    return this.#file;
  }
  /** Resolves once exit.json stands, or the disk has refused it for the first time. */
  get tried(): Promise<void> {
    return this.#tried.promise;
  }

  /** It was over before this keeper came to it. */
  settledBefore(file: ExitFile): void {
    this.#file = file;
    this.#tried.resolve();
  }

  /** It has ended. `drains`: output may still be on its way. False when that had been seen before. */
  saw(end: SeenEnd, drains: boolean): boolean {
    if (this.#end !== null) return false;
    this.#end = end;
    if (this.#letGo) this.#options.note(end);
    else if (drains) this.#drain();
    else this.settle();
    return true;
  }

  /** There was output: the quiet begins anew. */
  heard(): void {
    if (this.#quiet === null) return;
    this.#quiet.cancel();
    this.#quiet = this.#options.system.clock.after(quietMs, () => this.settle());
  }

  /** No more output is waited for. */
  settle(): void {
    if (this.#begun || this.#end === null || this.#letGo) return;
    this.#begun = true;
    this.#stopTimers();
    const outputEnd = this.#options.outputEnd();
    const verdict = this.#options.verdict();
    if (verdict === null) {
      this.#store(this.#end, outputEnd);
      return;
    }
    const { end } = this;
    this.#options.note(this.#end);
    const store = (): void => this.#store(end!, outputEnd);
    verdict.then(store, store);
  }

  /** Stops where it is, but waits for what is being written. An end that is seen later is still noted. */
  async letGo(): Promise<void> {
    this.#letGo = true;
    this.#stopTimers();
    if (this.#storing !== null) await this.#storing;
    else if (this.#end !== null && this.#file === null) this.#options.note(this.#end);
  }

  #drain(): void {
    const { clock } = this.#options.system;
    this.#quiet = clock.after(quietMs, () => this.settle());
    this.#timers = [clock.after(drainMsMax, () => this.settle()), clock.after(noteAfterMs, () => this.#options.note(this.#end!))];
  }

  #store(end: SeenEnd, outputEnd: number): void {
    if (this.#letGo) return;
    const { system, paths, log, facts, folderGone } = this.#options;
    const file = exitFileOf({ ...facts(), end, outputEnd });
    const stored = (): void => {
      this.#file = file;
      this.#tried.resolve();
      this.#options.stored(file);
    };
    this.#storing = storeExit(system.files, paths, file).then(stored, (error: unknown) => {
      if (folderGone()) return stored();
      if (!this.#refused) log(`${file.id}: its exit.json could not be written: ${messageOf(error)}`);
      this.#refused = true;
      this.#options.note(end);
      this.#tried.resolve();
      if (!this.#letGo) this.#timers = [system.clock.after(retryMs, () => this.#store(end, outputEnd))];
    });
  }

  #stopTimers(): void {
    this.#quiet?.cancel();
    this.#quiet = null;
    for (const timer of this.#timers) timer.cancel();
    this.#timers = [];
  }
}
