import { createServer } from "node:http";
import { Hono } from "hono";
import { GatewayHandover, HermaError } from "../contract/index.ts";
import type { ControlParts } from "../gateway/index.ts";
import { addDrainRoutes } from "./drainRoutes.ts";
import { bodyOf } from "./input.ts";
import { limitBody } from "./limitBody.ts";
import { addOrderRoutes } from "./orderRoutes.ts";
import { answerProblem } from "./problems.ts";
import { webListener } from "./webListener.ts";

const bodyBytesMax = 16_384;

/**
 * The gateway's own socket (spec lifecycle, stop and takeover). Whoever can open it is its owner: the socket is 0600, its folder 0700; so nothing
 * else is asked for. Throws IO.
 */
export async function serveControl(parts: ControlParts): Promise<() => Promise<void>> {
  const { path, log, orders, drain, clock } = parts;
  const closing = new AbortController();
  const app = new Hono();
  app.use(limitBody(bodyBytesMax));
  addOrderRoutes(app, orders, { source: "control", by: "its socket" });
  addDrainRoutes(app, { drain, clock, isOwner: async () => true, stopping: closing.signal });
  app.post("/api/gateway/handover", async (c) => c.json(parts.passListening((await bodyOf(c, GatewayHandover)).place)));
  app.notFound((c) => answerProblem(c, new HermaError("NOT_FOUND", `there is no ${c.req.method} ${c.req.path} here`), log));
  app.onError((error, c) => answerProblem(c, error, log));
  const server = createServer(webListener(app));
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(new HermaError("IO", `cannot listen on ${path}: ${error.message}`, { cause: error })));
    // A mode that is set behind the bind comes too late for whoever connects between the two.
    parts.privately(() => server.listen(path, resolve));
  });
  return async () => {
    closing.abort();
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
  };
}
