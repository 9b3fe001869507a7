import type { ProcessId } from "../../contract/index.ts";
import { type PollState, tokensDefault, tokensMax } from "../../rules/index.ts";
import type { processFields } from "./descriptions.ts";
import type { Values } from "./fields.ts";
import { refusal } from "./results.ts";
import type { ToolRegistry } from "./toolRegistry.ts";
import type { ToolResult, ToolsOptions } from "./types.ts";

/** Parameters of `process` as they were understood. */
export type Asked = Values<typeof processFields>;

/** How often this reader has polled each process in vain, and the phase it saw. */
export type PollMemory = Map<ProcessId, { readonly state: PollState; readonly phase: string }>;

/** What the actions of `process` work with. */
export type Deps = { readonly registry: ToolRegistry; readonly options: ToolsOptions; readonly polls: PollMemory };

/** The budget of output that was asked for, in tokens. */
export function maxTokensOf(asked: number | undefined): number {
  return Math.min(asked ?? tokensDefault, tokensMax);
}

/** A call that cannot be done, with the sentence that says what can. */
export function problem(error: string): ToolResult {
  return refusal({ status: "error", error });
}
