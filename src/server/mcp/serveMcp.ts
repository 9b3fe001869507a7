import type { Readable, Writable } from "node:stream";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { createMcpServer, type McpOptions } from "./mcpServer.ts";

/** See `serveMcp` of the room. */
export async function serveMcp(options: McpOptions, input: Readable, output: Writable): Promise<void> {
  const server = createMcpServer(options);
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const closed = server.onclose;
  server.onclose = () => {
    closed?.();
    resolve();
  };
  await server.connect(new StdioServerTransport(input, output));
  const leave = (): void => void server.close().catch(() => resolve());
  input.once("end", leave);
  input.once("close", leave);
  // The client does not read any more.
  output.once("error", leave);
  await over;
}
