import { Hono } from "hono";
import type { z } from "zod";
import { HermaError } from "../contract/index.ts";
import type { GatewayStatus, Log } from "../gateway/index.ts";
import type { Registry } from "../processes/index.ts";
import type { Clock } from "../system/index.ts";
import { type Auth, ticketMs } from "./auth.ts";
import { eventStream } from "./eventStream.ts";
import type { FactHub } from "./factHub.ts";
import { checkHost, type Served } from "./hosts.ts";
import { limitBody } from "./limitBody.ts";
import type { McpOverHttp } from "./mcp/lazily.ts";
import { firstPage, pagePolicy } from "./page.ts";
import { answerProblem } from "./problems.ts";
import { addProcessRoutes } from "./processRoutes.ts";
import { type LoginLink, routes } from "./routes.ts";

export const bodyBytesMax = 1_048_576;

export type ServerAppOptions = {
  readonly registry: Registry;
  readonly auth: Auth;
  readonly hub: FactHub;
  readonly clock: Pick<Clock, "after">;
  readonly log: Log;
  readonly version: string;
  readonly status: () => GatewayStatus;
  /** Where it listens, once it does. */
  readonly served: () => Served;
  readonly stopping: AbortSignal;
  /** Clients of the Model Context Protocol. Default: none are served. */
  readonly mcp?: Pick<McpOverHttp, "handle">;
};

/** The HTTP application: who may ask, what may be asked, and every failure as a problem of the catalogue. */
export function createServerApp(options: ServerAppOptions): Hono {
  const { registry, auth, hub, clock, log, version, status, stopping } = options;
  const app = new Hono();

  app.use(async (c, next) => {
    c.header("x-content-type-options", "nosniff");
    c.header("referrer-policy", "no-referrer");
    checkHost(c.req.header("host"), c.req.header("origin"), options.served());
    await next();
  });
  app.use(limitBody(bodyBytesMax));
  for (const path of ["/api/*", "/mcp"]) {
    app.use(path, async (c, next) => {
      if (!(await auth.allows(c))) throw new HermaError("UNAUTHORIZED", "the request carries no token, or a wrong one");
      c.header("cache-control", "no-store");
      await next();
    });
  }

  app.get(routes.health.path, (c) => c.json({ ok: true }));
  app.get(routes.ready.path, (c) => {
    const { phase } = status();
    const ready = phase === "running" || phase === "degraded";
    return c.json({ ready, phase }, ready ? 200 : 503);
  });
  app.post(routes.loginLink.path, (c) => {
    const link: z.infer<typeof LoginLink> = { url: auth.loginLink(status().address ?? ""), expires_in_seconds: ticketMs / 1000 };
    return c.json(link, 201);
  });
  addProcessRoutes(app, { registry, stopping });
  app.get(routes.events.path, (c) =>
    eventStream({
      hub,
      clock,
      stopping,
      lastEventId: c.req.header("last-event-id"),
      hello: { instance_id: status().instance_id, version },
    }),
  );
  const { mcp } = options;
  if (mcp !== undefined) app.all("/mcp", (c) => mcp.handle(c.req.raw));
  app.get("/login", async (c) => {
    await auth.login(c, c.req.query("ticket") ?? "");
    c.header("cache-control", "no-store");
    return c.redirect("/", 303);
  });
  app.get("/openapi.json", async (c) => {
    const { openApiDocument } = await import("./openApi.ts");
    return c.json(openApiDocument(version));
  });
  app.get("/", async (c) => {
    c.header("content-security-policy", pagePolicy);
    c.header("cache-control", "no-store");
    return c.html(firstPage(status(), (await auth.allows(c)) ? registry.list() : null));
  });

  app.notFound((c) => answerProblem(c, new HermaError("NOT_FOUND", `there is no ${c.req.method} ${new URL(c.req.url).pathname}`), log));
  app.onError((error, c) => answerProblem(c, error, log));
  return app;
}
