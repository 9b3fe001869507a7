import { GatewayRecord, type GatewayRecord as GatewayRecordType, homePaths, type Identity } from "../contract/index.ts";
import type { Files, ProcessTable } from "../system/index.ts";

/** The largest record or marker that is read; a bigger file is noise. */
export const recordBytesMax = 65_536;

/**
 * A JSON file of the home that any program may have written: null when it is absent, unreadable, too large or not JSON. It never throws,
 * because a reader of shared files must survive whatever stands in them.
 */
export function readJson(files: Files, path: string): unknown {
  try {
    const bytes = files.read(path, recordBytesMax);
    return bytes === null ? null : JSON.parse(bytes.toString("utf8"));
  } catch {
    return null;
  }
}

/**
 * The record in `gateway.pid` or in the body of a lock, or null. The original's old forms count as well: a bare integer, as text or JSON,
 * is a record with nothing but a pid.
 */
export function readGatewayRecord(files: Files, path: string): GatewayRecordType | null {
  const value = readJson(files, path);
  if (typeof value === "number" && Number.isInteger(value) && value >= 1)
    return { pid: value, kind: "hermes-gateway", argv: [], start_time: null };
  const parsed = GatewayRecord.safeParse(value);
  return parsed.success ? parsed.data : null;
}

/** Whether the program a record names lives: `same`, `gone`, or `unknown` when its start time is not known or /proc does not tell. */
export function recordLiveness(processes: ProcessTable, record: GatewayRecordType): "same" | "gone" | "unknown" {
  const bootId = processes.bootId();
  if (record.boot_id !== undefined && record.boot_id !== bootId) return "gone";
  if (record.start_time === null) return processes.look(record.pid).kind === "dead" ? "gone" : "unknown";
  return processes.compare({ boot_id: bootId, pid: record.pid, start_time: record.start_time });
}

/** True when the record names exactly this program. */
export function recordIs(record: GatewayRecordType, identity: Identity): boolean {
  return (
    record.pid === identity.pid && record.start_time === identity.start_time && (record.boot_id ?? identity.boot_id) === identity.boot_id
  );
}

/** The argv that the original's tools recognise: `hermes gateway run`, then the arguments that followed those words. */
export function contractArgv(argv: readonly string[]): string[] {
  let rest = argv;
  for (const word of ["gateway", "run"]) if (rest[0] === word) rest = rest.slice(1);
  return ["hermes", "gateway", "run", ...rest];
}

/** What `gateway_state.json` says, or null when it is absent or not one. For readers; whether the gateway lives is told by its lock. */
export function readGatewayState(files: Files, home: string): Record<string, unknown> | null {
  const value = readJson(files, homePaths(home).gatewayState);
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
}
