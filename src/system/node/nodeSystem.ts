import nodeProcess from "node:process";
import { HermaError } from "../../contract/index.ts";
import type { Spawner, System } from "../types.ts";
import { cgroups, noGroups } from "./cgroups.ts";
import { children } from "./children.ts";
import { nodeClock } from "./clock.ts";
import { nodeDescriptors } from "./descriptors.ts";
import { nodeFiles } from "./files.ts";
import { libuvSpawner } from "./libuvSpawner.ts";
import { linuxTable, type TableReader } from "./linuxTable.ts";
import { nodeLocks } from "./locks.ts";
import { nodeLoginShell, realShellWorld } from "./loginShell.ts";
import { nodeLoopObserver } from "./loopObserver.ts";
import { nodeMemory } from "./memory.ts";
import { noNotify, systemdNotify } from "./notify.ts";
import { posixSpawner } from "./posixSpawner.ts";
import { underMask } from "./privately.ts";
import { nodeProcessTable } from "./processTable.ts";
import { psTable } from "./psTable.ts";
import { randomBytes } from "./randomness.ts";
import { noScopes, systemdScopes } from "./scopes.ts";
import { nodeSockets } from "./sockets.ts";
import { nodeVitals } from "./vitals.ts";
import { windowsLocks } from "./windows/windowsLocks.ts";
import { windowsTable } from "./windows/windowsTable.ts";

export type NodeSystemOptions = {
  /** `posix` (default on 64-bit Linux): posix_spawn and our own waiting. `libuv` (default elsewhere): Node's child_process and node-pty. */
  readonly spawn?: "posix" | "libuv";
};

/** The real system. Nothing native is loaded before it is first used. Throws PLATFORM_UNSUPPORTED on what is neither Linux nor macOS nor Windows. */
export function nodeSystem(options: NodeSystemOptions = {}): System {
  const { platform } = nodeProcess;
  if (platform !== "linux" && platform !== "darwin" && platform !== "win32") {
    throw new HermaError("PLATFORM_UNSUPPORTED", `Herma does not know the system ${platform}`);
  }
  const processes = nodeProcessTable(readerOf(platform), children);
  const kind = options.spawn ?? (platform === "linux" && !["arm", "ia32"].includes(nodeProcess.arch) ? "posix" : "libuv");
  const spawner: Spawner = platform === "win32" ? noSpawner : masking(kind === "posix" ? posixSpawner(processes) : libuvSpawner(processes));
  const uid = nodeProcess.getuid?.() ?? 0;
  return {
    platform,
    clock: nodeClock(),
    files: nodeFiles(),
    locks: platform === "win32" ? windowsLocks(processes) : nodeLocks(processes),
    processes,
    spawner,
    shell: nodeLoginShell(realShellWorld(spawner.run)),
    scopes: platform === "linux" ? systemdScopes({ run: spawner.run, variables: nodeProcess.env, uid }) : noScopes,
    groups: platform === "linux" ? cgroups() : noGroups,
    sockets: nodeSockets(),
    descriptors: nodeDescriptors(),
    notify: platform === "linux" ? systemdNotify : noNotify,
    memory: nodeMemory(),
    vitals: nodeVitals(),
    loop: nodeLoopObserver,
    random: (bytes) => randomBytes(bytes),
  };
}

/** A child inherits the mask that is in force when it is started, which is at once. */
function masking(spawner: Spawner): Spawner {
  const under = <T>(umask: number | undefined, start: () => T): T => (umask === undefined ? start() : underMask(umask, start));
  return {
    ...spawner,
    spawnPiped: (request, exit) => under(request.umask, () => spawner.spawnPiped(request, exit)),
    spawnTerminal: (request, output, exit) => under(request.umask, () => spawner.spawnTerminal(request, output, exit)),
  };
}

function readerOf(platform: System["platform"]): TableReader {
  if (platform === "linux") return linuxTable();
  return platform === "win32" ? windowsTable() : psTable();
}

function refuse(): never {
  throw new HermaError("PLATFORM_UNSUPPORTED", "Processes cannot be started on Windows itself");
}
const noSpawner: Spawner = { spawnPiped: refuse, spawnTerminal: refuse, spawnDaemon: refuse, run: refuse, stream: refuse };
