import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import nodeProcess from "node:process";
import { expect, onTestFinished, test } from "vitest";
import { DrainMarker, DrainStatus } from "../../src/contract/index.ts";
import { temporaryFolder } from "../setup/folders.ts";
import { deadline, until } from "../setup/waiting.ts";
import { herma, makeHome, type Ran, runHerma } from "./home.ts";

const secret = "Zk8Q2v-1mWc_9RtYxL0pNbH4sGdJ7eUoTf3aKqVi5Cw";

async function startGateway(
  home: string,
): Promise<{ child: ChildProcess; address: string; exit: Promise<number | null>; log: () => string }> {
  const child = spawn(herma, ["gateway", "run", "--home", home, "--port", "0"], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...nodeProcess.env, HERMA_DRAIN_SECRET: secret },
  });
  const exit = new Promise<number | null>((done) => child.on("close", (code) => done(code)));
  let log = "";
  child.stderr.on("data", (chunk: Buffer) => {
    log += chunk.toString();
  });
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await exit;
  });
  const ready = new Promise<string>((done) => {
    let text = "";
    child.stdout.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      const address = /^READY (http:\S+)$/m.exec(text)?.[1];
      if (address !== undefined) done(address);
    });
  });
  return { child, exit, address: await deadline(ready, 30_000, "READY"), log: () => log };
}

function json(home: string, name: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(home, name), "utf8")) as Record<string, unknown>;
}

function told(ran: Ran): unknown {
  return JSON.parse(ran.stdout);
}

test("[D1] [D2] [D4] [D11] a drain from the command line to the files: begin, look, wait for what runs, take back", async () => {
  const { home } = makeHome();
  const { address } = await startGateway(home);
  const owner = { authorization: `Bearer ${readFileSync(join(home, "token"), "utf8").trim()}` };
  // Work for somebody: it waits for the end of what it starts.
  const started = fetch(`${address}/api/processes`, {
    method: "POST",
    headers: owner,
    body: JSON.stringify({ command: `until test -e '${home}/go'; do sleep 0.05; done; echo done`, yield_seconds: 60 }),
  });
  const look = async () =>
    DrainStatus.parse(await (await fetch(`${address}/api/gateway/drain`, { headers: { authorization: `Bearer ${secret}` } })).json());
  await until("the work counts", async () => (await look()).active.api === 1);
  const begun = await runHerma(home, ["gateway", "drain", "--principal", "updater", "--ttl", "10m", "--json"]);
  expect(begun.code).toBe(0);
  expect(DrainStatus.parse(told(begun))).toMatchObject({
    draining: true,
    observed: true,
    drained: false,
    principal: "updater",
    active: { api: 1 },
  });
  expect(DrainMarker.parse(json(home, ".drain_request.json"))).toMatchObject({ action: "drain", principal: "updater" });
  const late = await runHerma(home, ["gateway", "drain", "--principal", "updater", "--wait", "--timeout", "300ms", "--json"]);
  expect(late.code).toBe(124);
  expect(told(late)).toMatchObject({ error: { code: "DEADLINE", data: { drained: false } } });
  const refused = await fetch(`${address}/api/processes`, { method: "POST", headers: owner, body: JSON.stringify({ command: "true" }) });
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "5"]);
  expect(await refused.json()).toMatchObject({ code: "GATEWAY_DRAINING" });
  expect((await fetch(`${address}/api/processes`, { headers: owner })).status).toBe(200);
  expect((await fetch(`${address}/readyz`)).status).toBe(503);
  const waited = runHerma(home, ["gateway", "drain", "--principal", "updater", "--wait"]);
  writeFileSync(join(home, "go"), "");
  expect(await waited).toMatchObject({ code: 0, stdout: expect.stringMatching(/draining \(updater.*nothing runs any more/) });
  expect((await started).status).toBe(201);
  expect(json(home, "gateway_state.json")).toMatchObject({
    gateway_state: "draining",
    phase: "draining",
    drain_reason: "external",
    active_agents: 0,
  });
  expect(told(await runHerma(home, ["gateway", "undrain", "--principal", "updater", "--json"]))).toMatchObject({
    was_draining: true,
    draining: false,
  });
  expect(existsSync(join(home, ".drain_request.json"))).toBe(false);
  expect((await fetch(`${address}/readyz`)).status).toBe(200);
});

