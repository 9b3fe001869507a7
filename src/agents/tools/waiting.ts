import type { ProcessId } from "../../contract/index.ts";
import type { WaitResult } from "../../processes/index.ts";
import { type Asked, type Deps, maxTokensOf, problem } from "./asked.ts";
import { type Until, untilOf } from "./conditions.ts";
import { waitSecondsDefault, waitSecondsMax } from "./descriptions.ts";
import { answer, block, commandLine, endWords, firstHint, omittedHint, type Reason } from "./results.ts";
import type { JsonObject, ToolCall, ToolResult } from "./types.ts";

/** `wait`: until one or all of several processes have ended, or until another condition holds for them. */
export async function wait(deps: Deps, ids: readonly ProcessId[], asked: Asked, call: ToolCall): Promise<ToolResult> {
  const until = untilOf(asked.until ?? "exit");
  if (typeof until === "string" && until !== "exit") return problem(until);
  const wished = asked.timeout ?? waitSecondsDefault;
  const seconds = Math.min(wished, waitSecondsMax);
  const waited = await deps.registry.plain.wait({
    ids,
    deadlineSeconds: seconds,
    ...(asked.mode === undefined ? {} : { mode: asked.mode }),
    ...(until === "exit" ? {} : { until }),
    ...(asked.after === undefined ? {} : { after: asked.after }),
    ...(call.signal === undefined ? {} : { signal: call.signal }),
  });
  return told(deps, waited, { wished, seconds, maxTokens: asked.max_tokens });
}

/** Waits for the effect of a write. */
export async function waitAfter(
  deps: Deps,
  id: ProcessId,
  options: { readonly until: Until; readonly seconds: number; readonly after: number; readonly maxTokens: number | undefined },
  call: ToolCall,
): Promise<ToolResult> {
  const seconds = Math.min(options.seconds, waitSecondsMax);
  const { until, after } = options;
  const waited = await deps.registry.plain.wait({
    ids: [id],
    deadlineSeconds: seconds,
    ...(until === "exit" ? {} : { until }),
    ...(typeof until === "object" && "match" in until ? { after } : {}),
    ...(call.signal === undefined ? {} : { signal: call.signal }),
  });
  return told(deps, waited, { wished: options.seconds, seconds, maxTokens: options.maxTokens });
}

type Told = { readonly wished: number; readonly seconds: number; readonly maxTokens: number | undefined };

function told({ registry }: Deps, waited: WaitResult, how: Told): ToolResult {
  const maxTokens = Math.max(50, Math.floor(maxTokensOf(how.maxTokens) / waited.processes.length));
  const acknowledgements: (() => void)[] = [];
  const parts = waited.processes.map((view): JsonObject => {
    const read = registry.readNew(view.id, { view: "headTail", maxTokens });
    acknowledgements.push(() => {
      registry.acknowledge(read);
      registry.endKnown(read);
    });
    const interest = registry.interest(view.id);
    const wakeArmed = interest?.notify_on_complete === true;
    const reason: Reason = waited.reason;
    const waits =
      reason === "deadline" && wakeArmed && "It goes on, and you will be told when it ends: do other work instead of waiting again.";
    return {
      session_id: view.id,
      ...statusOf(waited, view.exit !== null),
      command: commandLine(view),
      ...(view.exit === null ? {} : without(endWords(view), "status")),
      output: read.text,
      ...(view.match === undefined ? {} : { match: { line: view.match.line, offset: view.match.offset } }),
      ...(waited.processes.length > 1 ? { met: view.met } : {}),
      ...noteOf(waited, view.exit !== null, how),
      ...block({
        view,
        reason,
        read,
        wakeArmed,
        secretPrompt: view.secret_prompt,
        hint: firstHint(view.note, waits, omittedHint(view.id, read)),
      }),
    };
  });
  const acknowledge = (): void => {
    for (const one of acknowledgements) one();
  };
  const only = parts.length === 1 ? parts[0] : undefined;
  return answer(
    only ?? { ...statusOf(waited, false), reason: waited.reason, ...noteOf(waited, false, how), processes: parts },
    acknowledge,
  );
}

/** The original's statuses: an end is `exited` whatever was waited for. */
function statusOf(waited: WaitResult, ended: boolean): { readonly status: string } {
  if (ended) return { status: "exited" };
  if (waited.reason === "deadline") return { status: "timeout" };
  if (waited.reason === "interrupted") return { status: "interrupted" };
  return { status: waited.reason === "exit" && waited.processes.every((view) => view.exit !== null) ? "exited" : "running" };
}

function noteOf(waited: WaitResult, ended: boolean, { wished, seconds }: Told): JsonObject {
  if (ended) return {};
  if (waited.reason === "interrupted")
    return { note: "The wait was interrupted; the process goes on. There is no need to wait again at once." };
  if (waited.reason !== "deadline") return {};
  if (wished > seconds) return { timeout_note: `Requested wait of ${wished}s was clamped to configured limit of ${seconds}s` };
  return { timeout_note: `Waited ${seconds}s, process still running` };
}

function without(content: JsonObject, name: string): JsonObject {
  return Object.fromEntries(Object.entries(content).filter(([key]) => key !== name));
}
