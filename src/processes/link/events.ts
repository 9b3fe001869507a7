import { homePaths, type KeeperEvent, keeperPaths } from "../../contract/index.ts";
import type { System, Timer } from "../../system/index.ts";
import { EventStream } from "./eventStream.ts";
import { generations } from "./find.ts";
import type { Keepers } from "./keepers.ts";

/** `look`: something may have been missed (a connection began or ended): look at the files. */
export type Signal = KeeperEvent | { readonly type: "look" };

/** First wait before a stream is opened anew, doubled up to the largest. */
const reopenMs = 20;
const reopenMsMax = 1000;
/** Where the folder of keepers cannot be watched (there is none yet, or no watch is left), it is looked at this often. */
const scanMs = 1000;

/**
 * The events of all living keepers in one, for all follows, waits and subscribers of a registry. Connections are opened when somebody listens and
 * closed with the last listener, so that a command can end. Events only tell which files to look at.
 */
export class Doorbells {
  readonly #home: string;
  readonly #system: System;
  readonly #keepers: Keepers;
  readonly #lost: () => void;
  readonly #listeners = new Set<(signal: Signal) => void>();
  readonly #streams = new Map<string, EventStream>();
  readonly #watches = new Map<string, () => void>();
  /** Generations whose stream has broken, until they are heard again. */
  readonly #missing = new Set<string>();
  #retryMs = reopenMs;
  #retry: Timer | null = null;
  #retryDueMs = 0;

  /** `lost`: called when a stream ends that we did not close, since its keeper may be gone. */
  constructor(options: { home: string; system: System; keepers: Keepers; lost: () => void }) {
    this.#home = options.home;
    this.#system = options.system;
    this.#keepers = options.keepers;
    this.#lost = options.lost;
  }

  get listening(): boolean {
    return this.#listeners.size > 0;
  }

  /** True while the keeper of this generation sends us events. */
  isOpen(generation: string): boolean {
    return this.#streams.get(generation)?.open === true;
  }

  /** Listens until the returned function is called. Whoever hears a `look` looks at the files; after that nothing is missed. */
  listen(listener: (signal: Signal) => void): () => void {
    // Wrapped for each call, because the same function may be subscribed twice.
    const own = (signal: Signal): void => listener(signal);
    this.#listeners.add(own);
    this.scan();
    return () => {
      if (this.#listeners.delete(own) && this.#listeners.size === 0) this.#closeAll();
    };
  }

  /** Opens what is missing: called when a keeper may have appeared. */
  scan(): void {
    if (!this.listening) return;
    if (!this.#watch(homePaths(this.#home).keepers)) this.#scanIn(scanMs);
    for (const generation of generations(this.#system.files, this.#home)) {
      this.#watch(keeperPaths(this.#home, generation).folder);
      if (this.#streams.has(generation)) continue;
      const found = this.#keepers.find(generation);
      if (found.file !== null && found.lock.held !== false) this.#open(generation, found.socket);
      // When its stream broke, its lock may not have been free yet; now it is.
      else if (this.#missing.delete(generation)) this.#lost();
    }
  }

  close(): void {
    this.#listeners.clear();
    this.#closeAll();
  }

  #open(generation: string, socket: string): void {
    const stream = new EventStream(this.#keepers.http, socket, {
      signal: (signal) => {
        if (signal.type === "hello") {
          this.#retryMs = reopenMs;
          this.#missing.delete(generation);
          this.#tell({ type: "look" });
        } else this.#tell(signal);
      },
      ended: () => {
        this.#streams.delete(generation);
        if (!this.listening) return;
        this.#missing.add(generation);
        this.#tell({ type: "look" });
        this.#lost();
        this.#reopenLater();
      },
    });
    this.#streams.set(generation, stream);
  }

  #reopenLater(): void {
    this.#scanIn(this.#retryMs);
    this.#retryMs = Math.min(this.#retryMs * 2, reopenMsMax);
  }

  #scanIn(ms: number): void {
    const dueMs = this.#system.clock.monotonicMs() + ms;
    if (this.#retry !== null && this.#retryDueMs <= dueMs) return;
    this.#retry?.cancel();
    this.#retryDueMs = dueMs;
    this.#retry = this.#system.clock.after(ms, () => {
      this.#retry = null;
      this.scan();
    });
  }

  #tell(signal: Signal): void {
    for (const listener of [...this.#listeners]) listener(signal);
  }

  /** False when it cannot be watched. */
  #watch(folder: string): boolean {
    if (this.#watches.has(folder)) return true;
    try {
      this.#watches.set(
        folder,
        this.#system.files.watch(folder, (name) => {
          if (name === null || name === "keeper.json" || folder === homePaths(this.#home).keepers) this.scan();
        }),
      );
      return true;
    } catch {
      return false;
    }
  }

  #closeAll(): void {
    this.#retry?.cancel();
    this.#retry = null;
    for (const stream of this.#streams.values()) stream.close();
    this.#streams.clear();
    this.#missing.clear();
    for (const unwatch of this.#watches.values()) unwatch();
    this.#watches.clear();
  }
}
