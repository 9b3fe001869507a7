import type { IncomingMessage, ServerResponse } from "node:http";
import type { GatewayStatus } from "../gateway/index.ts";
import { checkHost, type Served } from "./hosts.ts";
import { routes } from "./routes.ts";

/** What every answer says to browsers. */
export const plainHeaders = { "x-content-type-options": "nosniff", "referrer-policy": "no-referrer" } as const;

export type ProbeSource = {
  readonly status: () => GatewayStatus;
  readonly served: () => Served;
  readonly allowedHosts?: readonly string[];
};

/** Whether it is ready for work, as `/readyz` tells it. */
export function readiness({ phase }: Pick<GatewayStatus, "phase">): { body: { ready: boolean; phase: string }; status: 200 | 503 } {
  const ready = phase === "running" || phase === "degraded";
  return { body: { ready, phase }, status: ready ? 200 : 503 };
}

/**
 * Answers `GET /healthz` and `GET /readyz` by itself, as the application would: they are what is asked first, and for ever, and need nothing of what
 * it loads. False for everything else, what must be refused included.
 */
export function answersProbes({
  status,
  served,
  allowedHosts,
}: ProbeSource): (incoming: IncomingMessage, outgoing: ServerResponse) => boolean {
  const probes = new Map<string, () => { readonly body: object; readonly status: number }>([
    [routes.health.path, () => ({ body: { ok: true }, status: 200 })],
    [routes.ready.path, () => readiness(status())],
  ]);
  return ({ method, url = "", headers }, outgoing) => {
    const probe = method === "GET" ? probes.get(url) : undefined;
    if (probe === undefined) return false;
    try {
      checkHost(headers.host, headers.origin, served(), allowedHosts);
    } catch {
      return false;
    }
    const answer = probe();
    const text = JSON.stringify(answer.body);
    outgoing.writeHead(answer.status, { ...plainHeaders, "content-type": "application/json", "content-length": Buffer.byteLength(text) });
    outgoing.end(text);
    return true;
  };
}
