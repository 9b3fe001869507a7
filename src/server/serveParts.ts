import type { GatewayParts, Listening, Log } from "../gateway/index.ts";
import type { System } from "../system/index.ts";
import { createServerApp } from "./app.ts";
import { Auth } from "./auth.ts";
import { DrainAuth } from "./drainAuth.ts";
import { FactHub } from "./factHub.ts";
import { isLoopback } from "./hosts.ts";
import { listen } from "./listen.ts";
import { mcpOverHttp } from "./mcp/lazily.ts";
import { answersProbes } from "./probes.ts";

/** The log hears of refused connections no more often than this. */
const refusalsSpacingMs = 60_000;

type Serving = { readonly auth: Auth; readonly listening: Listening };

/** Serves the parts of a gateway over HTTP, on their host and port or on the socket that was handed over. Throws PORT_TAKEN, CONFIG_INVALID. */
export async function serveParts(
  parts: GatewayParts,
  { system, home, log, version }: { readonly system: System; readonly home: string; readonly log: Log; readonly version: string },
): Promise<Serving> {
  const { registry, work, host, port, handed } = parts;
  const { clock, descriptors, random } = system;
  if (!isLoopback(host)) log.warn({ host }, "other machines can reach this address, without encryption; the token is all that guards it");
  const hub = new FactHub(clock.wallMs());
  let served = { host, port };
  const auth = new Auth({ token: parts.token, clock, random, port: () => served.port });
  const mcp = mcpOverHttp({ registry, clock, version, random, work, foregroundSeconds: parts.terminalTimeoutSeconds });
  // Waits and streams live on while running work is waited for; they end with the server.
  const closing = new AbortController();
  const app = createServerApp({
    mcp,
    registry,
    auth,
    hub,
    home,
    system,
    allowedHosts: parts.allowedHosts,
    log,
    version,
    status: parts.status,
    served: () => served,
    stopping: closing.signal,
    work,
    drain: parts.drain,
    drainAuth: new DrainAuth(parts.drainSecret, log),
    orders: parts.orders,
  });
  const unsubscribe = registry.onFact((fact) => hub.publish(fact));
  const onRefused = seldom(clock, (count) => log.warn({ count }, "connections were refused: there are too many"));
  // A socket that is bound to another address than the settings want now is not used.
  const fits = handed !== null && handed.host === host && (port === 0 || handed.port === port);
  // It is closed at once, because it keeps the port even when only the host is another.
  if (!fits) handed?.close();
  try {
    const probes = answersProbes({ status: parts.status, served: () => served, allowedHosts: parts.allowedHosts });
    const listening = await listen({ app, probes, host, port, clock, descriptors, onRefused, handed: fits ? handed : null });
    served = listening.served;
    const close = async (graceMs: number): Promise<void> => {
      unsubscribe();
      closing.abort();
      // Streams of MCP clients never end by themselves.
      void mcp.close().catch(() => {});
      await listening.close(graceMs);
    };
    return { auth, listening: { ...listening, close } };
  } catch (error) {
    unsubscribe();
    throw error;
  }
}

/** Tells of the first call at once, and of further calls together, once a minute. */
function seldom(clock: System["clock"], tell: (count: number) => void): () => void {
  let count = 0;
  let toldMs = Number.NEGATIVE_INFINITY;
  return () => {
    count += 1;
    if (clock.monotonicMs() - toldMs < refusalsSpacingMs) return;
    tell(count);
    count = 0;
    toldMs = clock.monotonicMs();
  };
}
