import { createServer as createHttp } from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";
import nodeProcess from "node:process";
import { expect, onTestFinished, test } from "vitest";
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
