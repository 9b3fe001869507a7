import { basename, dirname } from "node:path";
import type { System, Timer } from "../system/index.ts";
import type { Database } from "./database.ts";
import { inMemory } from "./openDatabase.ts";

/**
 * Times, in ms after something was written to the log, at which the database is looked at. What a program writes to the log is seen by others
 * only once it is synced, and nothing in the file system tells that moment, so looks follow at growing distances: a change is noticed
 * after at most about twice the time that its sync took.
 */
const lookAfterMs: readonly number[] = [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192];

/** The part of {@link Database} that tells of changes. */
type Changing = Pick<Database, "committed" | "otherChanges">;

/** Tells listeners that the database has changed: by the log's file for other programs, directly for this one. */
export class Changes {
  readonly #database: Changing;
  readonly #system: Pick<System, "clock" | "files">;
  readonly #path: string;
  readonly #listeners = new Set<() => void>();
  #endWatch: (() => void) | null = null;
  #look: Timer | null = null;
  #looks = 0;
  #own: Timer | null = null;
  #seen: number | null = null;

  constructor(database: Changing, system: Pick<System, "clock" | "files">, path: string) {
    this.#database = database;
    this.#system = system;
    this.#path = path;
    database.committed = () => this.#committed();
  }

  /** See `Store.onChange`. */
  subscribe(changed: () => void): () => void {
    // The same function may be there twice.
    const listener = (): void => changed();
    this.#listeners.add(listener);
    if (this.#listeners.size === 1) this.#begin();
    return () => {
      if (this.#listeners.delete(listener) && this.#listeners.size === 0) this.close();
    };
  }

  /** Ends all subscriptions. Idempotent. */
  close(): void {
    this.#listeners.clear();
    this.#endWatch?.();
    this.#endWatch = null;
    this.#look?.cancel();
    this.#look = null;
    this.#own?.cancel();
    this.#own = null;
  }

  #begin(): void {
    if (this.#path === inMemory) return;
    const name = basename(this.#path);
    this.#endWatch = this.#system.files.watch(dirname(this.#path), (changed) => {
      if (changed === null || changed === name || changed === `${name}-wal`) this.#lookFromNow();
    });
    // After the watch has begun, so that no change is missed in between.
    this.#seen = this.#version();
  }

  #committed(): void {
    if (this.#listeners.size === 0 || this.#own !== null) return;
    this.#own = this.#system.clock.after(0, () => {
      this.#own = null;
      this.#tell();
    });
  }

  #lookFromNow(): void {
    this.#looks = 0;
    this.#look?.cancel();
    this.#lookLater();
  }

  #lookLater(): void {
    const atMs = lookAfterMs[this.#looks];
    const beforeMs = lookAfterMs[this.#looks - 1] ?? 0;
    this.#look = atMs === undefined ? null : this.#system.clock.after(atMs - beforeMs, () => this.#lookNow());
  }

  #lookNow(): void {
    this.#looks += 1;
    this.#lookLater();
    const now = this.#version();
    if (now === this.#seen) return;
    this.#seen = now;
    this.#tell();
  }

  /** Null when the database cannot be read; listeners learn the reason when they read it. */
  #version(): number | null {
    try {
      return this.#database.otherChanges();
    } catch {
      return null;
    }
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
