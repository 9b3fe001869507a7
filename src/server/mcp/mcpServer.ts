import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import {
  CallToolRequestSchema,
  ListResourcesRequestSchema,
  ListResourceTemplatesRequestSchema,
  ListToolsRequestSchema,
  ReadResourceRequestSchema,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { createTools, type Tool, type ToolResult } from "../../agents/index.ts";
import { isHermaError } from "../../contract/index.ts";
import type { Work } from "../../gateway/index.ts";
import type { Registry } from "../../processes/index.ts";
import type { Clock } from "../../system/index.ts";
import { McpResources } from "./mcpResources.ts";

export type McpOptions = {
  readonly registry: Registry;
  readonly clock: Pick<Clock, "after" | "monotonicMs">;
  readonly version: string;
  /** Counts what is started, and refuses it while a gateway drains; absent where there is no gateway. */
  readonly work?: Pick<Work, "run">;
  /** Whose reading is remembered: one for each client's session. */
  readonly reader: string;
  /** Folder of commands that name none. */
  readonly cwd?: string;
  /** `tools.terminal_timeout_seconds` of herma.yaml. Default 180 s. */
  readonly foregroundSeconds?: number;
  /** Between two notifications of progress. Default 5,000 ms. */
  readonly progressMs?: number;
};

/** As text: what may be sent besides an answer. */
type Extra = {
  readonly signal: AbortSignal;
  readonly sendNotification: (notification: {
    method: "notifications/progress";
    params: { progressToken: string | number; progress: number; message: string };
  }) => Promise<void>;
};

const progressMsDefault = 5000;
const instructions =
  "terminal starts commands; process looks at them, waits, writes and ends them. They outlive this connection: after a reconnect process list has them, with output and ends.";

/** One client's server: the two tools, output as resources. Closing it ends waits; processes go on. */
export function createMcpServer(options: McpOptions): Server {
  const { registry, clock, version, reader, cwd, foregroundSeconds } = options;
  const server = new Server(
    { name: "herma", version },
    { capabilities: { tools: {}, resources: { subscribe: true, listChanged: true } }, instructions },
  );
  const tools = createTools({
    registry,
    clock,
    transcriptReader: reader,
    ownerKind: "mcp",
    ...(cwd === undefined ? {} : { cwd }),
    ...(foregroundSeconds === undefined ? {} : { foregroundSeconds }),
  });
  const known = new Map<string, Tool>([tools.terminal, tools.process].map((tool) => [tool.name, tool]));
  const answered = new Answered();

  server.setRequestHandler(ListToolsRequestSchema, () => ({
    tools: [...known.values()].map(({ name, description, inputSchema }) => ({
      name,
      description,
      inputSchema: { type: "object" as const, properties: { ...inputSchema.properties }, required: [...inputSchema.required] },
    })),
  }));
  server.setRequestHandler(CallToolRequestSchema, async (request, extra) => {
    answered.acknowledge();
    const { name, arguments: input, _meta: meta } = request.params;
    const tool = known.get(name);
    if (tool === undefined) return text({ error: `There is no tool ${JSON.stringify(name)}; use terminal or process.` }, true);
    const stop = tellProgress(options, extra as Extra, meta?.progressToken);
    try {
      const result = await runTool(options, tool, input, extra.signal);
      if (!extra.signal.aborted) answered.add(result);
      return text(result.content, result.failed);
    } finally {
      stop();
    }
  });

  const resources = new McpResources(registry, clock, {
    updated: (uri) => server.sendResourceUpdated({ uri }),
    listChanged: () => server.sendResourceListChanged(),
  });
  server.setRequestHandler(ListResourcesRequestSchema, () => ({ resources: resources.list() }));
  server.setRequestHandler(ListResourceTemplatesRequestSchema, () => ({ resourceTemplates: resources.templates() }));
  server.setRequestHandler(ReadResourceRequestSchema, (request) => ({ contents: [resources.read(request.params.uri)] }));
  server.setRequestHandler(SubscribeRequestSchema, (request) => {
    resources.subscribe(request.params.uri);
    return {};
  });
  server.setRequestHandler(UnsubscribeRequestSchema, (request) => {
    resources.unsubscribe(request.params.uri);
    return {};
  });
  server.onclose = () => resources.close();
  return server;
}

/**
 * The protocol does not tell when an answer has reached the client's transcript. That the client goes on to call something else after an answer was sent
 * is as near as it gets; what a connection that breaks has swallowed is then shown once more.
 */
class Answered {
  #results: ToolResult[] = [];

  add(result: ToolResult): void {
    this.#results.push(result);
  }

  acknowledge(): void {
    for (const result of this.#results) result.acknowledge();
    this.#results = [];
  }
}

function text(content: unknown, isError: boolean): { content: { type: "text"; text: string }[]; isError: boolean } {
  return { content: [{ type: "text", text: JSON.stringify(content) }], isError };
}

/** Starting something is work; looking, waiting and commands are not. A drain is told as any tool tells what it cannot do. */
async function runTool({ work }: McpOptions, tool: Tool, input: unknown, gone: AbortSignal): Promise<ToolResult> {
  if (work === undefined || tool.name !== "terminal") return await tool.run(input, { signal: gone });
  try {
    return await work.run("api", (cut) => tool.run(input, { signal: AbortSignal.any([gone, cut]) }));
  } catch (error) {
    if (!isHermaError(error, "GATEWAY_DRAINING")) throw error;
    return { content: { error: `${error.message}. ${error.hint}`, code: error.code }, failed: true, acknowledge: () => {} };
  }
}

/** Says that a call is still waiting, for clients that asked to be told: many give up on silence. Returns the end of it. */
function tellProgress({ clock, progressMs = progressMsDefault }: McpOptions, extra: Extra, token: string | number | undefined): () => void {
  if (token === undefined) return () => {};
  const startMs = clock.monotonicMs();
  const tick = (): void => {
    const seconds = Math.round(clock.monotonicMs() - startMs) / 1000;
    const params = { progressToken: token, progress: seconds, message: `waiting for ${Math.round(seconds)} s` };
    // A client that has gone is noticed by its connection.
    extra.sendNotification({ method: "notifications/progress", params }).catch(() => {});
    timer = clock.after(progressMs, tick);
  };
  let timer = clock.after(progressMs, tick);
  return () => timer.cancel();
}
