import type { Hono } from "hono";
import { gatewayStatusOf, healthOf, statusOf } from "./health.ts";
import type { Metrics, MetricsSource } from "./metrics.ts";
import { routes } from "./routes.ts";

/** How a gateway is, by the files and locks of its home: the same from the gateway itself and from a program beside it. */
export function addHealthRoutes(app: Hono, source: MetricsSource, what: { readonly program: "gateway" | "dashboard" }): void {
  app.get(routes.agentHealth.path, (c) => c.json(healthOf(source)));
  app.get(routes.status.path, (c) => c.json(statusOf(source)));
  app.get(routes.gatewayStatus.path, (c) => c.json(gatewayStatusOf(source)));
  let metrics: Promise<Metrics> | null = null;
  app.get(routes.metrics.path, async (c) => {
    // Loaded at the first scrape.
    metrics ??= import("./metrics.ts").then(({ openMetrics }) => openMetrics(source, what.program));
    const { text, contentType } = await (await metrics).read();
    return c.body(text, 200, { "content-type": contentType });
  });
}
