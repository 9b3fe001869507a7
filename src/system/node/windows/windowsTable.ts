import type { ProcessRow, Seen } from "../../types.ts";
import type { TableReader } from "../linuxTable.ts";
import { type Handle, type Kernel32, kernel32, windowsErrors } from "./kernel32.ts";

/** PROCESS_QUERY_LIMITED_INFORMATION and SYNCHRONIZE: what may be asked of other users' processes, too. */
export const lookRights = 0x1000 | 0x100000;

/**
 * The table of Windows. Start times are microseconds since 1970 as the kernel made the process, so that a pid that is used again is told
 * apart; groups and sessions do not exist there and are the pid itself.
 */
export function windowsTable(system: () => Kernel32 = kernel32): TableReader {
  return {
    bootId: () => `windows-${system().bootTimeUs()}`,
    pidNamespace: () => null,
    ageMs: (startTime) => Math.max(0, Date.now() - startTime / 1000),
    look: (pid) => look(system(), pid),
    list: () => {
      const kernel = system();
      const rows: ProcessRow[] = [];
      for (const entry of kernel.processes()) {
        const seen = entry.pid === 0 ? null : look(kernel, entry.pid, entry);
        if (seen?.kind === "alive") rows.push(seen.row);
      }
      return rows;
    },
    // Another program's variables cannot be read without debugging it.
    variable: () => undefined,
  };
}

type Entry = ReturnType<Kernel32["processes"]>[number];

function look(kernel: Kernel32, pid: number, entry?: Entry): Seen {
  if (!Number.isSafeInteger(pid) || pid < 1) return { kind: "unknown", why: `${pid} is no process id` };
  const handle = kernel.openProcess(lookRights, pid);
  if (handle === null) {
    const code = kernel.lastError();
    if (code === windowsErrors.invalidParameter) return { kind: "dead" };
    return {
      kind: "unknown",
      why: code === windowsErrors.accessDenied ? `process ${pid} may not be looked at` : `OpenProcess failed with ${code}`,
    };
  }
  try {
    return seenThrough(kernel, handle, pid, entry ?? kernel.processes().find((each) => each.pid === pid));
  } finally {
    kernel.close(handle);
  }
}

function seenThrough(kernel: Kernel32, handle: Handle, pid: number, entry: Entry | undefined): Seen {
  if (!kernel.isRunning(handle)) return { kind: "dead" };
  const startTime = kernel.creationTimeUs(handle);
  if (startTime === null) return { kind: "unknown", why: `GetProcessTimes failed with ${kernel.lastError()}` };
  const name = entry?.name ?? "";
  return {
    kind: "alive",
    row: { pid, parent: entry?.parent ?? 0, group: pid, session: pid, name, startTime, zombie: false, stopped: false },
  };
}
