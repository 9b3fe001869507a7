import type { IncomingMessage, ServerResponse } from "node:http";
import type { Hono } from "hono";

type Listener = (incoming: IncomingMessage, outgoing: ServerResponse) => unknown;

/**
 * Hands the requests of Node's own server to an application. What stands between the two brings all of fetch with it, an eighth of what a gateway
 * needs to be ready: it is loaded at the first request.
 */
export function webListener(app: Pick<Hono, "fetch">): (incoming: IncomingMessage, outgoing: ServerResponse) => void {
  let listener: Listener | null = null;
  const load = async (): Promise<Listener> => {
    const { getRequestListener } = await import("@hono/node-server");
    listener ??= getRequestListener(app.fetch, { overrideGlobalObjects: false });
    return listener;
  };
  return (incoming, outgoing) => {
    if (listener !== null) listener(incoming, outgoing);
    else
      load().then(
        (loaded) => loaded(incoming, outgoing),
        (error: unknown) => outgoing.destroy(error instanceof Error ? error : undefined),
      );
  };
}
