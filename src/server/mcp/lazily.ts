import type { Readable, Writable } from "node:stream";
import type { McpOptions } from "./mcpServer.ts";
import type { McpSessionsOptions } from "./mcpSessions.ts";

// The protocol's library is loaded for the first client: gateways without one do without it.

/** Serves one client over a pair of streams, until its end closes. Waits end with it; processes go on. */
export async function serveMcp(options: McpOptions, input: Readable, output: Writable): Promise<void> {
  const served = await import("./serveMcp.ts");
  await served.serveMcp(options, input, output);
}

export type McpOverHttp = {
  /** Answers a request that may. */
  handle(request: Request): Promise<Response>;
  /** Ends every session. */
  close(): Promise<void>;
};

/** Streamable HTTP for any number of clients, from the first request on. */
export function mcpOverHttp(options: McpSessionsOptions): McpOverHttp {
  let sessions: Promise<McpOverHttp> | null = null;
  let closed = false;
  return {
    async handle(request) {
      if (closed) return new Response(null, { status: 503 });
      sessions ??= import("./mcpSessions.ts").then(({ McpSessions }) => new McpSessions(options));
      return await (await sessions).handle(request);
    },
    async close() {
      closed = true;
      await (await sessions)?.close();
    },
  };
}
