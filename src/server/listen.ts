import { createAdaptorServer } from "@hono/node-server";
import type { Hono } from "hono";
import { HermaError } from "../contract/index.ts";
import type { Listening } from "../gateway/index.ts";
import type { Clock } from "../system/index.ts";
import { bracketed, type Served } from "./hosts.ts";

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
          if ("closeAllConnections" in server) server.closeAllConnections();
        });
        server.close(() => {
          timer.cancel();
          resolve();
        });
        if ("closeIdleConnections" in server) server.closeIdleConnections();
      }),
  };
}

function refused(error: NodeJS.ErrnoException, host: string, port: number): HermaError {
  if (error.code === "EADDRINUSE")
    return new HermaError("PORT_TAKEN", `port ${port} of ${host} is in use by another program`, { cause: error });
  if (error.code === "EACCES")
    return new HermaError("PORT_TAKEN", `port ${port} of ${host} may not be used by this user`, { cause: error });
  return new HermaError("CONFIG_INVALID", `cannot listen on ${host}:${port}: ${error.message}`, { cause: error });
}
