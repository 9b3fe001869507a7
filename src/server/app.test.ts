import type { Hono } from "hono";
import { beforeEach, expect, test } from "vitest";
import { plantedSecrets } from "../../test/fixtures/secrets.ts";
import type { GatewayPhase } from "../contract/index.ts";
import { HermaError, type ProcessFact, type ProcessView } from "../contract/index.ts";
import { type DrainControl, type Orders, Work } from "../gateway/index.ts";
import type { FollowChunk, Registry } from "../processes/index.ts";
import { nodeSystem } from "../system/index.ts";
import { createServerApp } from "./app.ts";
import { Auth } from "./auth.ts";
import { FactHub } from "./factHub.ts";
import { openApiDocument } from "./openApi.ts";
import type { Problem } from "./problems.ts";
import { routes } from "./routes.ts";
import { bodyBytesMax } from "./shell.ts";

const system = nodeSystem();
const { clock, random } = system;
const token = "t".repeat(43);
const id = "proc_0123456789ab";
const view = {
  id,
  name: "web",
  phase: "running",
  command: ["sh", "-c", "<b>"],
  output: { end: 10, kept_bytes: 10, dropped_bytes: 0 },
} as unknown as ProcessView;

type Call = readonly [method: string, ...args: unknown[]];
let calls: Call[];
let chunks: FollowChunk[];
let phase: GatewayPhase;
let logged: string[];
let hub: FactHub;
let auth: Auth;
let app: Hono;
let stopping: AbortController;
let failure: unknown;
let work: Work;

function fakeRegistry(): Registry {
  const note =
    (method: string, answer: unknown) =>
    (...args: unknown[]) => {
      calls.push([method, ...args]);
      if (failure !== null) throw failure;
      return answer;
    };
  const registry: Partial<Registry> = {
    start: note("start", Promise.resolve(view)) as Registry["start"],
    list: note("list", [view]) as Registry["list"],
    get: note("get", view) as Registry["get"],
    inspect: note("inspect", Promise.resolve(view)) as Registry["inspect"],
    resolve: note("resolve", id) as Registry["resolve"],
    read: note("read", { id, text: "hi" }) as unknown as Registry["read"],
    acknowledge: note("acknowledge", undefined) as Registry["acknowledge"],
    wait: note("wait", Promise.resolve({ reason: "deadline", processes: [view] })) as Registry["wait"],
    write: note("write", Promise.resolve({ bytes_written: 3, offset: 10 })) as Registry["write"],
    updateLimits: note("updateLimits", Promise.resolve({})) as Registry["updateLimits"],
    resize: note("resize", Promise.resolve()) as Registry["resize"],
    signal: note("signal", Promise.resolve({ signalled: [7] })) as Registry["signal"],
    kill: note("kill", Promise.resolve({ verdict: "killed", survivors: [], exit: null, process: view })) as Registry["kill"],
    interest: { handOver: note("handOver", { session: "s2" }) } as unknown as Registry["interest"],
    notices: { list: note("notices", []) } as unknown as Registry["notices"],
    follow: async function* () {
      yield* chunks;
    },
    onFact: () => () => {},
  };
  return registry as Registry;
}

beforeEach(() => {
  calls = [];
  chunks = [];
  phase = "running";
  logged = [];
  failure = null;
  work = new Work();
  stopping = new AbortController();
  hub = new FactHub(1_000);
  auth = new Auth({ token, clock, random, port: () => 7717 });
  const log = (_fields: unknown, message: string) => logged.push(message);
  app = createServerApp({
    registry: fakeRegistry(),
    auth,
    hub,
    home: "/nonexistent/home",
    system,
    log: { debug: log, info: log, warn: log, error: log, setLevel: () => {}, flush: async () => {} },
    version: "9.9.9",
    orders: { give: (...given) => giveOrder(...given) },
    status: () => ({
      phase,
      pid: 1,
      started_at: "2026-01-01T00:00:00.000+00:00",
      instance_id: "i",
      version: "9.9.9",
      address: "http://127.0.0.1:7717",
      restart_loop: false,
    }),
    served: () => ({ host: "127.0.0.1", port: 7717 }),
    stopping: stopping.signal,
    work,
    // Tested apart: drainRoutes.test.ts.
    drain: {} as DrainControl,
    drainAuth: { allows: async () => false },
  });
});

