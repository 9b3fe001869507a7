import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import nodeProcess from "node:process";
import { expect, test } from "vitest";
import { HealthPayload, StatusPayload } from "../../src/contract/index.ts";
import { temporaryFolder } from "../setup/folders.ts";
import { needs } from "../setup/needs.ts";
import { deadline, until } from "../setup/waiting.ts";
import { makeHome, plainVariables } from "./home.ts";
import { type Server, startServer } from "./servers.ts";

const isRoot = nodeProcess.getuid?.() === 0;

async function health(server: Server): Promise<HealthPayload> {
  const answer = await server.get("/api/health/agent");
  expect(answer.status).toBe(200);
  return HealthPayload.parse(answer.json());
}

test("[H1] [H15] [H16] [compat 27] [compat 28] the dashboard tells the truth before, during and after a gateway's life", async () => {
  const { home } = makeHome();
  const dashboard = await startServer(home, ["dashboard"]);
  expect(await health(dashboard)).toMatchObject({
    alive: null,
    details: { state: "unknown", reason: "gateway_not_configured" },
    evidence: "none",
  });
  expect((await health(dashboard)).details).toEqual({ state: "unknown", reason: "gateway_not_configured" });

  const gateway = await startServer(home, ["gateway", "run"]);
  const alive = await health(dashboard);
  expect(alive).toMatchObject({ alive: true, details: { state: "alive", gateway_state: "running", active_agents: 0 }, evidence: "lock" });
  expect(alive.details).not.toHaveProperty("reason");
  expect(alive.interval_s).toBe(30);
  expect(alive.checked_at).toMatch(/\+00:00$/);
  // The gateway says the same of itself.
  expect({ ...(await health(gateway)), checked_at: "", age_s: 0 }).toEqual({ ...alive, checked_at: "", age_s: 0 });
  const status = StatusPayload.parse((await dashboard.get("/api/status")).json());
  expect(status).toMatchObject({ gateway_running: true, gateway_busy: false, gateway_drainable: true, gateway_address: gateway.address });
  expect(status).toMatchObject({
    hermes_home: home,
    can_update_hermes: false,
    active_sessions: 0,
    exit_reason: null,
    desired_state: "running",
  });
  expect((await dashboard.get("/api/gateway/status")).json()).toMatchObject({
    running: true,
    configured: true,
    platforms: [],
    session_count: 0,
  });

  gateway.signal("SIGKILL");
  await deadline(gateway.end, 10_000, "the gateway's end");
  // The heartbeat is seconds old: only who looks at the lock knows.
  expect(await health(dashboard)).toMatchObject({
    alive: false,
    details: { state: "down", reason: "gateway_not_running" },
    evidence: "lock",
  });
  expect((await dashboard.get("/api/gateway/status")).json()).toMatchObject({ running: false, configured: true, last_active: "" });
  expect(StatusPayload.parse((await dashboard.get("/api/status")).json())).toMatchObject({
    gateway_running: false,
    gateway_busy: false,
    gateway_drainable: false,
  });
});

test.skipIf(!isRoot || needs("unshare"))(
  "[H13] [defect 6.5.4] a dashboard that shares only the home tells a living gateway of another container",
  async () => {
    const home = temporaryFolder();
    const gateway = await startServer(home, ["gateway", "run"]);
    const elsewhere = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--"];
    const dashboard = await startServer(home, ["dashboard"], elsewhere);
    // The kernel shows it no lock of the gateway's.
    expect(await health(dashboard)).toMatchObject({
      alive: true,
      details: { state: "alive", reason: "cross_container_freshness", gateway_state: "running" },
      evidence: "heartbeat",
    });
    expect((await dashboard.get("/api/status")).json()).toMatchObject({ gateway_running: true });
    gateway.signal("SIGTERM");
    await deadline(gateway.end, 20_000, "the gateway's end");
    expect(await health(dashboard)).toMatchObject({ alive: false, details: { gateway_state: "stopped", reason: "gateway_not_running" } });
  },
);

test("it shows processes with no gateway alive, changes nothing, and ends at a signal", async () => {
  const { home, start } = makeHome();
  const process = await start(["sh", "-c", "echo shown; read line"], { stdin: "pipe", variables: plainVariables() });
  const dashboard = await startServer(home, ["dashboard"]);
  await until("its output is shown", async () => (await dashboard.get(`/api/processes/${process.id}/output`)).text.includes("shown"));
  expect((await dashboard.get("/")).text).toContain(process.id);
  const before = readdirSync(home).sort();
  for (const [path, body] of [
    ["/api/processes", { command: "true" }],
    [`/api/processes/${process.id}/kill`, {}],
    [`/api/processes/${process.id}/input`, { data: "x" }],
  ] as const) {
    const refused = await dashboard.fetch(path, { method: "POST", body: JSON.stringify(body) });
    expect(refused.status, path).toBe(405);
    expect(await refused.json()).toMatchObject({ code: "ONLY_SHOWS" });
  }
  const stranger = await fetch(`${dashboard.address}/api/status`);
  expect(stranger.status).toBe(401);
  await stranger.body?.cancel();
  expect((await fetch(`${dashboard.address}/`).then((page) => page.text())).includes(process.id)).toBe(false);
  const metrics = await dashboard.get("/metrics");
  expect(metrics.text).toMatch(/^herma_gateway_alive Nan$/im);
  expect(metrics.text).toMatch(/^herma_processes\{phase="running"\} 1$/m);
  expect(metrics.text).toMatch(/^herma_keepers\{state="running"\} 1$/m);
  expect(metrics.text).toMatch(/^nodejs_eventloop_lag_p99_seconds /m);
  expect(readdirSync(home).sort()).toEqual(before);
  dashboard.signal("SIGTERM");
  expect(await deadline(dashboard.end, 20_000, "the dashboard's end")).toEqual({ code: 0, signal: null });
  expect(dashboard.stderr()).not.toContain(readFileSync(join(home, "token"), "utf8").trim());
});

test("dashboard and gateway show their calls for people, each only those that it answers", async () => {
  const { home } = makeHome();
  const servers = [await startServer(home, ["dashboard"]), await startServer(home, ["gateway", "run"])];
  for (const server of servers) {
    const page = await fetch(`${server.address}/reference`);
    expect([page.status, page.headers.get("content-security-policy")]).toEqual([200, expect.stringContaining("default-src 'none'")]);
    const text = await page.text();
    expect(text).not.toContain(readFileSync(join(home, "token"), "utf8").trim());
    expect((await server.get("/")).text).toContain('href="/reference"');
    const { paths } = (await server.get("/openapi.json")).json() as { paths: Record<string, Record<string, { operationId: string }>> };
    for (const [path, methods] of Object.entries(paths)) {
      for (const [method, { operationId }] of Object.entries(methods)) {
        expect(text).toContain(`id="${operationId}"`);
        if (path.startsWith("/api/gateway/") && method === "post") continue;
        const answer = await server.fetch(path.replace("{ref}", "nobody"), { method: method.toUpperCase() });
        if (answer.ok) await answer.body?.cancel();
        else expect(["PROCESS_NOT_FOUND", "BAD_REQUEST"], `${method} ${path}`).toContain(((await answer.json()) as { code: string }).code);
      }
    }
  }
  expect(servers.map(({ stderr }) => stderr()).join("")).not.toContain("a request met a bug");
});
