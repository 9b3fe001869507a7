import { homePaths, type Identity, KeeperFile, keeperPaths } from "../contract/index.ts";
import type { Registry } from "../processes/index.ts";
import type { ProcessHandle, System, Timer } from "../system/index.ts";
import type { Log } from "./types.ts";

/** How often the folders of keepers are looked at in any case: a fallback for changes that were not reported. */
const lookMs = 30_000;
/** After a recovery that failed, milliseconds to the next try. */
const retryMs = 5_000;
const keeperFileBytesMax = 65_536;

export type KeeperWatch = {
  /** Makes sure that every live process has a living keeper; resolves when that was tried once. */
  recover(): Promise<void>;
  close(): void;
};

/**
 * Watches the keepers of a home and replaces one that dies at once: until the next keeper holds the pipes, output that exceeds a pipe
 * makes children wait, and exit codes can be lost. The kernel tells the death of a keeper (by a handle on its identity), so no answer of
 * a socket is needed, and a keeper that is merely slow is never replaced.
 */
export function watchKeepers(options: {
  readonly home: string;
  readonly system: Pick<System, "clock" | "files" | "processes">;
  readonly registry: Pick<Registry, "recover">;
  readonly log: Log;
  /** Told when a recovery failed (`false`) and when one succeeded after that. */
  readonly healthy: (well: boolean, problem: unknown) => void;
}): KeeperWatch {
  const { system, log } = options;
  const handles = new Map<string, ProcessHandle>();
  const folders = new Map<string, () => void>();
  let well = true;
  let closed = false;
  let running: Promise<void> | null = null;
  let again = false;
  let timer: Timer | null = null;

  function later(ms: number): void {
    timer?.cancel();
    if (closed) return;
    timer = system.clock.after(ms, () => (well ? look() : void recover()), { unref: true });
  }

  /** Takes a handle on every keeper that lives and has none yet. */
  function look(): void {
    if (closed) return;
    later(well ? lookMs : retryMs);
    const keepers = homePaths(options.home).keepers;
    watchFolder(keepers);
    for (const generation of system.files.list(keepers)) {
      const paths = keeperPaths(options.home, generation);
      if (system.files.stat(paths.folder)?.kind !== "folder") continue;
      watchFolder(paths.folder);
      const identity = keeperIdentity(system, paths.file);
      if (identity !== null) hold(generation, identity);
    }
  }

  function hold(generation: string, identity: Identity): void {
    const key = `${identity.boot_id} ${identity.pid} ${identity.start_time}`;
    if (handles.has(key) || system.processes.compare(identity) !== "same") return;
    const handle = system.processes.open(identity);
    if (handle === "unknown") return;
    if (handle === "gone") {
      void recover();
      return;
    }
    handles.set(key, handle);
    log.debug({ generation, pid: identity.pid }, "watching the keeper");
    handle.onEnd(() => {
      handle.close();
      handles.delete(key);
      if (closed) return;
      log.info({ generation, pid: identity.pid }, "the keeper has ended");
      void recover();
    });
  }

  function watchFolder(folder: string): void {
    if (folders.has(folder)) return;
    try {
      folders.set(
        folder,
        system.files.watch(folder, (name) => {
          if (name === null || name === "keeper.json" || folder === homePaths(options.home).keepers) look();
        }),
      );
    } catch (error) {
      log.debug({ folder, problem: String(error) }, "the folder cannot be watched; it is looked at now and then");
    }
  }

  function recover(): Promise<void> {
    if (closed) return Promise.resolve();
    again = true;
    running ??= drain();
    return running;
  }

  async function drain(): Promise<void> {
    while (again && !closed) {
      again = false;
      try {
        const orphaned = await options.registry.recover();
        if (orphaned > 0) log.warn({ processes: orphaned }, "their keeper was gone; a new one has taken them over");
        if (!well) options.healthy(true, null);
        well = true;
      } catch (error) {
        log.error({ problem: String(error) }, "the keeper cannot be recovered; trying again");
        if (well) options.healthy(false, error);
        well = false;
      }
    }
    running = null;
    look();
  }

  return {
    recover,
    close() {
      closed = true;
      timer?.cancel();
      for (const handle of handles.values()) handle.close();
      for (const end of folders.values()) end();
      handles.clear();
      folders.clear();
    },
  };
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
