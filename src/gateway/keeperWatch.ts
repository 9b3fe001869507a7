import { homePaths, type Identity, KeeperFile, keeperPaths } from "../contract/index.ts";
import type { Registry } from "../processes/index.ts";
import type { ProcessHandle, System, Timer } from "../system/index.ts";
import type { Log } from "./types.ts";

/** How often the folders of keepers are looked at in any case: a fallback for changes that were not reported. */
const lookMs = 30_000;
/** After a recovery that failed, milliseconds to the next try. */
const retryMs = 5_000;
const keeperFileBytesMax = 65_536;

export type KeeperWatchOptions = {
  readonly home: string;
  readonly system: Pick<System, "clock" | "files" | "processes">;
  readonly registry: Pick<Registry, "recover">;
  readonly log: Log;
  /** Told when a recovery failed (`false`) and when one succeeded after that. */
  readonly healthy: (well: boolean, problem: unknown) => void;
};

/**
 * Watches the keepers of a home and replaces one that dies at once: until the next keeper holds the pipes, output that exceeds a pipe
 * makes children wait, and exit codes can be lost. The kernel tells the death of a keeper (by a handle on its identity), so no answer of
 * a socket is needed, and a keeper that is merely slow is never replaced. It begins with the first {@link recover}.
 */
export class KeeperWatch {
  readonly #options: KeeperWatchOptions;
  readonly #keepersFolder: string;
  /** By identity. */
  readonly #handles = new Map<string, ProcessHandle>();
  /** What ends the watch of each folder. */
  readonly #watched = new Map<string, () => void>();
  #well = true;
  #closed = false;
  #recovering: Promise<void> | null = null;
  /** Somebody asked for a recovery after the one under way had begun. */
  #again = false;
  #timer: Timer | null = null;

  constructor(options: KeeperWatchOptions) {
    this.#options = options;
    this.#keepersFolder = homePaths(options.home).keepers;
  }

  /** Makes sure that every live process has a living keeper; resolves when that was tried once. */
  recover(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#again = true;
    this.#recovering ??= this.#recoverAll();
    return this.#recovering;
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    for (const handle of this.#handles.values()) handle.close();
    for (const end of this.#watched.values()) end();
    this.#handles.clear();
    this.#watched.clear();
  }

  async #recoverAll(): Promise<void> {
    const { log, registry, healthy } = this.#options;
    while (this.#again && !this.#closed) {
      this.#again = false;
      try {
        const orphaned = await registry.recover();
        if (orphaned > 0) log.warn({ processes: orphaned }, "their keeper was gone; a new one has taken them over");
        if (!this.#well) healthy(true, null);
        this.#well = true;
      } catch (error) {
        log.error({ problem: String(error) }, "the keeper cannot be recovered; trying again");
        if (this.#well) healthy(false, error);
        this.#well = false;
      }
    }
    this.#recovering = null;
    this.#look();
  }

  /** Takes a handle on every keeper that lives and has none yet. */
  #look(): void {
    if (this.#closed) return;
    this.#lookLater(this.#well ? lookMs : retryMs);
    const { home, system } = this.#options;
    this.#watchFolder(this.#keepersFolder);
    for (const generation of system.files.list(this.#keepersFolder)) {
      const paths = keeperPaths(home, generation);
      if (system.files.stat(paths.folder)?.kind !== "folder") continue;
      this.#watchFolder(paths.folder);
      const identity = keeperIdentity(system, paths.file);
      if (identity !== null) this.#hold(generation, identity);
    }
  }

  #lookLater(ms: number): void {
    this.#timer?.cancel();
    this.#timer = this.#options.system.clock.after(ms, () => (this.#well ? this.#look() : void this.recover()), { unref: true });
  }

  #hold(generation: string, identity: Identity): void {
    const { log, system } = this.#options;
    const key = `${identity.boot_id} ${identity.pid} ${identity.start_time}`;
    if (this.#handles.has(key) || system.processes.compare(identity) !== "same") return;
    const handle = system.processes.open(identity);
    if (handle === "unknown") return;
    if (handle === "gone") {
      void this.recover();
      return;
    }
    this.#handles.set(key, handle);
    log.debug({ generation, pid: identity.pid }, "watching the keeper");
    handle.onEnd(() => {
      handle.close();
      this.#handles.delete(key);
      if (this.#closed) return;
      log.info({ generation, pid: identity.pid }, "the keeper has ended");
      void this.recover();
    });
  }

  #watchFolder(folder: string): void {
    if (this.#watched.has(folder)) return;
    const { log, system } = this.#options;
    try {
      const end = system.files.watch(folder, (name) => {
        if (name === null || name === "keeper.json" || folder === this.#keepersFolder) this.#look();
      });
      this.#watched.set(folder, end);
    } catch (error) {
      log.debug({ folder, problem: String(error) }, "the folder cannot be watched; it is looked at now and then");
    }
  }
}

function keeperIdentity(system: Pick<System, "files">, path: string): Identity | null {
  try {
    const bytes = system.files.read(path, keeperFileBytesMax);
    if (bytes === null) return null;
    const parsed = KeeperFile.safeParse(JSON.parse(bytes.toString("utf8")));
    return parsed.success ? parsed.data.identity : null;
  } catch {
    return null;
  }
}
