import { expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../../../test/setup/folders.ts";
import { deadline } from "../../../test/setup/waiting.ts";
import { Work } from "../../gateway/index.ts";
import { openRegistry } from "../../processes/index.ts";
import { nodeSystem } from "../../system/index.ts";
import { mcpOverHttp } from "./lazily.ts";

const system = nodeSystem();
const url = "http://127.0.0.1/mcp";
const headers = { "content-type": "application/json", accept: "application/json, text/event-stream" };
const introduction = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "test", version: "1" } },
};

function open(work?: Work) {
  const registry = openRegistry({ home: temporaryFolder(), system, clientName: "test" });
  const mcp = mcpOverHttp({ registry, clock: system.clock, version: "1", random: system.random, ...(work === undefined ? {} : { work }) });
  onTestFinished(async () => {
    await mcp.close();
    await registry.keeper.stop();
    await registry[Symbol.asyncDispose]();
  });
  const post = (body: unknown, more: Record<string, string> = {}): Promise<Response> =>
    mcp.handle(
      new Request(url, { method: "POST", headers: { ...headers, ...more }, body: typeof body === "string" ? body : JSON.stringify(body) }),
    );
  const introduce = async (): Promise<string> => {
    const response = await post(introduction);
    expect(response.status).toBe(200);
    await response.text();
    return response.headers.get("mcp-session-id") ?? "";
  };
  return { mcp, post, introduce, registry };
}

test("a client that has not sent `initialize` gets no session, and nothing is kept for it", async () => {
  const { mcp, post } = open();
  expect((await post({ jsonrpc: "2.0", id: 1, method: "tools/list" })).status).toBe(400);
  expect((await post([])).status).toBe(400);
  expect((await post(null)).status).toBe(400);
  expect((await mcp.handle(new Request(url))).status).toBe(400);
  expect((await mcp.handle(new Request(url, { method: "PUT" }))).status).toBe(405);
  const noise = await post("{");
  expect([noise.status, await noise.json()]).toMatchObject([400, { error: { code: -32_700 } }]);
  expect((await post(introduction, { "mcp-session-id": "made-up" })).status).toBe(404);
});

test("a session ends when its client asks for that, or to make room when there are too many", async () => {
  const { mcp, post, introduce } = open();
  const first = await introduce();
  const second = await introduce();
  const listed = await post({ jsonrpc: "2.0", id: 2, method: "tools/list" }, { "mcp-session-id": first });
  expect(await listed.text()).toContain('"terminal"');
  const gone = await mcp.handle(new Request(url, { method: "DELETE", headers: { ...headers, "mcp-session-id": second } }));
  expect(gone.status).toBe(200);
  expect((await post({ jsonrpc: "2.0", id: 3, method: "ping" }, { "mcp-session-id": second })).status).toBe(404);
  for (let count = 0; count < 64; count += 1) await introduce();
  expect((await post({ jsonrpc: "2.0", id: 4, method: "ping" }, { "mcp-session-id": first })).status).toBe(404);
});

test("[D9] while a gateway drains the terminal tool says so in words, and looking works", async () => {
  const work = new Work();
  const { post, introduce } = open(work);
  const session = { "mcp-session-id": await introduce() };
  work.close("external");
  const call = async (name: string, input: object): Promise<{ isError?: boolean; content: { text: string }[] }> => {
    const answer = await post({ jsonrpc: "2.0", id: 5, method: "tools/call", params: { name, arguments: input } }, session);
    const line = /^data: (.*)$/m.exec(await answer.text())?.[1] ?? "{}";
    return (JSON.parse(line) as { result: { isError?: boolean; content: { text: string }[] } }).result;
  };
  const refused = await call("terminal", { command: "true" });
  expect(refused.isError).toBe(true);
  expect(JSON.parse(refused.content[0]?.text ?? "")).toMatchObject({ error: expect.stringMatching(/draining/), code: "GATEWAY_DRAINING" });
  expect(JSON.parse((await call("process", { action: "list" })).content[0]?.text ?? "")).toEqual({ processes: [] });
  expect(work.active).toBe(0);
});

test("closing ends the streams, and no client gets a session any more", async () => {
  const { mcp, introduce, post } = open();
  const id = await introduce();
  const stream = await mcp.handle(new Request(url, { headers: { accept: "text/event-stream", "mcp-session-id": id } }));
  expect(stream.status).toBe(200);
  const read = stream.text();
  await mcp.close();
  await read;
  expect((await post(introduction)).status).toBe(503);
});

test("a client that goes away in a call releases its wait, and what it did not get comes again", async () => {
  const { post, introduce, registry } = open();
  const id = await introduce();
  const call = async (input: object): Promise<Response> =>
    await post(
      { jsonrpc: "2.0", id: 7, method: "tools/call", params: { name: "process", arguments: input } },
      { "mcp-session-id": id, "mcp-protocol-version": "2025-06-18" },
    );
  const running = await registry.start({ command: "echo one; read line; echo two", stdin: "pipe", owner: { kind: "mcp" } });
  await deadline(registry.wait({ ids: [running.id], until: { match: "one" } }), 30_000, "it has begun");
  const waiting = await call({ action: "wait", session_id: running.id, timeout: 200 });
  await waiting.body?.cancel();
  await registry.write(running.id, { data: "\n" });
  await deadline(registry.wait({ ids: [running.id] }), 30_000, "its end");
  // Calls tell that the answers before them have arrived.
  for (let count = 0; count < 3; count += 1) await (await call({ action: "list" })).text();
  const polled = await (await call({ action: "poll", session_id: running.id })).text();
  expect(polled).toContain("one\\\\ntwo\\\\n");
});
