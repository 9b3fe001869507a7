import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import nodeProcess from "node:process";
import { expect, test } from "vitest";
import { GatewayRecord, timestampOf } from "../../src/contract/index.ts";
import { nodeSystem } from "../../src/system/index.ts";
import { temporaryFolder } from "../setup/folders.ts";
import { deadline, until } from "../setup/waiting.ts";
import { startGateway, startReady, stateOf } from "./gateways.ts";
import { herma, makeHome, plainVariables, runHerma } from "./home.ts";
import { startProgram } from "./servers.ts";

function post(address: string, path: string, token: string): Promise<{ status: number; body: Record<string, unknown> }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: Record<string, unknown> }>();
  const headers = token === "" ? {} : { authorization: `Bearer ${token}` };
  const sent = request(`${address}${path}`, { method: "POST", agent: false, headers }, (response) => {
    let text = "";
    response.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    response.on("end", () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) as Record<string, unknown> }));
  });
  sent.on("error", reject);
  sent.end();
  return deadline(promise, 30_000, path);
}

test("[compat 22] a duplicate is refused by name; under a supervisor, or with --standby, it waits for its turn and has the home as soon as it is free", async () => {
  const home = temporaryFolder();
  const first = await startReady(home);
  const refused = startGateway(home);
  expect(await refused.exit).toEqual({ code: 1, signal: null });
  expect(refused.stderr()).toContain(`is running already: pid ${first.pid} since`);
  const supervised = startGateway(home, ["--port", "0"], { HERMA_SUPERVISED: "1" });
  const patient = startGateway(home, ["--port", "0", "--standby"]);
  for (const one of [supervised, patient]) await until("it stands by", () => one.stderr().includes("standing by"), { deadlineMs: 30_000 });
  expect(stateOf(home)).toMatchObject({ pid: first.pid, gateway_state: "running" });
  first.child.kill("SIGKILL");
  const address = await deadline(Promise.race([supervised.ready, patient.ready]), 30_000, "the next one");
  const [next, last] = stateOf(home).pid === supervised.pid ? [supervised, patient] : [patient, supervised];
  expect(stateOf(home)).toMatchObject({ pid: next.pid, gateway_state: "running", address });
  last.child.kill("SIGTERM");
  expect(await last.exit).toEqual({ code: 0, signal: null });
  expect(stateOf(home)).toMatchObject({ pid: next.pid, gateway_state: "running" });
});

test("[S25] [compat 22] a marker ends it without any signal, and its own socket, which is its owner's alone, takes orders", async () => {
  const home = temporaryFolder();
  const first = await startReady(home);
  const { pid, start_time } = GatewayRecord.parse(JSON.parse(readFileSync(join(home, "gateway.pid"), "utf8")));
  const marker = { target_pid: pid, target_start_time: start_time, stopper_pid: nodeProcess.pid, written_at: timestampOf(Date.now()) };
  writeFileSync(join(home, ".gateway-planned-stop.json"), JSON.stringify(marker));
  expect(await deadline(first.exit, 30_000, "the end")).toEqual({ code: 0, signal: null });
  expect(stateOf(home)).toMatchObject({ gateway_state: "stopped", exit_reason: "planned stop (marker)", desired_state: "stopped" });
  const second = await startReady(home);
  const socket = join(home, "gateway.sock");
  expect(stateOf(home).control_socket).toBe(socket);
  expect(statSync(socket).mode & 0o777).toBe(0o600);
  const answer = await nodeSystem().sockets.askLocal(socket, { method: "POST", path: "/api/gateway/stop", body: {} }, 10_000);
  expect(answer).toMatchObject({ status: 202, body: { action: "stop", when: "now", pid: second.pid, drain_timeout_s: 60 } });
  expect(await deadline(second.exit, 30_000, "the end")).toEqual({ code: 0, signal: null });
  expect(existsSync(socket)).toBe(false);
});

test("[compat 25] [compat 22] over HTTP the owner stops it; under a supervisor a restart is exit code 75", async () => {
  const home = temporaryFolder();
  const first = await startReady(home);
  expect((await post(first.address, "/api/gateway/stop", "")).status).toBe(401);
  expect(await post(first.address, "/api/gateway/stop", first.token)).toMatchObject({ status: 202, body: { next: "none" } });
  expect(await deadline(first.exit, 30_000, "the end")).toEqual({ code: 0, signal: null });
  const second = await startReady(home, ["--port", "0"], { HERMA_SUPERVISED: "1" });
  expect(await post(second.address, "/api/gateway/restart", second.token)).toMatchObject({ status: 202, body: { next: "manager" } });
  expect(await deadline(second.exit, 30_000, "the end")).toEqual({ code: 75, signal: null });
  expect(stateOf(home)).toMatchObject({ restart_requested: true, desired_state: "running" });
});