type Init = { method?: string; body?: unknown; headers?: Record<string, string> };

async function ask(path: string, { method, body, headers }: Init = {}): Promise<Response> {
  const text = body === undefined ? null : typeof body === "string" ? body : JSON.stringify(body);
  return await app.request(path, {
    method: method ?? (body === undefined ? "GET" : "POST"),
    headers: { host: "127.0.0.1:7717", authorization: `Bearer ${token}`, ...headers },
    body: text,
  });
}

async function problem(response: Response): Promise<Problem> {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  const body = (await response.json()) as Problem;
  expect(body.status).toBe(response.status);
  for (const key of ["type", "title", "code", "detail", "hint"] as const) expect(body[key], key).toEqual(expect.stringMatching(/./));
  return body;
}

test("[D9] while the gateway drains, starts are refused politely; looking and commands work", async () => {
  work.close("external");
  const refused = await ask("/api/processes", { body: { command: "echo" } });
  expect(refused.status).toBe(503);
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(await problem(refused)).toMatchObject({ code: "GATEWAY_DRAINING", detail: expect.stringMatching(/drain/) });
  for (const path of ["/api/processes", "/api/processes/web", "/api/processes/web/output"]) expect((await ask(path)).status).toBe(200);
  expect((await ask("/api/processes/web/kill", { body: {} })).status).toBe(200);
  expect((await ask("/api/processes/web/input", { body: { data: "x" } })).status).toBe(200);
  expect(calls.map(([method]) => method)).not.toContain("start");
  work.open("external");
  expect((await ask("/api/processes", { body: { command: "echo" } })).status).toBe(201);
  expect(work.active).toBe(0);
});

test("the loop answers without a token; readiness follows the phase", async () => {
  const bare = { headers: { authorization: "" } };
  expect(await (await ask("/healthz", bare)).json()).toEqual({ ok: true });
  for (const [word, status] of [
    ["starting", 503],
    ["running", 200],
    ["degraded", 200],
    ["draining", 503],
    ["stopping", 503],
  ] as const) {
    phase = word;
    const answer = await ask("/readyz", bare);
    expect(answer.status, word).toBe(status);
    expect(await answer.json()).toEqual({ ready: status === 200, phase: word });
  }
});

test.each([
  ["none", {}],
  ["a wrong one", { authorization: `Bearer ${"x".repeat(43)}` }],
  ["a prefix", { authorization: `Bearer ${token.slice(1)}` }],
  ["an empty one", { authorization: "Bearer " }],
  ["another scheme", { authorization: `Basic ${token}` }],
  ["a made-up cookie", { cookie: `herma_session_7717=${token}` }],
] as { 0: string; 1: Record<string, string> }[] as [string, Record<string, string>][])(
  "a request with %s for a token is refused",
  async (_what, headers) => {
    for (const path of ["/api/processes", "/api/events", `/api/processes/${id}/output`, "/api/nothing"]) {
      const response = await app.request(path, { headers: { host: "localhost:7717", ...headers } });
      expect(response.status).toBe(401);
      expect(response.headers.get("www-authenticate")).toMatch(/^Bearer/);
      expect((await problem(response)).code).toBe("UNAUTHORIZED");
    }
    expect(calls).toEqual([]);
  },
);

test("without a token in the home nobody gets in", async () => {
  const closed = new Auth({ token: "", clock, random, port: () => 1 });
  const context = { req: { header: (name: string) => (name === "authorization" ? "Bearer " : undefined) } };
  expect(await closed.allows(context as unknown as Parameters<Auth["allows"]>[0])).toBe(false);
});

