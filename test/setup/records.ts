import { type ExitFile, type Identity, type ProcessId, type SpecFile, type StateFile, timestampOf } from "../../src/contract/index.ts";

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
