/** `herma/ai`: the tools `terminal` and `process` for the AI SDK. */
export { type AiTools, createAiTools, type ToolsOptions } from "./agents/index.ts";