test.each([
  ["evil.example:7717", undefined, 403],
  ["127.0.0.1:7718", undefined, 403],
  ["127.0.0.1", undefined, 403],
  ["127.0.0.1.evil.example:7717", undefined, 403],
  ["u@127.0.0.1:7717", undefined, 403],
  ["", undefined, 403],
  ["127.0.0.1:7717", undefined, 200],
  ["localhost:7717", undefined, 200],
  ["LOCALHOST:7717", undefined, 200],
  ["[::1]:7717", undefined, 200],
  ["127.0.0.1:7717", "http://127.0.0.1:7717", 200],
  ["127.0.0.1:7717", "http://127.0.0.1:3000", 403],
  ["127.0.0.1:7717", "https://127.0.0.1:7717", 403],
  ["127.0.0.1:7717", "http://evil.example:7717", 403],
  ["127.0.0.1:7717", "null", 403],
])("host %j with origin %j is answered %i", async (host, origin, status) => {
  const response = await ask("/api/processes", { headers: origin === undefined ? { host } : { host, origin } });
  expect(response.status).toBe(status);
  if (status === 403) expect((await problem(response)).code).toBe("FORBIDDEN_HOST");
});

test("a login link works once and gives a cookie that reads, and writes only for our own pages", async () => {
  const ticket = auth.makeTicket();
  const looked = await ask(`/login?ticket=${ticket}`, { method: "HEAD" });
  expect([looked.status, looked.headers.get("set-cookie")]).toEqual([200, null]);
  const login = await ask(`/login?ticket=${ticket}`, { headers: { authorization: "" } });
  expect(login.status).toBe(303);
  expect(login.headers.get("location")).toBe("/");
  const set = login.headers.get("set-cookie") ?? "";
  expect(set).toMatch(/^herma_session_7717=[\w-]{43};/);
  expect(set).toMatch(/HttpOnly/);
  expect(set).toMatch(/SameSite=Strict/);
  expect((await ask(`/login?ticket=${ticket}`)).status).toBe(401);
  expect((await ask("/login")).status).toBe(401);
  const cookie = set.split(";")[0] ?? "";
  const browser = (headers: Record<string, string>, body?: unknown) =>
    app.request("/api/processes", {
      method: body === undefined ? "GET" : "POST",
      headers: { host: "127.0.0.1:7717", cookie, ...headers },
      body: body === undefined ? null : JSON.stringify(body),
    });
  expect((await browser({})).status).toBe(200);
  expect((await browser({}, { command: "x" })).status).toBe(401);
  expect((await browser({ origin: "http://127.0.0.1:7717" }, { command: "x" })).status).toBe(201);
  expect((await browser({ origin: "http://127.0.0.1:3000" }, { command: "x" })).status).toBe(403);
  expect((await browser({ authorization: "Bearer wrong" })).status).toBe(401);
});

test("whoever has the token gets new links", async () => {
  expect((await ask("/api/login-links", { method: "POST", headers: { authorization: "" } })).status).toBe(401);
  const made = await ask("/api/login-links", { method: "POST" });
  expect(made.status).toBe(201);
  const { url, expires_in_seconds } = (await made.json()) as { url: string; expires_in_seconds: number };
  expect(expires_in_seconds).toBe(600);
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:7717\/login\?ticket=[\w-]{43}$/);
  expect((await ask(url.slice("http://127.0.0.1:7717".length), { headers: { authorization: "" } })).status).toBe(303);
});

test("an old link is refused", async () => {
  let now = 0;
  const timed = new Auth({ token, clock: { monotonicMs: () => now }, random, port: () => 7717 });
  const ticket = timed.makeTicket();
  now = 600_001;
  await expect(timed.login({} as Parameters<Auth["login"]>[0], ticket)).rejects.toMatchObject({ code: "UNAUTHORIZED" });
});

test("the first page says how to get in, tells a stranger nothing, and escapes what it shows", async () => {
  const stranger = await ask("/", { headers: { authorization: "" } });
  expect(stranger.headers.get("content-security-policy")).toMatch(/default-src 'none'/);
  const page = await stranger.text();
  expect(page).toContain("not logged in");
  expect(page).not.toContain(id);
  expect(page).not.toContain(token);
  const known = await (await ask("/")).text();
  expect(known).toContain(id);
  expect(known).toContain("sh -c &lt;b&gt;");
  expect(known).not.toContain(token);
});

