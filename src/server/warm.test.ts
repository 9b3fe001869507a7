import { Hono } from "hono";
import { expect, test } from "vitest";
import { fakeSystem } from "../system/fake/index.ts";
import { nodeSystem } from "../system/index.ts";
import { createServer } from "./listen.ts";
import { warmUp } from "./warm.ts";

const served = { host: "127.0.0.1", port: 7717 };

test("a server is asked for its health as any client would ask, without listening anywhere", async () => {
  const asked: string[] = [];
  const app = new Hono();
  app.all("*", (c) => {
    asked.push(`${c.req.method} ${c.req.url}`);
    return c.json({ ok: true });
  });
  const server = createServer(app);
  await warmUp(server, served, nodeSystem().clock);
  expect(asked).toEqual(["HEAD http://127.0.0.1:7717/healthz"]);
  expect(server.listening).toBe(false);
});

test("one that does not answer is waited for no longer than a second", async () => {
  const { clock, machine } = fakeSystem();
  const app = new Hono();
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  app.all("*", () => {
    resolve();
    return new Promise<Response>(() => {});
  });
  const warm = warmUp(createServer(app), served, clock);
  await asked;
  await machine.time.advance(1_000);
  await warm;
});
