import type { IncomingMessage, ServerResponse } from "node:http";
import { createAdaptorServer, type ServerType } from "@hono/node-server";
import type { Hono } from "hono";
import { HermaError } from "../contract/index.ts";
import type { Listening } from "../gateway/index.ts";
import type { Clock } from "../system/index.ts";
import { bracketed, type Served } from "./hosts.ts";

type Socket = IncomingMessage["socket"];

/** A client that sends its headers slower than this is cut off. */
const headersTimeoutMs = 20_000;
const connectionsMax = 1_024;

/** Serves an application. Throws PORT_TAKEN, or CONFIG_INVALID when the host is not an address of this machine. */
export async function listen(options: {
  readonly app: Hono;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly clock: Pick<Clock, "after">;
}): Promise<Listening & { readonly served: Served }> {
  const { app, host, port, clock } = options;
  const server = createAdaptorServer({
    fetch: app.fetch,
    overrideGlobalObjects: false,
    serverOptions: { headersTimeout: headersTimeoutMs },
  });
  server.maxConnections = connectionsMax;
  const connections = watchConnections(server);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(refused(error, host, port)));
    server.listen(port, host, resolve);
  });
  const bound = server.address();
  const served = { host, port: typeof bound === "object" && bound !== null ? bound.port : port };
  return {
    served,
    address: `http://${bracketed(host)}:${served.port}`,
    close: (graceMs) =>
      new Promise((resolve) => {
        const timer = clock.after(graceMs, () => {
          for (const socket of connections.all()) socket.destroy();
        });
        server.close(() => {
          timer.cancel();
          resolve();
        });
        connections.leave();
      }),
  };
}

/**
 * Knows which connections have an answer under way. Node's own list counts a connection that was opened and never used as busy, and keeps one
 * whose answer ends after the server was closed: both would hold up a shutdown.
 */
function watchConnections(server: ServerType): { all(): Iterable<Socket>; leave(): void } {
  const underWay = new Map<Socket, number>();
  let leaving = false;
  server.on("connection", (socket: Socket) => {
    underWay.set(socket, 0);
    socket.once("close", () => underWay.delete(socket));
  });
  server.on("request", (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const { socket } = incoming;
    underWay.set(socket, (underWay.get(socket) ?? 0) + 1);
    outgoing.once("close", () => {
      const left = (underWay.get(socket) ?? 1) - 1;
      if (underWay.has(socket)) underWay.set(socket, left);
      // What was written still goes out.
      if (leaving && left === 0) socket.destroySoon();
    });
  });
  return {
    all: () => underWay.keys(),
    leave: () => {
      leaving = true;
      for (const [socket, count] of underWay) if (count === 0) socket.destroy();
    },
  };
}

function refused(error: NodeJS.ErrnoException, host: string, port: number): HermaError {
  if (error.code === "EADDRINUSE")
    return new HermaError("PORT_TAKEN", `port ${port} of ${host} is in use by another program`, { cause: error });
  if (error.code === "EACCES")
    return new HermaError("PORT_TAKEN", `port ${port} of ${host} may not be used by this user`, { cause: error });
  return new HermaError("CONFIG_INVALID", `cannot listen on ${host}:${port}: ${error.message}`, { cause: error });
}