test("processes are listed, started, shown, read, waited for, written to, signalled, resized and killed", async () => {
  expect(await (await ask("/api/processes?all=1&session=s")).json()).toEqual({ processes: [view] });
  const started = await ask("/api/processes", { body: { command: "echo", yield_seconds: 2, grace_ms: 5, session: "s", stdin: "pipe" } });
  expect(started.status).toBe(201);
  expect(await started.json()).toMatchObject({ id });
  await ask("/api/processes/web");
  await ask("/api/processes/web/output?since=4&max_bytes=100&raw=1");
  await ask("/api/processes/web/output?since=start&view=head");
  expect(await (await ask("/api/processes/web/wait", { body: { deadline_seconds: 0 } })).json()).toEqual({
    reason: "deadline",
    process: view,
  });
  expect(await (await ask("/api/processes/web/input", { body: { data: "añ", eof: true } })).json()).toEqual({
    bytes_written: 3,
    offset: 10,
  });
  await ask("/api/processes/web/input", { body: { data_base64: "AP8=" } });
  await ask("/api/processes/web/signal", { body: { signal: "SIGUSR1" } });
  expect(await (await ask("/api/processes/web/resize", { body: { rows: 10, cols: 20 } })).json()).toEqual({
    id,
    tty: { rows: 10, cols: 20 },
  });
  const limits = { memory_bytes_max: 8_388_608, run_ms_max: null };
  expect(await (await ask("/api/processes/web", { method: "PATCH", body: { limits } })).json()).toMatchObject({ id });
  expect((await ask("/api/processes/web", { method: "PATCH", body: { limits: { memory: 5 } } })).status).toBe(400);
  expect(await (await ask("/api/processes/web/kill", { method: "POST" })).json()).toMatchObject({ verdict: "killed" });
  const made = calls.filter(([method]) => method !== "resolve");
  expect(made).toEqual([
    ["list", { all: true, session: "s" }],
    [
      "start",
      {
        command: "echo",
        owner: { kind: "http", session: "s" },
        stdin: "pipe",
        graceMs: 5,
        yieldSeconds: 2,
        signal: expect.any(AbortSignal),
      },
    ],
    ["inspect", id],
    ["read", id, { since: 4, maxBytes: 100, raw: true }],
    ["read", id, { since: "start", view: "head", raw: false }],
    ["wait", { ids: [id], deadlineSeconds: 0, signal: expect.any(AbortSignal) }],
    ["write", id, { data: "añ", eof: true }],
    ["write", id, { data: Buffer.from([0, 255]) }],
    ["signal", id, { signal: "SIGUSR1", tree: false }],
    ["resize", id, { rows: 10, cols: 20 }],
    ["updateLimits", id, limits],
    ["get", id],
    ["kill", id, {}],
  ]);
  expect(calls.filter(([method]) => method === "resolve").every(([, reference]) => reference === "web")).toBe(true);
});

test("a process is handed over; notices are listed, the newest hundred unless asked otherwise", async () => {
  const handed = await ask("/api/processes/web/hand-over", { body: { session: "s2", purpose: "the dev server" } });
  expect(await handed.json()).toEqual({ id, interest: { session: "s2" } });
  expect(await (await ask("/api/notices")).json()).toEqual({ notices: [] });
  await ask(`/api/notices?process=${id}&session=s2&state=delivered&limit=5`);
  expect(calls.filter(([method]) => method !== "resolve")).toEqual([
    ["handOver", id, { session: "s2", purpose: "the dev server" }],
    ["notices", { limit: 100 }],
    ["notices", { process: id, session: "s2", states: ["delivered"], limit: 5 }],
  ]);
});

