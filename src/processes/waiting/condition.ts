import type { ProcessId, WaitCause, WaitedProcess } from "../../contract/index.ts";
import type { Context } from "../context.ts";

/**
 * - `met`: it has happened.
 * - `not`: not yet; once the process is over, never.
 * - `more`: there is more to look at than one turn should take. Look again.
 */
export type Look = "met" | "not" | "more";

/** Something that one wait waits for in one process. */
export interface Condition {
  readonly cause: WaitCause;
  /** A first look that takes time (a connection), for a deadline of 0. Later changes are told by `ring`. */
  begin?(): Promise<void>;
  /** Looks at the files, or at what a probe has found out. Never waits. `over`: the process has ended. */
  look(over: boolean): Look;
  /** What the answer has beyond the process itself. */
  found(): Partial<Pick<WaitedProcess, "match" | "secret_prompt" | "note">>;
  close(): void;
}

/** What conditions are made with. */
export type Scene = {
  readonly context: Context;
  readonly id: ProcessId;
  /** Asks for another look. Never called from within `look`. */
  readonly ring: () => void;
};

export const nothingFound: Condition["found"] = () => ({});

/** It is over. */
export function exitCondition(): Condition {
  return { cause: "exit", look: (over) => (over ? "met" : "not"), found: nothingFound, close: () => {} };
}
