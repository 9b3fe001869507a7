import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import nodeProcess from "node:process";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { GatewayRecord, GatewayStateFile, ProcessView, processPaths, StateFile, timestampOf } from "../../src/contract/index.ts";
import { openApiDocument } from "../../src/server/openApi.ts";
import { routes } from "../../src/server/routes.ts";
import { temporaryFolder } from "../setup/folders.ts";
import { deadline, until } from "../setup/waiting.ts";
import { startGateway, startReady } from "./gateways.ts";
import { herma, keeperPids, makeHome, outputBytes } from "./home.ts";
import { startProgram } from "./servers.ts";

type Answer = {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly text: string;
  readonly json: Record<string, unknown>;
};

async function ask(
  address: string,
  path: string,
  options: { token?: string; body?: unknown; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const headers: Record<string, string> = {
    ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
    ...options.headers,
  };
  const sent = request(address + path, { method: options.body === undefined ? "GET" : "POST", headers, agent: false }, (response) => {
    let text = "";
    response.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    response.on("end", () => {
      const isJson = String(response.headers["content-type"]).includes("json");
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers,
        text,
        json: isJson ? (JSON.parse(text) as Record<string, unknown>) : {},
      });
    });
    response.on("error", reject);
  });
  sent.on("error", reject);
  sent.end(options.body === undefined ? undefined : JSON.stringify(options.body));
  return await deadline(promise, 30_000, `answer to ${path}`);
}

function json(path: string): unknown {
  return JSON.parse(readFileSync(path, "utf8"));
}

test("[peer 30] of two gateways that start at once exactly one runs, and the other says so and exits 1", { timeout: 600_000 }, async () => {
  const home = temporaryFolder();
  for (let round = 1; round <= 100; round += 1) {
    const both = [startGateway(home), startGateway(home)];
    const addresses = await deadline(Promise.all(both.map((gateway) => gateway.ready)), 60_000, `round ${round}`);
    const winners = both.filter((_, index) => addresses[index] !== null);
    const losers = both.filter((_, index) => addresses[index] === null);
    expect([winners.length, losers.length], `round ${round}: ${both.map((gateway) => gateway.stderr()).join("\n")}`).toEqual([1, 1]);
    const [winner, loser] = [winners[0]!, losers[0]!];
    expect(await loser.exit).toEqual({ code: 1, signal: null });
    expect(loser.stderr(), `round ${round}`).toMatch(new RegExp(`is running already: pid ${winner.pid} since \\d{4}-\\d\\d-\\d\\dT`));
    expect(GatewayRecord.parse(json(join(home, "gateway.pid"))).pid).toBe(winner.pid);
    expect(GatewayStateFile.parse(json(join(home, "gateway_state.json")))).toMatchObject({ pid: winner.pid, gateway_state: "running" });
    // Killed as often as stopped: the next round meets a clean home or a stale one. Stopped as a person does: an end that nobody announced would start
    // a diagnosis each time.
    winner.child.kill(round % 2 === 0 ? "SIGKILL" : "SIGINT");
    await deadline(winner.exit, 30_000, `end of round ${round}`);
  }
});

