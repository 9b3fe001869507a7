import type { GatewayRecord } from "../contract/index.ts";
import type { ClaimSystem } from "./claimTypes.ts";
import { describeRecord, type Holder } from "./holder.ts";
import { readGatewayRecord, recordIs, recordLiveness } from "./records.ts";

/**
 * Makes `gateway.pid`, replacing one whose program is gone. Only for a holder of both locks. Returns the holder when the file names a gateway
 * that lives: somebody has unlinked its lock file, so that holding the lock of the new file proves nothing.
 */
export function putPidFile(system: ClaimSystem, path: string, record: GatewayRecord, mode: number): Holder | null {
  while (!system.files.createExclusive(path, JSON.stringify(record), { mode })) {
    const found = readGatewayRecord(system.files, path);
    if (found !== null && !recordIs(found, system.processes.self()) && isLiveGateway(system, found))
      return describeRecord(system, path, found);
    system.files.remove(path);
  }
  return null;
}

function isLiveGateway(system: ClaimSystem, record: GatewayRecord): boolean {
  const liveness = recordLiveness(system.processes, record);
  if (liveness !== "unknown" || record.start_time !== null) return liveness === "same";
  // A bare pid proves nothing, so the program must at least have the name of a gateway.
  const seen = system.processes.look(record.pid);
  return seen.kind === "alive" && /hermes/.test(seen.row.name);
}

/** Makes sure that `gateway.pid` is ours, as {@link putPidFile} does, after somebody may have removed or changed it. */
export function restorePidFile(system: ClaimSystem, path: string, record: GatewayRecord, mode: number): Holder | null {
  const found = readGatewayRecord(system.files, path);
  return found !== null && recordIs(found, system.processes.self()) ? null : putPidFile(system, path, record, mode);
}
