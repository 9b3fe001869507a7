import type { Hono } from "hono";
import { beforeEach, expect, test } from "vitest";
import { temporaryFolder } from "../../test/setup/folders.ts";
import { HermaError } from "../contract/index.ts";
import { type DrainControl, Work } from "../gateway/index.ts";
import type { Registry } from "../processes/index.ts";
import { nodeSystem } from "../system/index.ts";
import { createServerApp } from "./app.ts";
import { Auth } from "./auth.ts";
import { FactHub } from "./factHub.ts";
import type { Problem } from "./problems.ts";
import { type Route, routes } from "./routes.ts";

const system = nodeSystem();
const token = "t".repeat(43);
const all: readonly Route[] = Object.values(routes);
let app: Hono;

beforeEach(() => {
  // Whatever is asked of it, the request was taken: that must not be.
  const registry = new Proxy({} as Registry, {
    get: (_target, name) => {
      if (name === "resolve") return () => "proc_0123456789ab";
      return () => {
        throw new HermaError("INTERNAL", `the registry was asked to ${String(name)}`);
      };
    },
  });
  const quiet = () => {};
  app = createServerApp({
    home: temporaryFolder(),
    system,
    registry,
    auth: new Auth({ token, clock: system.clock, random: system.random, port: () => 7717 }),
    hub: new FactHub(1),
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet, setLevel: quiet, flush: async () => {} },
    version: "9.9.9",
    status: () => ({
      phase: "running",
      pid: 1,
      started_at: "2026-01-01T00:00:00.000+00:00",
      instance_id: "i",
      version: "9.9.9",
      address: "x",
      restart_loop: false,
    }),
    served: () => ({ host: "127.0.0.1", port: 7717 }),
    stopping: new AbortController().signal,
    work: new Work(),
    orders: {
      give: () => {
        throw new HermaError("INTERNAL", "the order was given");
      },
    },
    drain: {} as DrainControl,
    drainAuth: { allows: async () => false },
  });
});

async function refused(method: string, path: string, body?: unknown): Promise<Problem> {
  const answer = await app.request(path.replaceAll(/:\w+/g, "proc_0123456789ab"), {
    // Of these names fetch makes capitals only of some.
    method: method.toUpperCase(),
    headers: { host: "127.0.0.1:7717", authorization: `Bearer ${token}` },
    body: body === undefined ? null : typeof body === "string" ? body : JSON.stringify(body),
  });
  const text = await answer.text();
  expect(answer.headers.get("content-type"), text).toBe("application/problem+json");
  const problem = JSON.parse(text) as Problem;
  expect(problem.status).toBe(answer.status);
  for (const key of ["type", "title", "code", "detail", "hint"] as const) expect(problem[key], key).toEqual(expect.stringMatching(/./));
  // The words of the library that checks are no words for people.
  expect(problem.detail).not.toMatch(/Invalid (input|type|option|string|format|union)|Too (small|big)|Unrecognized|\breceived\b|expected/);
  return problem;
}

function fieldsOf(part: "body" | "query"): [method: string, path: string, field: string][] {
  return all.flatMap((route) =>
    Object.keys(route[part]?.shape ?? {}).map((field): [string, string, string] => [route.method, route.path, field]),
  );
}

test.each(fieldsOf("body"))("%s %s: a wrong %s is named, and where its form stands", async (method, path, field) => {
  for (const wrong of [[[]], null]) {
    const problem = await refused(method, path, { [field]: wrong });
    expect(problem).toMatchObject({ code: "BAD_REQUEST", status: 400 });
    expect(problem.detail).toContain(field);
    expect(problem.hint).toContain(`\`${field}`);
    expect(problem.hint).toContain("/openapi.json");
    expect(problem.data?.fields).toEqual(expect.arrayContaining([expect.stringMatching(new RegExp(`^${field}(\\.|$)`))]));
  }
});

test.each(fieldsOf("query"))("%s %s?%s=… is refused by its name", async (method, path, field) => {
  const problem = await refused(method, `${path}?${field}=${"x".repeat(2000)}`);
  expect(problem).toMatchObject({ code: "BAD_REQUEST", status: 400, data: { fields: [field] } });
  expect(problem.detail).toContain(field);
  expect(problem.detail.length).toBeLessThan(400);
  expect(problem.hint).toContain(`\`${field}\``);
});

test.each(all.filter((route) => route.body !== undefined).map((route): [string, string] => [route.method, route.path]))(
  "%s %s: bodies that are none, and names that are unknown",
  async (method, path) => {
    expect(await refused(method, path, "{")).toMatchObject({ code: "BAD_REQUEST", detail: expect.stringContaining("JSON") });
    for (const none of [[], 7, "null"]) expect((await refused(method, path, none)).detail).toMatch(/^the body must be an object/);
    expect((await refused(method, path, { nosuchfield: 1 })).detail).toContain('unknown field "nosuchfield"');
  },
);

test.each(all.filter((route) => route.query !== undefined).map((route): [string, string] => [route.method, route.path]))(
  "%s %s: parameters that are unknown",
  async (method, path) => {
    const problem = await refused(method, `${path}?nosuch=1`);
    expect(problem.detail).toContain('unknown parameter "nosuch"');
    expect(problem.hint).toContain("/openapi.json");
  },
);

test.each([
  ["GET", "/nowhere", "NOT_FOUND"],
  ["PUT", "/api/processes", "NOT_FOUND"],
  ["DELETE", "/api/processes/web", "NOT_FOUND"],
  ["GET", "/login", "UNAUTHORIZED"],
  ["GET", "/login?ticket=x", "UNAUTHORIZED"],
])("%s %s is a problem as well", async (method, path, code) => {
  expect((await refused(method, path)).code).toBe(code);
});
