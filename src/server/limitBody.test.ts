import { request } from "node:http";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { Hono } from "hono";
import { expect, onTestFinished, test } from "vitest";
import { isHermaError } from "../contract/index.ts";
import { nodeSystem } from "../system/index.ts";
import { limitBody } from "./limitBody.ts";
import { listen } from "./listen.ts";

const { clock } = nodeSystem();
const bytesMax = 1000;

/** An application behind a real socket: what the HTTP adapter hands over is not what a test's own Request is. */
async function serve(): Promise<string> {
  const app = new Hono();
  app.use(limitBody(bytesMax));
  app.all("/echo", async (c) => c.json({ method: c.req.method, body: await c.req.text(), kind: c.req.header("content-type") ?? null }));
  app.onError((error, c) => c.json({ code: isHermaError(error) ? error.code : String(error) }, 413));
  const listening = await listen({ app, host: "127.0.0.1", port: 0, clock });
  onTestFinished(() => listening.close(0));
  return `${listening.address}/echo`;
}

type Asked = { readonly method: string; readonly headers?: Record<string, string>; readonly chunks?: readonly string[] };

/** Without a content-length in `headers` and with chunks, the body is sent in chunks of unannounced length. */
function ask(address: string, { method, headers = {}, chunks = [] }: Asked): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const sent = request(address, { method, agent: false, headers }, (response) => {
    let text = "";
    response.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    response.on("end", () => resolve(JSON.parse(text)));
    response.on("error", reject);
  });
  sent.on("error", reject);
  for (const chunk of chunks) sent.write(chunk);
  sent.end();
  return promise;
}

/** As `curl -X POST` sends it: neither a length nor an encoding. Resolves with the whole answer. */
async function askBare(address: string, method: string): Promise<string> {
  const { host, hostname, port, pathname } = new URL(address);
  const socket = connect(Number(port), hostname);
  socket.end(`${method} ${pathname} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  return await text(socket);
}

test.each(["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])("%s without a body, and with one of unannounced length", async (method) => {
  const address = await serve();
  expect(await askBare(address, method)).toMatch(new RegExp(`^HTTP/1.1 200 [^]*{"method":"${method}","body":"","kind":null}`));
  const chunked = { method, headers: { "transfer-encoding": "chunked", "content-type": "application/json" }, chunks: ['{"a":', '"ñ"}'] };
  expect(await ask(address, chunked)).toEqual({ method, body: '{"a":"ñ"}', kind: "application/json" });
});

test("the limit holds for announced and for unannounced lengths, to the byte", async () => {
  const address = await serve();
  const fits = "x".repeat(bytesMax);
  const lengthOf = (bytes: number): Record<string, string>[] => [{ "content-length": String(bytes) }, { "transfer-encoding": "chunked" }];
  for (const headers of lengthOf(bytesMax)) {
    expect(await ask(address, { method: "POST", headers, chunks: [fits] })).toMatchObject({ body: fits });
  }
  for (const headers of lengthOf(bytesMax + 1)) {
    expect(await ask(address, { method: "POST", headers, chunks: [fits, "x"] })).toEqual({ code: "BODY_TOO_LARGE" });
  }
});
