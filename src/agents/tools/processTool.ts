import { isHermaError, type ProcessId } from "../../contract/index.ts";
import { nearest } from "../../rules/index.ts";
import { actOn } from "./acting.ts";
import { type Asked, type Deps, problem } from "./asked.ts";
import { type Action, actions, meantOtherwise, parametersOf, processDescription, processFields } from "./descriptions.ts";
import { parseFields, schemaOf, shortened } from "./fields.ts";
import { handOver } from "./handingOver.ts";
import { list, log, poll, search } from "./looking.ts";
import { answer, ignoredHint, refusal, sentenceOf } from "./results.ts";
import type { Tool, ToolCall, ToolResult } from "./types.ts";
import { update } from "./updating.ts";
import { wait } from "./waiting.ts";

/** `process`: everything about processes that `terminal` has started. */
export function processTool(deps: Deps): Tool {
  return {
    name: "process",
    description: processDescription,
    inputSchema: schemaOf(processFields, ["action"]),
    run: async (input, call = {}) => {
      const parsed = parseFields("process", withoutWords, input);
      if (!parsed.ok) return problem(parsed.error);
      const values = parsed.values as Asked;
      const action = actionOf(values.action);
      if (typeof action !== "string") return problem(action.error);
      try {
        const unused = unusedBy(action, values);
        const meant = unused.map((name) => meantOtherwise[action]?.[name]).find((sentence) => sentence !== undefined);
        if (meant !== undefined) return problem(meant);
        const result = await run(deps, action, values, call);
        const hint = ignoredHint("process", parsed.ignored) ?? ignoredHint(`process ${action}`, unused);
        if (hint === undefined || result.failed) return result;
        return { ...result, content: { ...result.content, hint } };
      } catch (error) {
        return failure(deps, error, values);
      }
    },
  };
}

/** An action that is none gets an answer of its own. */
const withoutWords = { ...processFields, action: { kind: "string" } } as const;

function actionOf(word: string | undefined): Action | { readonly error: string } {
  const valid = actions.join(", ");
  if (word === undefined) return { error: `process needs an action: ${valid}.` };
  const lower = word.trim().toLowerCase();
  const found = actions.find((action) => action === lower);
  if (found !== undefined) return found;
  const meant = lower.length > 40 ? null : nearest(Object.hasOwn(otherWords, lower) ? (otherWords[lower] ?? lower) : lower, actions);
  return { error: `Unknown action ${shortened(word)}; use one of ${valid}.${meant === null ? "" : ` Did you mean ${meant}?`}` };
}

/** Parameters that this action does not use. Empty ones are passed over, because some models send every parameter there is. */
function unusedBy(action: Action, asked: Asked): (typeof parametersOf)[Action][number][] {
  const used = new Set<string>(["action", ...parametersOf[action]]);
  if (action !== "list") used.add("session_id").add("session_ids");
  const names = Object.keys(asked) as (typeof parametersOf)[Action][number][];
  return names.filter((name) => !used.has(name) && !isEmpty(asked[name]));
}

function isEmpty(value: unknown): boolean {
  if (typeof value === "object" && value !== null) return Object.keys(value).length === 0;
  return value === "" || value === 0 || value === false;
}

/** Names that other tools use for actions of ours. */
const otherWords: Readonly<Record<string, string>> = {
  ls: "list",
  ps: "list",
  read: "log",
  logs: "log",
  output: "log",
  tail: "log",
  status: "poll",
  stop: "kill",
  terminate: "kill",
  send: "write",
  input: "write",
  eof: "close",
  grep: "search",
  handover: "hand_over",
  transfer: "hand_over",
  "send-keys": "keys",
  send_keys: "keys",
};

async function run(deps: Deps, action: Action, asked: Asked, call: ToolCall): Promise<ToolResult> {
  if (action === "list") return list(deps, asked);
  if (action === "wait") {
    const ids = idsOf(deps, asked);
    return typeof ids === "string" ? problem(ids) : await wait(deps, ids, asked, call);
  }
  if (asked.session_id === undefined) {
    const one = asked.session_ids?.length === 1 ? asked.session_ids[0] : undefined;
    if (one === undefined) return problem(`session_id is required for ${action}: ${exampleOf(action)} (process list shows them).`);
    return await run(deps, action, { ...asked, session_id: one }, call);
  }
  const id = deps.registry.plain.resolve(asked.session_id);
  switch (action) {
    case "poll":
      return await poll(deps, id, asked, call);
    case "log":
      return log(deps, id, asked);
    case "search":
      return search(deps, id, asked);
    case "hand_over":
      return handOver(deps, id, asked);
    case "update":
      return await update(deps, id, asked);
    default:
      return await actOn(deps, action, id, asked, call);
  }
}

function exampleOf(action: Action): string {
  return `{"action": "${action}", "session_id": "proc_…"}`;
}

function idsOf(deps: Deps, asked: Asked): ProcessId[] | string {
  const references = askedIds(asked);
  if (references.length === 0) return `session_id is required for wait: ${exampleOf("wait")} (process list shows them).`;
  if (references.length > 64) return "wait takes at most 64 session_ids.";
  return [...new Set(references.map((reference) => deps.registry.plain.resolve(reference)))];
}

function askedIds(asked: Asked): string[] {
  return [...(asked.session_id === undefined ? [] : [asked.session_id]), ...(asked.session_ids ?? [])];
}

function isKnown(registry: Deps["registry"], reference: string): boolean {
  try {
    registry.plain.get(registry.plain.resolve(reference));
    return true;
  } catch {
    return false;
  }
}

function failure({ registry }: Deps, error: unknown, asked: Asked): ToolResult {
  if (isHermaError(error, "PROCESS_NOT_FOUND")) {
    const missing = askedIds(asked).filter((reference) => !isKnown(registry, reference));
    const asks = (missing.length === 0 ? askedIds(asked) : missing).map(shortened);
    return refusal({ status: "not_found", error: `No process with ID ${asks.join(", ")}; process list shows those there are.` });
  }
  if (isHermaError(error, "PROCESS_ENDED")) return answer({ status: "already_exited", error: error.message });
  return problem(sentenceOf(error));
}
