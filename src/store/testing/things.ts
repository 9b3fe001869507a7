import { type Interest, type ProcessId, timestampOf } from "../../contract/index.ts";
import type { NewNotice } from "../index.ts";

/** The `n`th process of a test. */
export function processId(n: number): ProcessId {
  return `proc_${n.toString(16).padStart(12, "0")}`;
}

/** The `n`th notice of a test; a completion of process 1 unless told otherwise. */
export function newNotice(n: number, change: Partial<NewNotice> = {}): NewNotice {
  return {
    id: `note_${n.toString(16).padStart(12, "0")}`,
    kind: "completion",
    process_id: processId(1),
    session: "s1",
    task: null,
    generation: "g-1",
    weight: "turn",
    created_at: timestampOf(Date.UTC(2026, 0, 1) + n),
    data: { exit: { code: 0 }, list: [1, "two"] },
    text: `notice ${n}`,
    ...change,
  };
}

export function interestIn(process_id: ProcessId, change: Partial<Interest> = {}): Interest {
  return {
    process_id,
    session: "s1",
    task: null,
    notify_on_complete: false,
    wake: { success: "turn", failure: "turn", stopped: "context", lost: "turn" },
    heartbeat_seconds: null,
    purpose: null,
    route: null,
    ...change,
  };
}
