import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type ExitFile,
  homePaths,
  type Identity,
  type ProcessId,
  processPaths,
  type SpecFile,
  type StateFile,
  timestampOf,
} from "../../contract/index.ts";
import { segmentName } from "../../rules/index.ts";

/** A boot that is not this one, so that nothing recorded under it can be alive. */
export const otherBoot: Identity = { boot_id: "another-boot", pid: 4_000_000, start_time: 1 };

export function idOf(number: number): ProcessId {
  return `proc_${number.toString(16).padStart(12, "0")}`;
}

export function specOf(id: ProcessId, more: Partial<SpecFile> = {}): SpecFile {
  return {
    format: 1,
    id,
    created_at: timestampOf(1_700_000_000_000),
    command: "true",
    cwd: "/",
    variables: [],
    stdin: "none",
    tty: null,
    limits: {},
    lifetime: "host",
    owner: { kind: "library" },
    environment: "local",
    grace_ms: 3000,
    starter: otherBoot,
    ...more,
  };
}

export function stateOf(id: ProcessId, more: Partial<StateFile> = {}): StateFile {
  return {
    format: 1,
    id,
    phase: "running",
    seq: 2,
    updated_at: timestampOf(1_700_000_000_500),
    keeper: { generation: "v1-0.0.0-old", instance_id: "aaaa", identity: otherBoot },
    identity: otherBoot,
    group: otherBoot.pid,
    session: otherBoot.pid,
    scope: null,
    restart_survival: "detached",
    started_at: timestampOf(1_700_000_000_400),
    intent: null,
    adoptions: 0,
    stdin: "none",
    tty: null,
    paused: false,
    exited: null,
    losses: [],
    ...more,
  };
}

export function exitOf(id: ProcessId, more: Partial<ExitFile> = {}): ExitFile {
  return {
    format: 1,
    id,
    code: 0,
    signal: null,
    cause: "exited",
    termination_source: "",
    intent: null,
    started_at: timestampOf(1_700_000_000_400),
    ended_at: timestampOf(1_700_000_001_400),
    output_end: 0,
    usage: null,
    survivors: [],
    evidence: "wait",
    failure: null,
    losses: [],
    ...more,
  };
}

export type Records = {
  readonly spec?: Partial<SpecFile> | null;
  readonly state?: Partial<StateFile> | null;
  readonly exit?: Partial<ExitFile> | null;
  /** Segments by absolute start offset. */
  readonly output?: Readonly<Record<number, string | Uint8Array>>;
};

/** Makes a process folder as a keeper leaves it. Null leaves the file out; exit is left out unless given. */
export function putFolder(home: string, number: number, records: Records = {}): ProcessId {
  const id = idOf(number);
  const paths = processPaths(home, id);
  mkdirSync(paths.output, { recursive: true, mode: 0o700 });
  if (records.spec !== null) writeFileSync(paths.spec, JSON.stringify(specOf(id, records.spec)));
  if (records.state !== null) writeFileSync(paths.state, JSON.stringify(stateOf(id, records.state)));
  if (records.exit != null) writeFileSync(paths.exit, JSON.stringify(exitOf(id, records.exit)));
  for (const [start, bytes] of Object.entries(records.output ?? {})) writeFileSync(join(paths.output, segmentName(Number(start))), bytes);
  return id;
}

/** An ended process. */
export function putEnded(home: string, number: number, records: Records = {}): ProcessId {
  const ended = records.output === undefined ? 0 : outputEnd(records.output);
  return putFolder(home, number, {
    ...records,
    state: records.state === undefined ? { phase: "ended" } : records.state,
    exit: { output_end: ended, ...records.exit },
  });
}

function outputEnd(output: NonNullable<Records["output"]>): number {
  return Math.max(0, ...Object.entries(output).map(([start, bytes]) => Number(start) + Buffer.from(bytes as string).length));
}

export function processesFolder(home: string): string {
  return homePaths(home).processes;
}
