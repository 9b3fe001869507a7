import { beforeEach, expect, test } from "vitest";
import { DrainStatus } from "../contract/index.ts";
import type { DrainControl } from "../gateway/index.ts";
import { nodeSystem } from "../system/index.ts";
import { Auth } from "./auth.ts";
import { DrainAuth } from "./drainAuth.ts";
import { addDrainRoutes } from "./drainRoutes.ts";
import { createShell } from "./shell.ts";

const { clock, random } = nodeSystem();
const token = "t".repeat(43);
const secret = "Zk8Q2v-1mWc_9RtYxL0pNbH4sGdJ7eUoTf3aKqVi5Cw";
const path = "/api/gateway/drain";
const at = "2026-01-01T00:00:00.000+00:00";
const idle = { turns: 0, api: 0, delegations: 0 };

let calls: unknown[];
let held: Set<string>;
let logged: { fields: Record<string, unknown>; message: string }[];

function appWith(drainSecret: string, drain: DrainControl = control()) {
  const note = (fields: Record<string, unknown>, message: string) => logged.push({ fields, message });
  const log = { debug: note, info: note, warn: note, error: note, setLevel: () => {}, flush: async () => {} };
  const auth = new Auth({ token, clock, random, port: () => 7717 });
  const drainAuth = new DrainAuth(drainSecret, log);
  const app = createShell({
    auth: { allows: async (c) => (await auth.allows(c)) || (await drainAuth.allows(c)) },
    log,
    served: () => ({ host: "127.0.0.1", port: 7717 }),
  });
  app.get("/api/other", (c) => c.text("the owner's"));
  addDrainRoutes(app, { drain, clock, isOwner: (c) => auth.allows(c), stopping: new AbortController().signal });
  return async (method: "GET" | "POST", bearer: string | null, body?: unknown, of = path) =>
    await app.request(of, {
      method,
      headers: { host: "127.0.0.1:7717", ...(bearer === null ? {} : { authorization: `Bearer ${bearer}` }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
}

function control(): DrainControl {
  return {
    status: () => ({
      draining: held.size > 0,
      observed: held.size > 0,
      principal: held.size > 0 ? [...held].join(", ") : null,
      requested_at: held.size > 0 ? at : null,
      expires_at: held.size > 0 ? at : null,
      suppress_notification: false,
      active: idle,
      drained: held.size > 0,
      phase: held.size > 0 ? "draining" : "running",
      leases: [],
    }),
    begin: (wish) => {
      calls.push(["begin", wish]);
      held.add(wish.principal);
      const suppressNotification = wish.suppressNotification ?? false;
      return { principal: wish.principal, requestedAtMs: 0, expiresAtMs: Date.parse(at), suppressNotification, from: "request" };
    },
    cancel: (principal) => {
      calls.push(["cancel", principal]);
      const had = principal === null ? held.size > 0 : held.has(principal);
      if (principal === null) held.clear();
      else held.delete(principal);
      return had;
    },
    written: async () => {
      calls.push("written");
    },
    settled: async (until) => {
      calls.push(["settled", until.aborted]);
    },
  };
}

beforeEach(() => {
  calls = [];
  held = new Set();
  logged = [];
});

test("[D11] [compat 26] begin, begin without an action, cancel, cancel again: the original's answers", async () => {
  const ask = appWith(secret);
  const begun = { ok: true, action: "drain", draining: true, suppress_notification: false, principal: "drain-control", expires_at: at };
  expect(await (await ask("POST", secret, { action: "drain" })).json()).toEqual(begun);
  expect(await (await ask("POST", secret)).json()).toEqual(begun);
  expect(await (await ask("POST", secret, { suppress_notification: true })).json()).toMatchObject({ suppress_notification: true });
  expect(DrainStatus.parse(await (await ask("GET", secret)).json())).toMatchObject({ draining: true, observed: true, drained: true });
  expect(await (await ask("POST", secret, { action: "cancel" })).json()).toEqual({
    ok: true,
    action: "cancel",
    was_draining: true,
    draining: false,
  });
  expect(await (await ask("POST", secret, { action: "cancel" })).json()).toEqual({
    ok: true,
    action: "cancel",
    was_draining: false,
    draining: false,
  });
  const unknown = await ask("POST", secret, { action: "explode" });
  expect(unknown.status).toBe(400);
  expect(await unknown.json()).toMatchObject({ code: "BAD_REQUEST", detail: expect.stringMatching(/action/) });
});

test("[D11] the drain secret opens this path and no other; the owner's token opens it as well", async () => {
  const ask = appWith(secret);
  expect((await ask("GET", secret)).status).toBe(200);
  expect((await ask("GET", secret, undefined, "/api/other")).status).toBe(401);
  expect((await ask("GET", secret, undefined, `${path}/`)).status).toBe(401);
  expect((await ask("GET", token)).status).toBe(200);
  expect((await ask("GET", token, undefined, "/api/other")).status).toBe(200);
});

test.each([
  ["none", secret, null],
  ["a wrong one", secret, "x".repeat(43)],
  ["a prefix", secret, secret.slice(0, -1)],
  ["a longer one", secret, `${secret}x`],
  ["one where none is set", "", secret],
  ["the empty one where none is set", "", ""],
  ["one that is too weak", "drain-me", "drain-me"],
  ["one that is long and weak", "a".repeat(64), "a".repeat(64)],
])("[D11] refused, and nothing done: %s", async (_what, set, given) => {
  const ask = appWith(set);
  for (const method of ["GET", "POST"] as const) expect((await ask(method, given)).status).toBe(401);
  expect(calls).toEqual([]);
});

test("[D11] a weak secret is told at the start, a refused request with where it came from, and neither with the secret", async () => {
  await appWith("drain-me")("POST", "drain-me");
  expect(logged.map(({ message }) => message)).toEqual([
    expect.stringMatching(/too weak and lets nobody in/),
    expect.stringMatching(/request to drain was refused/),
  ]);
  expect(logged[0]?.fields).toEqual({ weakness: "it has fewer than 43 characters" });
  expect(logged[1]?.fields).toMatchObject({ path, from: "unknown" });
  expect(JSON.stringify(logged)).not.toContain("drain-me");
});

test("[defect 6.4.2] the owner names whom he likes; the secret's holders name themselves under it, and cannot take back others'", async () => {
  const ask = appWith(secret);
  await ask("POST", token, {});
  await ask("POST", token, { principal: "updater", ttl_seconds: 60 });
  await ask("POST", secret, { principal: "nas" });
  await ask("POST", secret, { action: "cancel", principal: "updater" });
  expect(calls).toEqual([
    ["begin", { principal: "owner" }],
    "written",
    ["begin", { principal: "updater", ttlMs: 60_000 }],
    "written",
    ["begin", { principal: "drain-control/nas" }],
    "written",
    ["cancel", "drain-control/updater"],
    "written",
  ]);
  expect((await ask("POST", secret, { action: "cancel", all: true })).status).toBe(400);
  expect(held.size).toBe(3);
  expect(await (await ask("POST", token, { action: "cancel", all: true })).json()).toMatchObject({ was_draining: true, draining: false });
});

test.each([
  [{ ttl_seconds: 0 }],
  [{ ttl_seconds: 3601 }],
  [{ principal: "" }],
  [{ principal: "\n" }],
  [{ principal: "x".repeat(201) }],
  [{ suppress_notification: 1 }],
])("a body that cannot be meant: %j", async (body) => {
  expect((await appWith(secret)("POST", token, body)).status).toBe(400);
  expect(calls).toEqual([]);
});

test("who waits is answered when the drain is complete, and at once without a wait", async () => {
  const ask = appWith(secret);
  await ask("GET", secret);
  expect(calls).toEqual([]);
  expect((await ask("GET", secret, undefined, `${path}?wait_seconds=30`)).status).toBe(200);
  expect(calls).toEqual([["settled", false]]);
  expect((await ask("GET", secret, undefined, `${path}?wait_seconds=61`)).status).toBe(400);
});
