import type { Hono } from "hono";
import type { z } from "zod";
import type { DrainControl, GatewayStatus, Log, Orders, Work } from "../gateway/index.ts";
import type { Registry } from "../processes/index.ts";
import type { System } from "../system/index.ts";
import { type Auth, ticketMs } from "./auth.ts";
import type { DrainAuth } from "./drainAuth.ts";
import { addDrainRoutes } from "./drainRoutes.ts";
import { eventStream } from "./eventStream.ts";
import type { FactHub } from "./factHub.ts";
import { addHealthRoutes } from "./healthRoutes.ts";
import type { Served } from "./hosts.ts";
import type { McpOverHttp } from "./mcp/lazily.ts";
import { addOrderRoutes } from "./orderRoutes.ts";
import { firstPage, pagePolicy } from "./page.ts";
import { readiness } from "./probes.ts";
import { addProcessRoutes } from "./processRoutes.ts";
import { addReference } from "./reference.ts";
import { type LoginLink, routes } from "./routes.ts";
import { addLogin, createShell } from "./shell.ts";

export type ServerAppOptions = {
  readonly home: string;
  readonly system: Pick<System, "clock" | "files" | "locks" | "processes">;
  readonly registry: Registry;
  readonly auth: Auth;
  readonly hub: FactHub;
  readonly log: Log;
  readonly version: string;
  readonly status: () => GatewayStatus;
  /** Where it listens, once it does. */
  readonly served: () => Served;
  /** Names it is reached by besides its address. */
  readonly allowedHosts?: readonly string[];
  /** Aborted when the server closes: whatever waits should answer now. */
  readonly stopping: AbortSignal;
  /** Counts what is done for somebody, and refuses it while the gateway drains. */
  readonly work: Pick<Work, "run">;
  readonly drain: DrainControl;
  readonly drainAuth: Pick<DrainAuth, "allows">;
  /** Takes orders to stop and to restart. */
  readonly orders: Pick<Orders, "give">;
  /** Clients of the Model Context Protocol. Default: none are served. */
  readonly mcp?: Pick<McpOverHttp, "handle">;
};

/** The HTTP application: who may ask, what may be asked, and every failure as a problem of the catalogue. */
export function createServerApp(options: ServerAppOptions): Hono {
  const { home, system, registry, auth, hub, log, version, status, stopping } = options;
  const { work, drain, drainAuth } = options;
  const app = createShell({
    auth: { allows: async (c) => (await auth.allows(c)) || (await drainAuth.allows(c)) },
    log,
    served: options.served,
    ...(options.allowedHosts === undefined ? {} : { allowedHosts: options.allowedHosts }),
  });

  app.get(routes.ready.path, (c) => {
    const { body, status: code } = readiness(status());
    return c.json(body, code);
  });
  app.post(routes.loginLink.path, (c) => {
    const link: z.infer<typeof LoginLink> = { url: auth.loginLink(status().address ?? ""), expires_in_seconds: ticketMs / 1000 };
    return c.json(link, 201);
  });
  addHealthRoutes(app, { home, system, version, registry }, { program: "gateway" });
  addDrainRoutes(app, { drain, clock: system.clock, isOwner: (c) => auth.allows(c), stopping });
  addProcessRoutes(app, { registry, work, stopping });
  addOrderRoutes(app, options.orders, { source: "http", by: "HTTP" });
  app.get(routes.events.path, (c) =>
    eventStream({
      hub,
      clock: system.clock,
      stopping,
      lastEventId: c.req.header("last-event-id"),
      hello: { instance_id: status().instance_id, version },
    }),
  );
  const { mcp } = options;
  if (mcp !== undefined) app.all("/mcp", (c) => mcp.handle(c.req.raw));
  addLogin(app, auth);
  addReference(app, { version, routes });
  app.get("/", async (c) => {
    c.header("content-security-policy", pagePolicy);
    c.header("cache-control", "no-store");
    return c.html(firstPage(status(), (await auth.allows(c)) ? registry.list() : null));
  });

  return app;
}
