import { type ErrorCode, errorCatalogue, HermaError, type ProcessView, type ReadResult } from "../../contract/index.ts";
import { createRedactor, originalWords } from "../../rules/index.ts";
import type { JsonObject, ToolResult } from "./types.ts";

/** For results without output: there is nothing to acknowledge. */
export function answer(content: JsonObject, acknowledge: () => void = () => {}): ToolResult {
  let told = false;
  return {
    content,
    failed: false,
    acknowledge: () => {
      if (told) return;
      told = true;
      // A failed acknowledgement only means that output is shown twice, so it does not fail the call.
      try {
        acknowledge();
      } catch {}
    },
  };
}

/** A refusal may quote a secret, and transcripts are passed on to others. */
const redactor = createRedactor({ enabled: true });

export function refusal(content: JsonObject): ToolResult {
  return { content: redactor.deep(content), failed: true, acknowledge: () => {} };
}

/** The hints of the catalogue are for people at a shell; these say what the caller of a tool can do. */
const toolHints: Partial<Record<ErrorCode, string>> = {
  // The message says enough.
  BAD_REQUEST: "",
  STDIN_CLOSED: "Start it with stdin=pipe or pty=true to be able to write to it.",
  NO_TERMINAL: "Start it with pty=true.",
  PROCESS_NOT_FOUND: "process list shows those there are.",
  PROCESS_ENDED: "process log shows what it printed.",
};

/** A sentence from whatever was thrown: its message, and what to do about it. */
export function sentenceOf(error: unknown): string {
  if (error instanceof HermaError) {
    const ofCatalogue = error.hint === errorCatalogue[error.code].hint;
    const hint = ofCatalogue ? (toolHints[error.code] ?? error.hint) : error.hint;
    return hint === "" ? error.message : `${withStop(error.message)} ${hint}`;
  }
  return `This call met a fault of Herma's own: ${error instanceof Error ? error.message : String(error)}`;
}

function withStop(text: string): string {
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}

/** `status`, and for an end the original's words for it. */
export function endWords(view: ProcessView): JsonObject {
  const words = originalWords(view);
  if (words.status === "running") return { status: "running" };
  return {
    status: words.status,
    exit_code: words.exit_code,
    completion_reason: words.completion_reason,
    termination_source: words.termination_source ?? "",
  };
}

/** Why a call returned: what was waited for (`exit`, `match` …), `deadline`, `interrupted`, `yield`, or `look` when it did not wait. */
export type Reason = "exit" | "match" | "quiet" | "port" | "http" | "input" | "deadline" | "interrupted" | "yield" | "look";

export type BlockOptions = {
  readonly view: ProcessView;
  readonly reason: Reason;
  readonly read?: ReadResult;
  readonly wakeArmed?: boolean;
  /** It waits for a password. */
  readonly secretPrompt?: boolean | undefined;
  readonly hint?: string | undefined;
};

/**
 * What every answer about one process has besides the original's keys. `output` is text in the original, so what is known about that text
 * stands beside it in `output_range`; parts that say nothing (no byte omitted, none lost, no more to come) are left out.
 */
export function block({ view, reason, read, wakeArmed, secretPrompt, hint }: BlockOptions): JsonObject {
  const { exit } = view;
  return {
    state: view.phase,
    reason,
    ...(exit === null ? {} : { exit: { code: exit.code, signal: exit.signal, cause: exit.cause } }),
    ...(read === undefined ? {} : { output_range: rangeOf(read) }),
    cursor: read?.to ?? view.output.end,
    ...(reason === "input" ? { waiting_for_input: true } : {}),
    ...(secretPrompt === true ? { secret_prompt: true } : {}),
    ...(wakeArmed === true && exit === null ? { wake_armed: true } : {}),
    ...(hint === undefined ? {} : { hint }),
  };
}

function rangeOf(read: ReadResult): JsonObject {
  return {
    from: read.from,
    to: read.to,
    ...(read.omitted_bytes > 0 ? { omitted_bytes: read.omitted_bytes } : {}),
    ...(read.lost_bytes > 0 ? { lost_bytes: read.lost_bytes } : {}),
    ...(read.more ? { more: true } : {}),
  };
}

const commandCharacters = 200;

/** The command on one line of at most 200 characters. */
export function commandLine(view: ProcessView): string {
  const text = typeof view.command === "string" ? view.command : view.command.join(" ");
  return text.length > commandCharacters ? `${text.slice(0, commandCharacters - 1)}…` : text;
}

/** What to do about output that is kept but was not shown. */
export function omittedHint(id: string, read: ReadResult): string | undefined {
  if (read.omitted_bytes > 0)
    return `Parts were left out: process search finds lines, log with session_id ${id} and since=${read.from} reads from there.`;
  return read.more ? `There is more: process log with session_id ${id} and since=${read.to}.` : undefined;
}

/** An answer has at most one hint: the first of these that is not null. */
export function firstHint(...hints: readonly (string | undefined | false)[]): string | undefined {
  for (const hint of hints) if (typeof hint === "string" && hint !== "") return hint;
  return undefined;
}

/** Names of parameters that were passed over. */
export function ignoredHint(tool: string, ignored: readonly string[]): string | undefined {
  if (ignored.length === 0) return undefined;
  return redactor.text(`${ignored.slice(0, 4).join(", ")}: ${tool} has no such parameter, so it was ignored.`);
}