test("readers, searches, pages and screens are read; waits say what for", async () => {
  const read = async (query: string) => (await ask(`/api/processes/web/output?${query}`)).status;
  expect(await read("reader=me&since=last&max_tokens=50")).toBe(200);
  expect(await read("search=err.r&re2&context_lines=2&matches_max=5")).toBe(200);
  expect(await read("line_offset=10&line_limit=5")).toBe(200);
  expect(await read("view=screen")).toBe(200);
  const acknowledged = await ask("/api/processes/web/acknowledge", { body: { reader: "me", to: 7 } });
  expect(await acknowledged.json()).toEqual({ id, reader: "me", to: 7 });
  const untils = [
    { match: "ready", re2: true },
    { quiet_seconds: 2 },
    { port: 80, host: "::1" },
    { http: "http://x/", status: 204 },
    { input: true },
    "exit",
  ];
  for (const until of untils) expect((await ask("/api/processes/web/wait", { body: { until, after: 3 } })).status).toBe(200);
  const made = calls.filter(([method]) => method !== "resolve");
  const wait = { ids: [id], deadlineSeconds: 180, signal: expect.any(AbortSignal), after: 3 };
  expect(made).toEqual([
    ["read", id, { since: "last", reader: "me", maxTokens: 50, raw: false }],
    ["read", id, { search: { pattern: "err.r", re2: true, contextLines: 2, matchesMax: 5 }, raw: false }],
    ["read", id, { lines: { offset: 10, limit: 5 }, raw: false }],
    ["read", id, { view: "screen", raw: false }],
    ["acknowledge", id, { reader: "me", to: 7 }],
    ["wait", { ...wait, until: { match: "ready", re2: true } }],
    ["wait", { ...wait, until: { quietSeconds: 2 } }],
    ["wait", { ...wait, until: { port: 80, host: "::1" } }],
    ["wait", { ...wait, until: { http: "http://x/", status: 204 } }],
    ["wait", { ...wait, until: { input: true } }],
    ["wait", { ...wait, until: "exit" }],
  ]);
});

test.each([
  ["/api/processes", { comand: "x" }, /unknown field "comand"; did you mean "command"\?/],
  ["/api/processes", { command: "x", yield_seconds: 301 }, /yield_seconds/],
  ["/api/processes", { command: [] }, /command/],
  ["/api/processes", "{", /not JSON/],
  ["/api/processes", [1], /./],
  [`/api/processes/${id}/wait`, { deadline_seconds: 301 }, /deadline_seconds/],
  [`/api/processes/${id}/wait`, { until: { match: "" } }, /until/],
  [`/api/processes/${id}/wait`, { until: { port: 0 } }, /until/],
  [`/api/processes/${id}/wait`, { until: { http: "ftp://x" } }, /until/],
  [`/api/processes/${id}/acknowledge`, { reader: "me" }, /to/],
  [`/api/processes/${id}/input`, {}, /nothing to do/],
  [`/api/processes/${id}/input`, { data: "a", data_base64: "YQ==" }, /not both/],
  [`/api/processes/${id}/input`, { data_base64: "%" }, /data_base64/],
  [`/api/processes/${id}/resize`, { rows: 0, cols: 1 }, /rows/],
  [`/api/processes/${id}/signal`, { signal: "; rm" }, /signal/],
  [`/api/processes/${id}/output?since=-1`, undefined, /since/],
  [`/api/processes/${id}/output?max_bytes=2000000`, undefined, /max_bytes/],
  ["/api/processes?al=1", undefined, /unknown parameter "al"; did you mean "all"\?/],
])("%s with %j is refused in words", async (path, body, said) => {
  const answer = await problem(await ask(path, body === undefined ? {} : { body }));
  expect(answer).toMatchObject({ code: "BAD_REQUEST", status: 400 });
  expect(answer.detail).toMatch(said);
  expect(calls.filter(([method]) => method !== "resolve")).toEqual([]);
});