test("[compat 26] markers of other programs are seen at once; leases of several outlive a gateway that is killed", async () => {
  const home = temporaryFolder();
  const first = await startGateway(home);
  const marker = join(home, ".drain_request.json");
  const state = () => json(home, "gateway_state.json").phase;
  writeFileSync(marker, JSON.stringify({ action: "drain", requested_at: new Date().toISOString(), principal: "nas" }));
  await until("the gateway drains", () => state() === "draining");
  await runHerma(home, ["gateway", "drain", "--principal", "updater"]);
  expect(json(home, ".drain_request.json")).toMatchObject({ principal: "nas, updater" });
  first.child.kill("SIGKILL");
  await first.exit;
  const second = await startGateway(home);
  expect(state()).toBe("draining");
  expect(second.log()).toContain("nas, updater");
  expect(told(await runHerma(home, ["gateway", "undrain", "--principal", "nas", "--json"]))).toMatchObject({
    was_draining: true,
    draining: true,
  });
  expect(state()).toBe("draining");
  unlinkSync(marker);
  await until("the gateway runs again", () => state() === "running");
});

test("[defect 6.4.6] without a gateway a drain is refused, unless it is meant for the next one", async () => {
  const home = temporaryFolder();
  const refused = await runHerma(home, ["gateway", "drain", "--json"]);
  expect(refused.code).toBe(3);
  expect(told(refused)).toMatchObject({ error: { code: "GATEWAY_DOWN", hint: expect.stringMatching(/--even-if-down/) } });
  expect(existsSync(join(home, ".drain_request.json"))).toBe(false);
  expect((await runHerma(home, ["gateway", "undrain"])).code).toBe(3);
  const left = await runHerma(home, ["gateway", "drain", "--even-if-down", "--ttl", "5m"]);
  expect(left).toMatchObject({ code: 0, stdout: expect.stringMatching(/one that starts before .* will drain/) });
  await startGateway(home);
  expect(json(home, "gateway_state.json")).toMatchObject({ phase: "draining", drain_reason: "external" });
  expect((await runHerma(home, ["gateway", "undrain"])).code).toBe(0);
  expect(json(home, "gateway_state.json").phase).toBe("running");
});

test("[D10] [F20] a stop waits for what runs, tells so, and what is started meanwhile is refused", async () => {
  const { home } = makeHome();
  const { child, address, exit, log } = await startGateway(home);
  const owner = { authorization: `Bearer ${readFileSync(join(home, "token"), "utf8").trim()}` };
  const command = `until test -e '${home}/go'; do sleep 0.05; done; echo done`;
  const started = fetch(`${address}/api/processes`, {
    method: "POST",
    headers: owner,
    body: JSON.stringify({ command, yield_seconds: 60 }),
  });
  const active = async () => ((await (await fetch(`${address}/api/gateway/drain`, { headers: owner })).json()) as DrainStatus).active.api;
  await until("the work counts", async () => (await active()) === 1);
  child.kill("SIGTERM");
  await until("it stops", () => json(home, "gateway_state.json").phase === "stopping");
  const refused = await fetch(`${address}/api/processes`, { method: "POST", headers: owner, body: JSON.stringify({ command: "true" }) });
  expect(refused.status).toBe(503);
  expect(child.exitCode).toBeNull();
  writeFileSync(join(home, "go"), "");
  const answer = await started;
  expect(answer.status).toBe(201);
  expect(await answer.json()).toMatchObject({ phase: "ended", output_text: "done\n" });
  expect(await exit).toBe(1);
  expect(log()).toMatch(/"drain_seconds":[\d.]+,"timed_out":false,"active_at_start":1,"active_now":0/);
});
