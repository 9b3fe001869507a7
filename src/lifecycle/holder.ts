import { basename } from "node:path";
import { timestampOf } from "../contract/index.ts";
import type { Clock, System } from "../system/index.ts";
import { readGatewayRecord, recordLiveness } from "./records.ts";

/** Who has what we wanted. */
export type Holder = {
  /** Null when nothing tells. */
  readonly pid: number | null;
  /** When it started, or when its record was written; null when nothing tells. */
  readonly since: string | null;
  readonly kind: "herma" | "hermes" | "unknown";
  /** The file it holds: `herma.lock`, `gateway.lock` or `gateway.pid`. */
  readonly file: string;
};

/** A winner writes the body of the lock just after taking it; a loser looks this often, this far apart, before it says "unknown". */
const bodyLooks = 25;
const bodyLookMs = 20;

/** Waits without blocking. */
export function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(ms, resolve);
  });
}

/** The program that holds the lock `path`, or `gone` when it was let go while we looked. */
export async function holderOf(system: Pick<System, "clock" | "files" | "locks" | "processes">, path: string): Promise<Holder | "gone"> {
  let best: Holder = { pid: null, since: null, kind: "unknown", file: basename(path) };
  for (let look = 0; look < bodyLooks; look += 1) {
    const lock = system.locks.look(path);
    if (lock.held === false) return "gone";
    const record = readGatewayRecord(system.files, path);
    const lockPid = lock.held === true ? lock.pid : null;
    if (record !== null && (lockPid === null || lockPid === record.pid)) {
      best = describeRecord(system, path, record);
      if (recordLiveness(system.processes, record) !== "gone") return best;
    } else if (lockPid !== null) {
      best = { ...best, pid: lockPid, since: null, kind: "unknown" };
    }
    await pause(system.clock, bodyLookMs);
  }
  return best;
}

/** A holder as its record tells it. */
export function describeRecord(
  system: Pick<System, "files">,
  path: string,
  record: NonNullable<ReturnType<typeof readGatewayRecord>>,
): Holder {
  let written: string | null = null;
  try {
    const stat = system.files.stat(path);
    written = stat === null ? null : timestampOf(stat.mtimeMs);
  } catch {
    // Its age is only told to people.
  }
  return {
    pid: record.pid,
    since: record.started_at ?? written,
    kind: record.instance_id === undefined ? "hermes" : "herma",
    file: basename(path),
  };
}