test("bodies have a limit, whether they tell their length or not", async () => {
  expect((await problem(await ask("/api/processes", { body: "x".repeat(bodyBytesMax + 1) }))).code).toBe("BODY_TOO_LARGE");
  const endless = new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(65_536)) });
  const response = await app.request("/api/processes", {
    method: "POST",
    headers: { host: "localhost:7717", authorization: `Bearer ${token}` },
    body: endless,
    duplex: "half",
  } as RequestInit);
  expect((await problem(response)).code).toBe("BODY_TOO_LARGE");
});

test("failures are told by the catalogue; a bug tells the client nothing and the log everything", async () => {
  failure = new HermaError("KILL_SURVIVORS", "pid 7 is left", { data: { survivors: [{ pid: 7, name: "x" }] } });
  const survivors = await problem(await ask(`/api/processes/${id}/kill`, { method: "POST" }));
  expect(survivors).toMatchObject({ status: 409, code: "KILL_SURVIVORS", data: { survivors: [{ pid: 7, name: "x" }] } });
  failure = new Error("secret of /home/me");
  const bug = await ask("/api/processes");
  expect(bug.status).toBe(500);
  expect(bug.headers.get("x-content-type-options")).toBe("nosniff");
  const text = await bug.text();
  expect(text).not.toContain("secret");
  expect(text).toContain("INTERNAL");
  expect(logged).toContain("a request met a bug");
  failure = null;
  expect((await problem(await ask("/api/nothing"))).code).toBe("NOT_FOUND");
  expect((await problem(await ask("/nothing"))).code).toBe("NOT_FOUND");
});

test("who asks for the head of the events leaves no stream behind", async () => {
  const response = await ask("/api/events", { method: "HEAD" });
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  expect(await response.text()).toBe("");
  expect(hub.listenerCount).toBe(0);
});

test("a hint quotes no secret either", async () => {
  const [planted] = plantedSecrets();
  const { secret = "" } = planted ?? {};
  const text = await (await ask(`/api/processes/${secret}/output?since=x`)).text();
  expect(text).toContain("openapi.json");
  expect(text).not.toContain(secret.slice(6, -4));
});

test("that output comes as bytes as well stands in the document", () => {
  const operation = openApiDocument("1", routes).paths["/api/processes/{ref}/output"]?.get;
  const content = operation?.responses[200]?.content ?? {};
  expect(Object.keys(content)).toEqual(["application/json", "application/octet-stream"]);
});

test("bytes come raw, gaps left out, up to the end as it was at the request", async () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  chunks = [
    { kind: "gap", from: 2, to: 4 },
    { kind: "bytes", offset: 4, bytes: bytes("abc") },
    { kind: "bytes", offset: 7, bytes: bytes("defghij") },
  ];
  const response = await ask(`/api/processes/${id}/output?since=2&raw=bytes`);
  expect(response.headers.get("content-type")).toBe("application/octet-stream");
  expect(response.headers.get("x-herma-from")).toBe("2");
  expect(response.headers.get("x-herma-to")).toBe("10");
  expect(await response.text()).toBe("abcdef");
  const accepted = await ask(`/api/processes/${id}/output?since=2&max_bytes=3`, { headers: { accept: "application/octet-stream" } });
  expect(await accepted.text()).toBe("a");
  expect(await (await ask(`/api/processes/${id}/output?since=10&raw=bytes`)).text()).toBe("");
});

let giveOrder: Orders["give"];

test("[compat 25] an order to stop or restart comes through with what it says, and a refusal comes back as a problem", async () => {
  const given: unknown[] = [];
  const answer = {
    ok: true,
    action: "stop",
    next: "none",
    next_pid: null,
    when: "now",
    drain_timeout_s: 60,
    ends_within_s: 80,
    pid: 1,
    instance_id: "i",
  } as const;
  giveOrder = (...order) => {
    given.push(order);
    if (order[0] === "restart") throw new HermaError("GATEWAY_RESTART_LIMIT", "too often");
    return answer;
  };
  const stop = await ask("/api/gateway/stop", { body: { force: true } });
  expect([stop.status, await stop.json()]).toEqual([202, answer]);
  const restart = await ask("/api/gateway/restart", { body: {} });
  expect([restart.status, await restart.json()]).toEqual([429, expect.objectContaining({ code: "GATEWAY_RESTART_LIMIT" })]);
  expect((await ask("/api/gateway/stop", { body: { forse: true } })).status).toBe(400);
  expect(given).toEqual([
    ["stop", { force: true }, "http", "HTTP"],
    ["restart", {}, "http", "HTTP"],
  ]);
});

