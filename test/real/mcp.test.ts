import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import nodeProcess from "node:process";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { ResourceListChangedNotificationSchema, ResourceUpdatedNotificationSchema } from "@modelcontextprotocol/sdk/types.js";
import { expect, onTestFinished, test } from "vitest";
import { deadline, until } from "../setup/waiting.ts";
import { herma, makeHome } from "./home.ts";

type Told = { readonly json: Record<string, unknown>; readonly failed: boolean };
type Open = { readonly client: Client; call(name: string, input: object, options?: Parameters<Client["callTool"]>[2]): Promise<Told> };

async function connect(transport: Transport): Promise<Open> {
  const client = new Client({ name: "test", version: "1" });
  await deadline(client.connect(transport), 30_000, "the client connects");
  onTestFinished(() => client.close());
  return {
    client,
    call: async (name, input, options) => {
      const result = await client.callTool({ name, arguments: { ...input } }, undefined, options);
      const [part] = result.content as { type: string; text: string }[];
      return { json: JSON.parse(part?.text ?? "null") as Record<string, unknown>, failed: result.isError === true };
    },
  };
}

const overStdio = (home: string): Promise<Open> =>
  connect(new StdioClientTransport({ command: herma, args: ["mcp"], env: { ...variables(), HERMA_HOME: home }, stderr: "inherit" }));

function variables(): Record<string, string> {
  return Object.fromEntries(Object.entries(nodeProcess.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

type Gateway = { readonly child: ChildProcess; readonly address: string; readonly token: string; stop(): Promise<void> };

async function startGateway(home: string): Promise<Gateway> {
  const child = spawn(herma, ["gateway", "run", "--home", home, "--port", "0"], {
    stdio: ["ignore", "pipe", "inherit"],
    env: nodeProcess.env,
  });
  const closed = new Promise<void>((done) => child.once("close", () => done()));
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await closed;
  });
  let stdout = "";
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  const address = await until("the gateway is ready", () => /^READY (http:\S+)$/m.exec(stdout)?.[1], { deadlineMs: 30_000 });
  const token = readFileSync(join(home, "token"), "utf8").trim();
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    await deadline(closed, 30_000, "the gateway stops");
  };
  return { child, address, token, stop };
}

const overHttp = (gateway: Gateway, token = gateway.token): Promise<Open> =>
  connect(
    new StreamableHTTPClientTransport(new URL(`${gateway.address}/mcp`), {
      requestInit: { headers: { authorization: `Bearer ${token}` } },
    }),
  );

test("over stdio: tools, progress, cancellation, and processes that outlive the client", async () => {
  const home = makeHome();
  const first = await overStdio(home.home);
  expect((await first.client.listTools()).tools.map((tool) => tool.name)).toEqual(["terminal", "process"]);
  expect(await first.call("terminal", { command: "echo hello; exit 3" })).toMatchObject({
    failed: false,
    json: { output: "hello\n", exit_code: 3 },
  });
  expect(await first.call("terminal", { cmd: "x" })).toMatchObject({
    failed: true,
    json: { error: expect.stringContaining("use command") },
  });

  const { json } = await first.call("terminal", {
    command: "echo before; read line; echo got $line",
    background: true,
    stdin: "pipe",
    name: "reader",
  });
  const id = json.session_id as string;
  const cancel = new AbortController();
  const progress = Promise.withResolvers<number>();
  const waiting = first.call(
    "process",
    { action: "wait", session_id: "reader", timeout: 120 },
    { signal: cancel.signal, onprogress: ({ progress: seconds }) => progress.resolve(seconds) },
  );
  expect(await deadline(progress.promise, 30_000, "progress")).toBeGreaterThan(0);
  cancel.abort();
  await expect(waiting).rejects.toThrow();
  // Cancelled means released: nothing of its output counts as read.
  expect((await first.call("process", { action: "poll", session_id: "reader" })).json).toMatchObject({ output_preview: "before\n" });
  await first.client.close();

  const second = await overStdio(home.home);
  expect((await second.call("process", { action: "list" })).json).toMatchObject({
    processes: [
      { session_id: id, name: "reader", status: "running" },
      { status: "exited", exit_code: 3 },
    ],
  });
  await second.call("process", { action: "submit", session_id: id, data: "you" });
  const ended = await second.call("process", { action: "wait", session_id: id, timeout: 60 });
  expect(ended.json).toMatchObject({ status: "exited", exit_code: 0, output: "before\ngot you\n" });
});