test("[S1] [S2] [S6] [compat 6] [compat 23] [defect 6.2.13] the original's tools see a gateway: title, records, state words; a stop leaves the words that fit", async () => {
  const home = join(temporaryFolder(), "home");
  const first = await startReady(home);
  expect(statSync(home).mode & 0o777).toBe(0o700);
  for (const name of ["token", "herma.lock", "gateway.lock", "gateway.pid", "gateway_state.json"]) {
    expect(statSync(join(home, name)).mode & 0o777, name).toBe(0o600);
  }
  if (nodeProcess.platform === "linux") {
    expect(readFileSync(`/proc/${first.pid}/cmdline`, "utf8")).toMatch(/^hermes-gateway\b/);
    const fields = readFileSync(`/proc/${first.pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    expect(json(join(home, "gateway.pid"))).toMatchObject({ pid: first.pid, kind: "hermes-gateway", start_time: Number(fields[19]) });
  }
  const record = GatewayRecord.parse(json(join(home, "gateway.pid")));
  expect(record.argv.join(" ")).toMatch(/^hermes gateway run --home .* --port 0$/);
  expect(json(join(home, "gateway.lock"))).toEqual(record);
  const running = GatewayStateFile.parse(json(join(home, "gateway_state.json")));
  expect(running).toMatchObject({ gateway_state: "running", phase: "running", exit_reason: null, address: first.address });
  expect((await ask(first.address, "/readyz")).json).toEqual({ ready: true, phase: "running" });
  // What is built says of its schemas what the sources say.
  const told = openApiDocument(record.version ?? "", routes);
  expect((await ask(first.address, "/openapi.json")).json).toEqual(JSON.parse(JSON.stringify(told)));
  first.child.kill("SIGTERM");
  expect(await first.exit).toEqual({ code: 1, signal: null });
  expect(json(join(home, "gateway_state.json"))).toMatchObject({
    gateway_state: "stopped",
    exit_reason: "unexpected SIGTERM",
    desired_state: "running",
  });
  expect(existsSync(join(home, "gateway.pid"))).toBe(false);
  expect(existsSync(join(home, "herma.lock"))).toBe(true);

  const second = await startReady(home);
  expect(second.token).toBe(first.token);
  second.child.kill("SIGINT");
  expect(await second.exit).toEqual({ code: 0, signal: null });
  expect(json(join(home, "gateway_state.json"))).toMatchObject({ gateway_state: "stopped", desired_state: "stopped" });

  const third = await startReady(home);
  const { pid, start_time } = GatewayRecord.parse(json(join(home, "gateway.pid")));
  writeFileSync(
    join(home, ".gateway-planned-stop.json"),
    JSON.stringify({ target_pid: pid, target_start_time: start_time, stopper_pid: nodeProcess.pid, written_at: timestampOf(Date.now()) }),
  );
  third.child.kill("SIGTERM");
  expect(await third.exit).toEqual({ code: 0, signal: null });
  expect(existsSync(join(home, ".gateway-planned-stop.json"))).toBe(false);
});

test("strangers are refused: no token, a wrong one, another host, another origin", async () => {
  const home = temporaryFolder();
  const gateway = await startReady(home);
  const { address, token } = gateway;
  expect((await ask(address, "/api/processes")).json).toMatchObject({ code: "UNAUTHORIZED", status: 401 });
  expect((await ask(address, "/api/processes", { token: `${token}x` })).status).toBe(401);
  expect((await ask(address, "/api/processes", { token, headers: { host: "evil.example" } })).json).toMatchObject({
    code: "FORBIDDEN_HOST",
  });
  expect((await ask(address, "/api/processes", { token, headers: { origin: "http://evil.example" } })).status).toBe(403);
  expect((await ask(address, "/healthz", { headers: { host: "evil.example" } })).status).toBe(403);
  expect((await ask(address, "/api/processes", { token })).json).toEqual({ processes: [] });
  // Its standard output is a log here, so there is no link in it.
  expect(gateway.stdout()).not.toContain("ticket");
  const { stdout: link } = await promisify(execFile)(herma, ["gateway", "link", "--home", home]);
  const login = await ask(address, new URL(link).pathname + new URL(link).search);
  expect(login.status).toBe(303);
  const cookie = String(login.headers["set-cookie"]).split(";")[0] ?? "";
  expect((await ask(address, "/api/processes", { headers: { cookie } })).status).toBe(200);
  expect((await ask(address, new URL(link).pathname + new URL(link).search)).status).toBe(401);
  expect(gateway.stderr() + gateway.stdout()).not.toContain(token);
});

test("a taken port and a bad herma.yaml are told in one line, with their exit codes", async () => {
  const home = temporaryFolder();
  const taken = createServer();
  await new Promise<void>((done) => taken.listen(0, "127.0.0.1", done));
  onTestFinished(() => new Promise<void>((done) => void taken.close(() => done())));
  const { port } = taken.address() as AddressInfo;
  const refused = startGateway(home, ["--port", String(port)]);
  expect(await refused.exit).toEqual({ code: 1, signal: null });
  expect(refused.stderr()).toContain(`port ${port}`);
  expect(json(join(home, "gateway_state.json"))).toMatchObject({
    gateway_state: "startup_failed",
    exit_reason: expect.stringMatching(/^PORT_TAKEN/),
  });
  writeFileSync(join(home, "herma.yaml"), "gateway: {port: many}\n");
  const confused = startGateway(home, []);
  expect(await confused.exit).toEqual({ code: 78, signal: null });
  expect(confused.stderr()).toContain("herma.yaml:1");
});

test("a process outlives the gateway that started it, and the next one serves it on", async () => {
  const { home, registry, system } = makeHome();
  const first = await startReady(home);
  const body = { command: ["sh", "-c", "echo one; read line; echo got $line; exit 3"], stdin: "pipe", name: "survivor" };
  const started = await ask(first.address, "/api/processes", { token: first.token, body });
  expect(started.status, started.text).toBe(201);
  const { id } = ProcessView.parse(started.json);
  const { pid } = await until("it runs", () => {
    const view = registry.get(id);
    return view.phase === "running" && view.output.end > 0 ? view : null;
  });
  first.child.kill("SIGKILL");
  await first.exit;
  expect(system.processes.look(pid ?? 0).kind).toBe("alive");
  const second = await startReady(home);
  expect((await ask(second.address, "/api/processes", { token: second.token })).json).toMatchObject({
    processes: [{ id, phase: "running" }],
  });
  const wait = ask(second.address, "/api/processes/survivor/wait", { token: second.token, body: { deadline_seconds: 60 } });
  expect(
    (await ask(second.address, "/api/processes/survivor/input", { token: second.token, body: { data: "hello\n" } })).json,
  ).toMatchObject({ bytes_written: 6 });
  expect((await wait).json).toMatchObject({ reason: "exit", process: { id, exit: { code: 3, signal: null, cause: "exited" } } });
  expect((await ask(second.address, `/api/processes/${id}/output?since=start`, { token: second.token })).json).toMatchObject({
    text: "one\ngot hello\n",
  });
  expect((await ask(second.address, `/api/processes/${id}/output?raw=bytes`, { token: second.token })).text).toBe("one\ngot hello\n");
  expect(outputBytes(home, id).toString()).toBe("one\ngot hello\n");
});

test("facts arrive as events while things happen", async () => {
  const { home } = makeHome();
  const { address, token } = await startReady(home);
  const seen: string[] = [];
  const stream = request(`${address}/api/events`, { headers: { authorization: `Bearer ${token}` }, agent: false });
  const opened = Promise.withResolvers<void>();
  stream.on("response", (response) => {
    response.on("data", (chunk: Buffer) => {
      seen.push(chunk.toString());
      opened.resolve();
    });
    response.on("error", () => {});
  });
  stream.on("error", () => {});
  stream.end();
  onTestFinished(() => {
    stream.destroy();
  });
  await deadline(opened.promise, 30_000, "the first event");
  const { json: view } = await ask(address, "/api/processes", { token, body: { command: ["echo", "hello"] } });
  await until("its end is told", () => seen.join("").includes("event: process.ended"));
  const text = seen.join("");
  expect(text).toContain(`"id":"${String(view.id)}"`);
  expect(text.indexOf("event: hello")).toBeLessThan(text.indexOf("event: process."));
});

test("when the keeper is killed, the gateway has the next one take over at once, without being asked anything", async () => {
  const { home } = makeHome();
  const { address, token } = await startReady(home);
  const { json: view } = await ask(address, "/api/processes", { token, body: { command: ["sh", "-c", "echo up; sleep 600"] } });
  const id = String(view.id);
  const [before] = keeperPids(home);
  await until("output", () => outputBytes(home, id).length > 0);
  nodeProcess.kill(before ?? 0, "SIGKILL");
  const path = processPaths(home, id).state;
  const state = await until("the adoption", () => {
    const found = StateFile.parse(json(path));
    return found.adoptions === 1 ? found : null;
  });
  expect(state.keeper.identity.pid).not.toBe(before);
  expect((await ask(address, `/api/processes/${id}/kill`, { token, body: {} })).json).toMatchObject({ verdict: "killed" });
});

test("a gateway that prints to its home's log keeps it within limits, with what was printed there before it came up", {
  timeout: 60_000,
}, async () => {
  const { home } = makeHome();
  const log = join(home, "logs/gateway.log");
  mkdirSync(join(home, "logs"));
  writeFileSync(log, `${"a start that crashed\n".repeat(210_000)}the last one\n`);
  const words = ["sh", "-c", 'exec "$1" gateway run --home "$2" --port 0 >> "$3" 2>&1', "sh", herma, home, log];
  const { child, exit } = startProgram(words);
  await until("it is up", () => readFileSync(log, "utf8").includes("READY"));
  expect(statSync(log).size).toBeLessThan(100_000);
  expect(readFileSync(`${log}.1`, "utf8").endsWith("the last one\n")).toBe(true);
  child.kill("SIGINT");
  expect(await deadline(exit, 60_000, "its end")).toEqual({ code: 0, signal: null });
  expect(readFileSync(log, "utf8")).toContain('"msg":"down"');
});
