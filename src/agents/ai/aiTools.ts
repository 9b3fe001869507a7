import { type Tool as AiTool, jsonSchema, type ModelMessage, tool } from "ai";
import { createTools } from "../tools/createTools.ts";
import type { JsonObject, Tool, ToolResult, ToolsOptions } from "../tools/types.ts";

export type AiTools = {
  /** For `tools` of `generateText`, `streamText` or an agent of the AI SDK. */
  readonly tools: { readonly terminal: AiTool<unknown, JsonObject>; readonly process: AiTool<unknown, JsonObject> };
  /**
   * Says that these messages are kept for good, so that the output in their tool results counts as read. Calls do it by themselves for the
   * messages they come with, so this is needed only for results that no further call follows. Without it such output is shown once more.
   */
  acknowledge(messages: readonly ModelMessage[]): void;
};

/** Results that wait to be seen in the messages of a call. When there are more, the output of the oldest is shown again. */
const unseenMax = 256;

/** The two tools of {@link createTools} for the AI SDK. */
export function createAiTools(options: ToolsOptions): AiTools {
  const tools = createTools(options);
  const unseen = new Map<string, ToolResult>();
  const acknowledge = (messages: readonly ModelMessage[]): void => {
    for (const id of unseen.size === 0 ? [] : answeredCalls(messages)) {
      unseen.get(id)?.acknowledge();
      unseen.delete(id);
    }
  };
  const wrap = (one: Tool): AiTool<unknown, JsonObject> =>
    tool<unknown, JsonObject, Record<string, never>>({
      description: one.description,
      inputSchema: jsonSchema<unknown>(schemaOf(one)),
      execute: async (input, { toolCallId, messages, abortSignal }) => {
        acknowledge(messages);
        const result = await one.run(input, abortSignal === undefined ? {} : { signal: abortSignal });
        unseen.set(toolCallId, result);
        if (unseen.size > unseenMax) unseen.delete(unseen.keys().next().value ?? "");
        return result.content;
      },
    });
  return { tools: { terminal: wrap(tools.terminal), process: wrap(tools.process) }, acknowledge };
}

function schemaOf(one: Tool): Parameters<typeof jsonSchema>[0] {
  return one.inputSchema as Parameters<typeof jsonSchema>[0];
}

function* answeredCalls(messages: readonly ModelMessage[]): Generator<string> {
  for (const message of messages) {
    if (message.role !== "tool") continue;
    for (const part of message.content) if (part.type === "tool-result") yield part.toolCallId;
  }
}
