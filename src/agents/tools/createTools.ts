import type { PollMemory } from "./asked.ts";
import { processTool } from "./processTool.ts";
import { terminalTool } from "./terminalTool.ts";
import { ToolRegistry } from "./toolRegistry.ts";
import type { Tools, ToolsOptions } from "./types.ts";

/**
 * The two tools for one transcript: `terminal` starts commands, `process` does the rest. They hold nothing that must outlive the program:
 * processes, output and what was read of it stand in the home.
 */
export function createTools(options: ToolsOptions): Tools {
  const registry = new ToolRegistry(options.registry, options.transcriptReader, options.session !== undefined);
  const polls: PollMemory = new Map();
  return { terminal: terminalTool({ registry, options }), process: processTool({ registry, options, polls }) };
}
