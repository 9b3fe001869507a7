import type { Readable, Writable } from "node:stream";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { HermaError } from "../../contract/index.ts";
import { createMcpServer, type McpOptions } from "./mcpServer.ts";

/** See `serveMcp` of the room. Throws BODY_TOO_LARGE: the library ends the connection at a message of more than 10 MiB, without a word. */
export async function serveMcp(options: McpOptions, input: Readable, output: Writable): Promise<void> {
  const server = createMcpServer(options);
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const closed = server.onclose;
  server.onclose = () => {
    closed?.();
    resolve();
  };
  await server.connect(new StdioServerTransport(input, output));
  let left = false;
  const leave = (): void => {
    left = true;
    server.close().catch(() => resolve());
  };
  input.once("end", leave);
  input.once("close", leave);
  // The client does not read any more.
  output.once("error", leave);
  await over;
  if (!left) throw new HermaError("BODY_TOO_LARGE", "the client sent a message of more than 10 MiB, so the connection has ended");
}
