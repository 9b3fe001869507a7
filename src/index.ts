/** `herma`, the package's main door: processes that outlive whoever started them, and the tools that models use them with. */
export { type AiTools, createAiTools, createTools, type Tool, type ToolResult, type Tools, type ToolsOptions } from "./agents/index.ts";
export {
  type ErrorCode,
  type ExitFile,
  errorCatalogue,
  HermaError,
  isHermaError,
  type ProcessFact,
  type ProcessId,
  type ProcessView,
  type ReadResult,
  version,
} from "./contract/index.ts";
export * from "./processes/index.ts";
export { nodeSystem, type System } from "./system/index.ts";
