import type { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js";
import { isInitializeRequest, isJSONRPCRequest } from "@modelcontextprotocol/sdk/types.js";
import { createMcpServer, type McpOptions } from "./mcpServer.ts";

export type McpSessionsOptions = Omit<McpOptions, "reader"> & { readonly random: (bytes: number) => Uint8Array };

/** Clients at once; the one that was quiet for longest makes room. */
const sessionsMax = 64;
const sessionIdBytes = 24;

type Session = { readonly server: Server; readonly transport: WebStandardStreamableHTTPServerTransport };

/** Streamable HTTP: each client that introduces itself gets a session. A session ends with its client's DELETE, or with the gateway. */
export class McpSessions {
  readonly #options: McpSessionsOptions;
  /** In the order of their last use. */
  readonly #sessions = new Map<string, Session>();

  constructor(options: McpSessionsOptions) {
    this.#options = options;
  }

  /** Answers a request that may. */
  async handle(request: Request): Promise<Response> {
    const id = request.headers.get("mcp-session-id");
    if (id !== null) {
      const session = this.#sessions.get(id);
      // What the protocol wants of a session that is not known (any more): the client introduces itself again.
      if (session === undefined) return problem(404, -32_001, "Session not found");
      this.#sessions.delete(id);
      this.#sessions.set(id, session);
      if (request.method !== "POST") return await session.transport.handleRequest(request);
      const body = await bodyOf(request);
      if (body === notJson) return problem(400, -32_700, "Parse error");
      return releasing(await session.transport.handleRequest(request, { parsedBody: body }), session.transport, body);
    }
    if (request.method !== "POST")
      return problem(request.method === "GET" || request.method === "DELETE" ? 400 : 405, -32_000, "Mcp-Session-Id is missing");
    const body = await bodyOf(request);
    if (body === notJson) return problem(400, -32_700, "Parse error");
    if (!messagesIn(body).some((message) => isInitializeRequest(message))) return problem(400, -32_000, "Mcp-Session-Id is missing");
    const transport = await this.#open();
    return await transport.handleRequest(request, { parsedBody: body });
  }

  /** Ends every session: streams and waits with it, no process. */
  async close(): Promise<void> {
    const all = [...this.#sessions.values()];
    this.#sessions.clear();
    await Promise.allSettled(all.map(({ server }) => server.close()));
  }

  async #open(): Promise<WebStandardStreamableHTTPServerTransport> {
    const id = Buffer.from(this.#options.random(sessionIdBytes)).toString("base64url");
    const server = createMcpServer({ ...this.#options, reader: `mcp:${id.slice(0, 12)}` });
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => id,
      onsessioninitialized: () => {
        this.#sessions.set(id, { server, transport });
        this.#makeRoom();
      },
    });
    const closed = server.onclose;
    server.onclose = () => {
      this.#sessions.delete(id);
      closed?.();
    };
    await server.connect(transport);
    return transport;
  }

  #makeRoom(): void {
    for (const [id, { server }] of this.#sessions) {
      if (this.#sessions.size <= sessionsMax) return;
      this.#sessions.delete(id);
      server.close().catch(() => {});
    }
  }
}

const notJson = Symbol("not JSON");

async function bodyOf(request: Request): Promise<unknown> {
  try {
    return await request.json();
  } catch {
    return notJson;
  }
}

function messagesIn(body: unknown): unknown[] {
  return Array.isArray(body) ? body : [body];
}

/**
 * The answers to a request go over its response alone, and nobody can fetch them later. So when a client goes away in the middle, its calls are cancelled:
 * waits end, and output that nobody has got does not count as read.
 */
function releasing(response: Response, transport: WebStandardStreamableHTTPServerTransport, body: unknown): Response {
  const ids = messagesIn(body).flatMap((message) => (isJSONRPCRequest(message) ? [message.id] : []));
  if (response.body === null || ids.length === 0) return response;
  const reader = response.body.getReader();
  const stream = new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: async (reason) => {
      for (const requestId of ids)
        transport.onmessage?.({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId, reason: "the client has gone" } });
      await reader.cancel(reason);
    },
  });
  return new Response(stream, { status: response.status, headers: response.headers });
}

function problem(status: number, code: number, message: string): Response {
  return Response.json({ jsonrpc: "2.0", error: { code, message }, id: null }, { status });
}