test("every route is described, and nothing else is", async () => {
  const document = (await (await ask("/openapi.json", { headers: { authorization: "" } })).json()) as {
    paths: Record<string, Record<string, unknown>>;
  };
  const described = Object.entries(document.paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method} ${path}`));
  const declared = Object.values(routes).map((route) => `${route.method} ${route.path.replace(/:(\w+)/g, "{$1}")}`);
  expect(described.sort()).toEqual([...declared].sort());
  const served = app.routes
    .filter((route) => route.method !== "ALL")
    .map((route) => `${route.method.toLowerCase()} ${route.path.replace(/:(\w+)/g, "{$1}")}`);
  expect(
    [...new Set(served)].filter((route) => !["get /", "get /login", "get /openapi.json", "get /reference"].includes(route)).sort(),
  ).toEqual([...declared].sort());
  expect(JSON.stringify(document.paths["/api/processes"]?.post)).toContain("yield_seconds");
});

const fact = (end: number): ProcessFact => ({ type: "process.output", id, end });

async function events(response: Response, count: number): Promise<{ id?: string; event?: string; data?: unknown }[]> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (reader === undefined) throw new Error("no body");
  const found: { id?: string; event?: string; data?: unknown }[] = [];
  let text = "";
  while (found.length < count) {
    const { done, value } = await reader.read();
    if (done) break;
    text += value;
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) {
      const fields = Object.fromEntries(
        block.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]),
      );
      if (fields.event !== undefined) found.push({ ...fields, data: JSON.parse(fields.data ?? "null") });
    }
  }
  await reader.cancel();
  return found;
}

test("facts are numbered events; a client that comes back gets what it missed", async () => {
  const response = await ask("/api/events");
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  hub.publish({ type: "process.started", id });
  hub.publish(fact(5));
  const seen = await events(response, 3);
  expect(seen.map(({ event }) => event)).toEqual(["hello", "process.started", "process.output"]);
  expect(seen[2]?.data).toEqual({ type: "process.output", id, end: 5 });
  hub.publish({ type: "process.ended", id });
  const resumed = await events(await ask("/api/events", { headers: { "last-event-id": seen[1]?.id ?? "" } }), 3);
  expect(resumed.map(({ event }) => event)).toEqual(["hello", "process.output", "process.ended"]);
  expect(resumed[0]?.id).toBe(seen[1]?.id);
});

test.each(["12", "99999999999999", "-1", "noise"])("a client whose number %j is not known any more is told to look anew", async (last) => {
  hub.publish({ type: "process.started", id });
  const [first] = await events(await ask("/api/events", { headers: { "last-event-id": last } }), 1);
  expect(first).toMatchObject({ event: "reset", id: String(hub.last) });
});

test("a stopping gateway says goodbye and answers waits", async () => {
  const response = await ask("/api/events");
  stopping.abort();
  expect(await events(response, 2)).toMatchObject([{ event: "hello" }, { event: "goodbye", data: { reason: "stopping" } }]);
  const late = await events(await ask("/api/events"), 2);
  expect(late[1]).toMatchObject({ event: "goodbye" });
});

test("a client that does not read is sent away, with the reason behind what waits for it", async () => {
  const response = await ask("/api/events");
  for (let end = 1; end <= 5_000; end += 1) hub.publish(fact(end));
  const seen = await events(response, 6_000);
  expect(seen.at(-1)).toMatchObject({ event: "goodbye", data: { reason: "slow" } });
  expect(seen.length).toBeGreaterThan(1_000);
  expect(seen.length).toBeLessThan(4_000);
});
