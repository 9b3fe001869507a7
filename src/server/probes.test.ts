import { request } from "node:http";
import type { Hono } from "hono";
import { expect, onTestFinished, test } from "vitest";
import type { GatewayPhase } from "../contract/index.ts";
import type { GatewayStatus } from "../gateway/index.ts";
import { nodeSystem } from "../system/index.ts";
import type { Served } from "./hosts.ts";
import { listen } from "./listen.ts";
import { answersProbes, readiness } from "./probes.ts";
import { routes } from "./routes.ts";
import { createShell } from "./shell.ts";

const { clock } = nodeSystem();
const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, setLevel: () => {}, flush: async () => {} };
const allowedHosts = ["proxy.example"];

type Answer = { readonly status: number; readonly headers: readonly string[]; readonly text: string };

async function serve(phase: GatewayPhase) {
  let served: Served = { host: "127.0.0.1", port: 0 };
  const status = () => ({ phase }) as GatewayStatus;
  const app: Hono = createShell({ auth: { allows: async () => false }, log, served: () => served, allowedHosts });
  app.get(routes.ready.path, (c) => {
    const { body, status: code } = readiness(status());
    return c.json(body, code);
  });
  const probes = answersProbes({ status, served: () => served, allowedHosts });
  const answered = { byProbes: 0, byApp: 0 };
  const counted: typeof probes = (incoming, outgoing) => {
    const done = probes(incoming, outgoing);
    answered[done ? "byProbes" : "byApp"] += 1;
    return done;
  };
  const listening = await listen({ app, probes: counted, host: "127.0.0.1", port: 0, clock });
  onTestFinished(() => listening.close(0));
  served = listening.served;
  const ask = (path: string, { method = "GET", headers = {} }: { method?: string; headers?: Record<string, string> } = {}) =>
    new Promise<Answer>((resolve, reject) => {
      const sent = request(`${listening.address}${path}`, { method, headers, agent: false }, (response) => {
        let text = "";
        response.on("data", (chunk: Buffer) => {
          text += chunk.toString();
        });
        response.on("end", () => {
          const told = Object.entries(response.headers).filter(([name]) => name !== "date");
          resolve({ status: response.statusCode ?? 0, headers: told.map(([name, value]) => `${name}: ${value}`).sort(), text });
        });
      });
      sent.on("error", reject).end();
    });
  return { ask, answered };
}

test.each<GatewayPhase>(["starting", "running", "degraded", "draining"])(
  "probes are answered as the application would, while it is %s",
  async (phase) => {
    const { ask, answered } = await serve(phase);
    for (const path of [routes.health.path, routes.ready.path]) {
      const quick = await ask(path);
      expect(quick).toEqual(await ask(`${path}?x`));
      // One that a proxy passes on.
      expect(await ask(path, { headers: { host: "proxy.example" } })).toEqual(quick);
    }
    expect(answered).toEqual({ byProbes: 4, byApp: 2 });
  },
);

test("who may not ask, and whatever else is asked, is the application's", async () => {
  const { ask, answered } = await serve("running");
  expect((await ask("/readyz", { headers: { host: "evil.example" } })).status).toBe(403);
  expect((await ask("/readyz", { headers: { origin: "http://evil.example" } })).status).toBe(403);
  expect(await ask("/readyz", { method: "HEAD" })).toMatchObject({ status: 200, text: "" });
  expect((await ask("/readyz", { method: "POST" })).status).toBe(404);
  expect((await ask("/readyz/")).status).toBe(404);
  expect(answered.byProbes).toBe(0);
});
