import { createServer as createHttp } from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";
import nodeProcess from "node:process";
import { expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../../../test/setup/folders.ts";
import { nodeSockets } from "./sockets.ts";

const sockets = nodeSockets();

async function listening(server: Server, host: string): Promise<number> {
  await new Promise<void>((resolve, reject) => server.on("error", reject).listen(0, host, resolve));
  onTestFinished(() => new Promise<void>((resolve) => void server.close(() => resolve())));
  return (server.address() as AddressInfo).port;
}

test.runIf(nodeProcess.platform === "linux")("a listener is found by its port, and with who holds it", async () => {
  const port = await listening(createServer(), "127.0.0.1");
  const found = sockets.listeners(port);
  expect(found).toHaveLength(1);
  expect(sockets.holds(nodeProcess.pid, new Set(found))).toBe(true);
  expect(sockets.holds(nodeProcess.ppid, new Set(found))).toBe(false);
  expect(sockets.holds(4_000_000, new Set(found))).toBeNull();
});

test("a connection is taken where somebody listens, and refused where nobody does", async () => {
  const server = createServer((socket) => socket.on("error", () => {}));
  const port = await listening(server, "127.0.0.1");
  expect(await sockets.connects("127.0.0.1", port, 5000)).toBe(true);
  await new Promise<void>((resolve) => void server.close(() => resolve()));
  expect(sockets.listeners(port) ?? []).toEqual([]);
  expect(await sockets.connects("127.0.0.1", port, 5000)).toBe(false);
});

test("a status is read without the body; silence and refusals are none", async () => {
  const http = createHttp((request, response) => {
    if (request.url === "/silent") return;
    response.statusCode = 418;
    response.write("a body without an end");
  });
  const port = await listening(http, "127.0.0.1");
  expect(await sockets.httpStatus(`http://127.0.0.1:${port}/`, 5000)).toBe(418);
  expect(await sockets.httpStatus(`http://127.0.0.1:${port}/silent`, 50)).toBeNull();
  http.closeAllConnections();
  const gone = createServer();
  const free = await listening(gone, "127.0.0.1");
  await new Promise<void>((resolve) => void gone.close(() => resolve()));
  expect(await sockets.httpStatus(`http://127.0.0.1:${free}/`, 5000)).toBeNull();
});

test("a server on a unix socket is asked; silence, noise and nobody are no answer", async () => {
  const path = `${temporaryFolder()}/s`;
  const http = createHttp((request, response) => {
    if (request.url === "/silent") return;
    if (request.url === "/noise") return void response.end("{");
    let text = "";
    request.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    request.on("end", () => {
      response.statusCode = 409;
      response.end(JSON.stringify({ method: request.method, body: JSON.parse(text) as unknown }));
    });
  });
  expect(await sockets.askLocal(path, { method: "GET", path: "/" }, 5000)).toBeNull();
  await new Promise<void>((resolve) => http.listen(path, resolve));
  onTestFinished(() => new Promise<void>((resolve) => void http.close(() => resolve())));
  expect(await sockets.askLocal(path, { method: "POST", path: "/x", body: { a: 1 } }, 5000)).toEqual({
    status: 409,
    body: { method: "POST", body: { a: 1 } },
  });
  expect(await sockets.askLocal(path, { method: "GET", path: "/noise" }, 5000)).toBeNull();
  expect(await sockets.askLocal(path, { method: "GET", path: "/silent" }, 50)).toBeNull();
  http.closeAllConnections();
});
