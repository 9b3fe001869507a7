import { createServer as createPlainServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Hono } from "hono";
import { HermaError } from "../contract/index.ts";
import type { HandedSocket, Listening } from "../gateway/index.ts";
import type { Clock, Descriptors } from "../system/index.ts";
import { Connections } from "./connections.ts";
import { bracketed, type Served } from "./hosts.ts";
import { warmUp } from "./warm.ts";
import { webListener } from "./webListener.ts";

/** A client that sends its headers slower than this, or none at all, is cut off. */
const headersTimeoutMs = 20_000;
/** A client that sends a whole request slower than this is cut off. */
const requestTimeoutMs = 60_000;
/** How often these two limits are checked. */
const slowLookMs = 5_000;
/** A connection whose client asks nothing more is closed after this. */
const keepAliveMs = 5_000;
/** After this time, a client that was told of the former sends nothing more on an idle connection. */
const goneIdleMs = keepAliveMs + 1_000;
/** Most connections at once. When there are more, idle ones are closed to make room. */
const connectionsMaxDefault = 1_024;
/** This many more are accepted for a moment, until it is known which connections are idle. */
const connectionsSpare = 256;

type Probes = (incoming: IncomingMessage, outgoing: ServerResponse) => boolean;

/** Serves an application. Throws PORT_TAKEN, or CONFIG_INVALID when the host is not an address of this machine. */
export async function listen(options: {
  readonly app: Hono;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly clock: Pick<Clock, "after" | "monotonicMs">;
  /** Answers what it can before the application is asked, and says whether it did. Default: nothing. */
  readonly probes?: Probes;
  /** Default 1,024. */
  readonly connectionsMax?: number;
  /** A listening socket that is used instead of a new one; closed with the server. */
  readonly handed?: Pick<HandedSocket, "take"> | null;
  /** Passes descriptors to a new gateway. Default: none are passed. */
  readonly descriptors?: Pick<Descriptors, "pass">;
  /** Told of each connection that was refused because there are too many. */
  readonly onRefused?: () => void;
}): Promise<Listening & { readonly served: Served }> {
  const { app, host, port, clock, connectionsMax = connectionsMaxDefault, onRefused = () => {} } = options;
  refuseNoHost(host);
  const server = createServer(app, options.probes);
  server.maxConnections = connectionsMax + connectionsSpare;
  server.on("drop", onRefused);
  const connections = new Connections(server, connectionsMax, clock);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(refused(error, host, port)));
    const fd = options.handed?.take() ?? null;
    if (fd === null) server.listen(port, host, resolve);
    else server.listen({ fd }, resolve);
  });
  const bound = server.address();
  const served = { host, port: typeof bound === "object" && bound !== null ? bound.port : port };
  let passed = false;
  return {
    served,
    warmUp: (what) => warmUp(server, served, clock, what),
    host,
    port: served.port,
    address: `http://${bracketed(host)}:${served.port}`,
    pass: (place) => {
      const fd = descriptorOf(server);
      const done = fd !== null && options.descriptors?.pass(place, fd) === true;
      passed ||= done;
      // The new gateway takes over within moments. The sooner clients are told to reconnect, the sooner all have left.
      if (done) connections.farewell();
      return done;
    },
    leave: async () => {
      if (!passed) return;
      const { promise: late, resolve } = Promise.withResolvers<void>();
      const timer = clock.after(goneIdleMs, resolve);
      await Promise.race([connections.calm(), late]).finally(() => timer.cancel());
    },
    close: (graceMs) =>
      new Promise((resolve) => {
        const timer = clock.after(passed ? Math.max(graceMs, goneIdleMs) : graceMs, () => connections.cut());
        // Node.js would close idle connections at once, also one on which a request is just arriving.
        if (passed) server.closeIdleConnections = () => {};
        server.close(() => {
          timer.cancel();
          resolve();
        });
        if (!passed) connections.leave();
        else connections.leaveGently(goneIdleMs, clock);
      }),
  };
}

/** Serves an application nowhere yet. */
export function createServer(app: Pick<Hono, "fetch">, probes: Probes = () => false): Server {
  const web = webListener(app);
  const times = {
    headersTimeout: headersTimeoutMs,
    requestTimeout: requestTimeoutMs,
    connectionsCheckingInterval: slowLookMs,
    keepAliveTimeout: keepAliveMs,
  };
  return createPlainServer(times, (incoming, outgoing) => {
    if (!probes(incoming, outgoing)) web(incoming, outgoing);
  });
}

/** Finds out what would keep {@link listen} from listening there, by doing so for a moment. Throws what that would throw. */
export async function tryListening(host: string, port: number): Promise<void> {
  refuseNoHost(host);
  const server = createPlainServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(refused(error, host, port)));
    server.listen(port, host, resolve);
  });
  await new Promise<void>((resolve) => server.close(() => resolve()));
}

/** To the system, no host is every address of the machine. What was meant is a variable that is not set. */
function refuseNoHost(host: string): void {
  if (host.trim() !== "") return;
  throw new HermaError("CONFIG_INVALID", "the host to listen on is empty", {
    hint: "Name an address, such as 127.0.0.1; every address of this machine is 0.0.0.0 or ::.",
  });
}

/** The descriptor of a listening server, by an internal property of Node.js; null when a later version has no such property. */
function descriptorOf(server: Server): number | null {
  const { _handle: handle } = server as unknown as { readonly _handle?: { readonly fd?: unknown } | null };
  return typeof handle?.fd === "number" && handle.fd >= 0 ? handle.fd : null;
}

function refused(error: NodeJS.ErrnoException, host: string, port: number): HermaError {
  if (error.code === "EADDRINUSE")
    return new HermaError("PORT_TAKEN", `port ${port} of ${host} is in use by another program`, { cause: error });
  if (error.code === "EACCES")
    return new HermaError("PORT_TAKEN", `port ${port} of ${host} may not be used by this user`, {
      cause: error,
      hint: "Ports below 1024 are mostly root's. Choose another with --port, or gateway.port of herma.yaml.",
    });
  return new HermaError("CONFIG_INVALID", `cannot listen on ${host}:${port}: ${error.message}`, {
    cause: error,
    hint: "--host, or gateway.host of herma.yaml, must be an address of this machine.",
  });
}
