import { Hono } from "hono";
import { HermaError } from "../contract/index.ts";
import type { Log } from "../gateway/index.ts";
import type { Auth } from "./auth.ts";
import { checkHost, type Served } from "./hosts.ts";
import { limitBody } from "./limitBody.ts";
import { plainHeaders } from "./probes.ts";
import { answerProblem } from "./problems.ts";
import { routes } from "./routes.ts";

export const bodyBytesMax = 1_048_576;

/** What only its owner may ask; the rest is for everybody who reaches the server. */
const guardedPaths = ["/api/*", "/mcp", routes.metrics.path];

export type ShellOptions = {
  readonly auth: Pick<Auth, "allows">;
  readonly log: Log;
  /** Where it listens, once it does. */
  readonly served: () => Served;
  /** Host names under which it may be reached besides its address (`gateway.allowed_hosts`). */
  readonly allowedHosts?: readonly string[];
};

/**
 * What every server of ours has around its routes: authentication, the check of Host and Origin, the limit of body sizes, `/healthz`, and failures as
 * problem documents.
 */
export function createShell({ auth, log, served, allowedHosts = [] }: ShellOptions): Hono {
  const app = new Hono();
  app.use(async (c, next) => {
    for (const [name, value] of Object.entries(plainHeaders)) c.header(name, value);
    checkHost(c.req.header("host"), c.req.header("origin"), served(), allowedHosts);
    await next();
    // Nobody will read it: without a word of that, a stream would stand ready for its reader as long as the server lives.
    if (c.req.method === "HEAD") await c.res.body?.cancel();
  });
  for (const path of guardedPaths) {
    app.use(path, async (c, next) => {
      if (!(await auth.allows(c))) throw new HermaError("UNAUTHORIZED", "the request carries no token, or a wrong one");
      c.header("cache-control", "no-store");
      await next();
    });
  }
  // After the check of the token, so that bodies of strangers are not even read.
  app.use(limitBody(bodyBytesMax));
  app.get(routes.health.path, (c) => c.json({ ok: true }));
  app.notFound((c) => answerProblem(c, new HermaError("NOT_FOUND", `there is no ${c.req.method} ${new URL(c.req.url).pathname}`), log));
  app.onError((error, c) => answerProblem(c, error, log));
  return app;
}

/** `/login`: a link that works once logs a browser in. */
export function addLogin(app: Hono, auth: Pick<Auth, "login">): void {
  app.get("/login", async (c) => {
    c.header("cache-control", "no-store");
    // Whoever only looks where a link leads (a preview, say) does not use it up.
    if (c.req.method === "HEAD") return c.body(null);
    await auth.login(c, c.req.query("ticket") ?? "");
    return c.redirect("/", 303);
  });
}
