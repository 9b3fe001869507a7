import { join, sep } from "node:path";
import type { ProcessId } from "./ids.ts";

/**
 * Where everything stands in a home. Names that the original knows (gateway.pid, gateway.lock, gateway_state.json, processes.json) are its own.
 * `docs/on-disk.md` describes the files.
 */
export function homePaths(home: string) {
  return {
    home,
    config: join(home, "herma.yaml"),
    token: join(home, "token"),
    processes: join(home, "processes"),
    keepers: join(home, "keepers"),
    /** Interest and delivery: SQLite. */
    store: join(home, "herma.db"),
    /** What runs, for tools that know Hermes: its checkpoint, in its form. */
    checkpoint: join(home, "processes.json"),
    /** Locked by the one program that matches output against watches. */
    watchLock: join(home, "watch.lock"),
    /** Locked while a keeper takes over the processes of a dead one, so that two generations never adopt the same process. */
    adoptLock: join(home, "keepers", "adopt.lock"),
    hermaLock: join(home, "herma.lock"),
    gatewayLock: join(home, "gateway.lock"),
    gatewayPid: join(home, "gateway.pid"),
    gatewayState: join(home, "gateway_state.json"),
    /** Restarts from inside. */
    gatewayRestarts: join(home, "gateway_restarts.json"),
    /** While it stands and counts, the gateway drains. */
    drainMarker: join(home, ".drain_request.json"),
    drainLeases: join(home, "drain_leases.json"),
    logs: join(home, "logs"),
    /** How each gateway of this home came and went: JSON lines. */
    exitDiary: join(home, "logs", "gateway-exit-diag.log"),
    /** What the thread beside the gateway's loop saw last. */
    loopReport: join(home, "logs", "gateway-loop.json"),
    /** The longer look around at the last shutdown; older ones have `.1` to `.4` behind it. */
    shutdownDiagnosis: join(home, "logs", "gateway-shutdown-diag.log"),
    /** What a gateway prints that launchd or another gateway has started; the one before it, when it was full, has `.1` behind it. */
    gatewayLog: join(home, "logs", "gateway.log"),
  } as const;
}
export type HomePaths = ReturnType<typeof homePaths>;

/** The folder of one process. */
export function processPaths(home: string, id: ProcessId) {
  const folder = join(home, "processes", id);
  // Asked for at each look at a process: put together without `join`, which takes them apart first.
  const within = folder + sep;
  return {
    folder,
    spec: `${within}spec.json`,
    state: `${within}state.json`,
    exit: `${within}exit.json`,
    /** Space for exit.json, allocated before the start. */
    exitReserved: `${within}.exit.reserved`,
    output: `${within}output`,
    /** FIFO that carries stdout and stderr. */
    pipe: `${within}pipe`,
  } as const;
}
export type ProcessPaths = ReturnType<typeof processPaths>;

/** The folder of one keeper generation. The socket may stand elsewhere when this path is too long: keeper.json tells. */
export function keeperPaths(home: string, generation: string) {
  const folder = join(home, "keepers", generation);
  return {
    folder,
    lock: join(folder, "lock"),
    file: join(folder, "keeper.json"),
    socket: join(folder, "sock"),
    log: join(folder, "log"),
    /** The log before the present one: {@link log} is renamed to this when it is full. */
    logBefore: join(folder, "log.1"),
    /** Restores functions and aliases of the login shell in a command's shell. */
    shellScript: join(folder, "shell.sh"),
  } as const;
}
export type KeeperPaths = ReturnType<typeof keeperPaths>;

/** Unix socket paths longer than this many bytes are placed in a short runtime folder instead (108 is Linux's limit, 104 macOS's). */
export const socketPathBytesMax = 100;
