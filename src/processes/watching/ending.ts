import type { ExitFile, Interest, ProcessId } from "../../contract/index.ts";
import { wakeOutcomeOf, wakeWeightOf } from "../../rules/index.ts";
import { readProcess } from "../read.ts";
import type { Desk } from "./desk.ts";

/** Bytes of the end of the output from which a notice takes its tail. */
const tailBytes = 8192;

/** Tells that a process has ended, once, as its interest wishes. Called within a transaction. */
export function tellEnd(desk: Desk, interest: Interest, exit: ExitFile, suppressed: number): void {
  const id = interest.process_id;
  const outcome = wakeOutcomeOf(exit);
  const weight = wakeWeightOf(interest.wake, outcome);
  if (weight === "ignore") return;
  const { code, signal, cause, termination_source } = exit;
  desk.tell(id, {
    once: `completion:${id}`,
    content: {
      kind: "completion",
      process: desk.subject(id, interest),
      exit,
      runMs: exit.started_at === null ? null : Math.max(0, Date.parse(exit.ended_at) - Date.parse(exit.started_at)),
      output: tail(desk, id, exit.output_end),
      suppressed,
    },
    weight,
    data: { outcome, code, signal, cause, termination_source, output_end: exit.output_end, suppressed },
  });
}

/** The end of the output before an offset, as a reader sees it. */
export function tail(desk: Desk, id: ProcessId, until: number, from = 0): string {
  if (until <= from) return "";
  const since = Math.max(from, until - tailBytes);
  return readProcess(desk.context, id, { view: "tail", since, until, maxBytes: tailBytes }).text;
}
