/** The turn loop and its tools. Floor 5. */
import type { AiTools } from "./ai/aiTools.ts";
import type { ToolsOptions } from "./tools/types.ts";

export { createTools } from "./tools/createTools.ts";
export type * from "./tools/types.ts";
export type { AiTools };

/** The tools of `createTools` for the AI SDK, which is loaded at the first call. */
export async function createAiTools(options: ToolsOptions): Promise<AiTools> {
  const ai = await import("./ai/aiTools.ts");
  return ai.createAiTools(options);
}