test("output is a resource: listed, read, subscribed to", async () => {
  const home = makeHome();
  const { client, call } = await overStdio(home.home);
  const { json } = await call("terminal", { command: "read line; echo got $line; read line", background: true, stdin: "pipe" });
  const id = json.session_id as string;
  const uri = `herma://processes/${id}/output`;
  expect((await client.listResources()).resources).toMatchObject([{ uri, mimeType: "text/plain" }]);
  expect((await client.listResourceTemplates()).resourceTemplates).toMatchObject([{ uriTemplate: "herma://processes/{id}/output" }]);
  const updates: string[] = [];
  const lists: number[] = [];
  client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => void updates.push(params.uri));
  client.setNotificationHandler(ResourceListChangedNotificationSchema, () => void lists.push(1));
  await client.subscribeResource({ uri });
  await call("process", { action: "submit", session_id: id, data: "you" });
  await until("the subscriber is told", () => updates.length > 0);
  expect(new Set(updates)).toEqual(new Set([uri]));
  expect((await client.readResource({ uri })).contents).toMatchObject([{ uri, mimeType: "text/plain", text: "got you\n" }]);
  await call("process", { action: "kill", session_id: id });
  await until("the list has changed", () => lists.length > 0);
  await client.unsubscribeResource({ uri });
  await expect(client.readResource({ uri: "herma://processes/proc_ffffffffffff/output" })).rejects.toThrow(/there is no process/);
  await expect(client.readResource({ uri: "herma://processes/..%2F..%2Fetc/output" })).rejects.toThrow();
  await expect(client.readResource({ uri: "file:///etc/passwd" })).rejects.toThrow(/no herma:/);
});

test("over HTTP: the gateway's token, sessions, and a restart that loses nothing", async () => {
  const home = makeHome();
  const before = await startGateway(home.home);
  await expect(overHttp(before, "wrong")).rejects.toThrow();
  const nobody = await fetch(`${before.address}/mcp`, { method: "POST", body: "{}" });
  expect(nobody.status).toBe(401);
  const asked = await fetch(`${before.address}/mcp`, {
    method: "POST",
    headers: { authorization: `Bearer ${before.token}`, "content-type": "application/json", "mcp-session-id": "unknown" },
    body: "{}",
  });
  expect(asked.status).toBe(404);

  const first = await overHttp(before);
  const { json } = await first.call("terminal", { command: "echo one; read line; echo two; exit 7", background: true, stdin: "pipe" });
  const id = json.session_id as string;
  await until("its output is there", async () =>
    ((await first.call("process", { action: "log", session_id: id })).json.output as string).includes("one"),
  );
  // A wait under way does not hold up the shutdown.
  const waiting = first.call("process", { action: "wait", session_id: id, timeout: 200 }).catch(() => null);
  await before.stop();
  await waiting;
  await first.client.close().catch(() => {});

  const after = await startGateway(home.home);
  const second = await overHttp(after);
  expect((await second.call("process", { action: "list" })).json).toMatchObject({
    processes: [{ session_id: id, status: "running", output_preview: "one\n" }],
  });
  await second.call("process", { action: "submit", session_id: id });
  expect((await second.call("process", { action: "wait", session_id: id, timeout: 60 })).json).toMatchObject({
    status: "exited",
    exit_code: 7,
    output: "one\ntwo\n",
  });
  await after.stop();
});

test("[compat 17] herma.yaml says how long a foreground command has, over stdio as at the gateway", async () => {
  const { home } = makeHome();
  writeFileSync(join(home, "herma.yaml"), "tools:\n  terminal_timeout_seconds: 1\n", { mode: 0o600 });
  const gateway = await startGateway(home);
  for (const { client, call } of [await overStdio(home), await overHttp(gateway)]) {
    const { tools } = await client.listTools();
    expect(JSON.stringify(tools.find(({ name }) => name === "terminal")?.inputSchema)).toContain("default 1, at most 600");
    expect((await call("terminal", { command: "exec sleep 300" })).json).toMatchObject({
      exit_code: 124,
      error: "Command timed out after 1 seconds and was killed.",
    });
  }
});