test("[peer 28] a stop from inside one of its own processes is refused with a code, kept, and carried out; the process lives on", {
  timeout: 180_000,
}, async () => {
  const { home, registry, start } = makeHome();
  const gateway = await startReady(home);
  const view = await start(["sh", "-c", `'${herma}' gateway stop --home '${home}'; echo code $?; exec sleep 600`], {
    variables: plainVariables(),
  });
  expect(await deadline(gateway.exit, 60_000, "the end")).toEqual({ code: 0, signal: null });
  const text = await until("the refusal is printed", () => {
    const read = registry.read(view.id, { since: "start" }).text;
    return read.includes("code ") ? read : null;
  });
  expect(text).toContain(`runs in ${view.id}, a process of the very gateway that it would stop`);
  expect(text).toContain("code 5");
  expect(registry.get(view.id).phase).toBe("running");
  expect(stateOf(home).exit_reason).toContain(view.id);
});

test("[compat 16] a stop ends no process; asked to, it ends those of turns and sessions", { timeout: 180_000 }, async () => {
  const { home, registry, start } = makeHome();
  const sleep = ["sleep", "600"];
  const session = await start(sleep, { lifetime: "session" });
  const host = await start(sleep, { lifetime: "host" });
  await startReady(home);
  expect((await runHerma(home, ["gateway", "stop"], { deadlineMs: 60_000 })).stdout).toMatch(/has stopped after .* processes go on/);
  expect(registry.list()).toHaveLength(2);
  await startReady(home);
  const stopped = await runHerma(home, ["gateway", "stop", "--with-processes", "--json"], { deadlineMs: 60_000 });
  expect(JSON.parse(stopped.stdout)).toMatchObject({ stopped: true, processes: [{ id: session.id }] });
  expect(registry.list().map((view) => view.id)).toEqual([host.id]);
  const again = await start(sleep, { lifetime: "turn" });
  writeFileSync(join(home, "herma.yaml"), "processes: {on_gateway_stop: end}\n");
  const last = await startReady(home);
  last.child.kill("SIGTERM");
  expect((await last.exit).code).toBe(1);
  expect(registry.get(again.id).phase).toBe("running");
  const planned = await startReady(home);
  planned.child.kill("SIGINT");
  expect((await planned.exit).code).toBe(0);
  expect(registry.list().map((view) => view.id)).toEqual([host.id]);
});

test("[compat 25] a stop ends the gateway that takes over as well, however long the one before still works", async () => {
  const { home } = makeHome();
  const first = await startReady(home);
  const working = fetch(`${first.address}/api/processes`, {
    method: "POST",
    headers: { authorization: `Bearer ${first.token}`, "content-type": "application/json" },
    body: JSON.stringify({ command: "cat", stdin: "pipe", yield_seconds: 60, name: "work" }),
  });
  await until("it works", () => stateOf(home).active_agents === 1, { deadlineMs: 30_000 });
  const next = startGateway(home, ["--port", "0", "--replace"]);
  await until("it makes room", () => stateOf(home).phase === "stopping", { deadlineMs: 30_000 });
  const stop = startProgram([herma, "gateway", "stop", "--home", home], {});
  await until("the order was given", () => stop.stderr().includes("still stopping"), { deadlineMs: 30_000 });
  expect((await runHerma(home, ["send", "work", "--eof"])).code).toBe(0);
  expect((await deadline(working, 30_000, "the answer")).status).toBe(201);
  expect(await deadline(stop.exit, 60_000, "the stop")).toEqual({ code: 0, signal: null });
  expect(await deadline(next.exit, 30_000, "the end of the next one")).toMatchObject({ signal: null });
  expect(stateOf(home)).toMatchObject({ gateway_state: "stopped", desired_state: "stopped", pid: next.pid });
});

test("[compat 25] a restart whose next gateway cannot come up is told as soon as that has ended, with its reason", async () => {
  const home = temporaryFolder();
  const first = await startReady(home);
  writeFileSync(join(home, "herma.yaml"), "gateway:\n  port: nonsense\n");
  const restarted = await deadline(runHerma(home, ["gateway", "restart"]), 30_000, "the answer");
  expect(restarted.code).toBe(1);
  expect(restarted.stderr).toContain("gateway.port");
  expect(restarted.stderr).toContain(`pid ${first.pid}) goes on`);
  expect(stateOf(home)).toMatchObject({ pid: first.pid, gateway_state: "running" });
});
