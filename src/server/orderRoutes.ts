import type { Hono } from "hono";
import { GatewayOrder } from "../contract/index.ts";
import type { Orders } from "../gateway/index.ts";
import { bodyOf } from "./input.ts";
import { routes } from "./routes.ts";

/** `POST /api/gateway/stop` and `restart`: over HTTP with the owner's token, and on the gateway's own socket. */
export function addOrderRoutes(
  app: Hono,
  orders: Pick<Orders, "give">,
  from: { readonly source: "control" | "http"; readonly by: string },
): void {
  for (const action of ["stop", "restart"] as const) {
    app.post(routes[action === "stop" ? "gatewayStop" : "gatewayRestart"].path, async (c) =>
      c.json(orders.give(action, await bodyOf(c, GatewayOrder), from.source, from.by), 202),
    );
  }
}
