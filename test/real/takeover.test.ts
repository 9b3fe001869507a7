import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { Agent, createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import nodeProcess from "node:process";
import { expect, onTestFinished, test } from "vitest";
import { GatewayRecord, type ProcessId } from "../../src/contract/index.ts";
import { temporaryFolder } from "../setup/folders.ts";
import { needs } from "../setup/needs.ts";
import { deadline, until } from "../setup/waiting.ts";
import { startGateway, startReady, stateOf } from "./gateways.ts";
import { makeHome, runHerma } from "./home.ts";

const clientsMax = 50;

/** Clients that ask one request after the other, some on one connection, some each time on a new one, until they are told to stop. */
function traffic(address: string, token: string) {
  const failures: string[] = [];
  let answered = 0;
  let slowestMs = 0;
  let going = true;
  const agents = Array.from({ length: clientsMax }, (_, index) =>
    index % 2 === 0 ? new Agent({ keepAlive: true, maxSockets: 1 }) : false,
  );
  const client = async (agent: Agent | false): Promise<void> => {
    while (going) {
      const begunMs = performance.now();
      await new Promise<void>((done) => {
        const sent = request(`${address}/api/processes`, { agent, headers: { authorization: `Bearer ${token}` } }, (response) => {
          response.on("error", (error) => {
            failures.push(`answer: ${error.message}`);
            done();
          });
          response.resume().on("end", () => {
            if (response.statusCode !== 200) failures.push(`status ${response.statusCode}`);
            answered += 1;
            done();
          });
        });
        sent.on("error", (error) => {
          failures.push(error.message);
          done();
        });
        sent.end();
      });
      slowestMs = Math.max(slowestMs, performance.now() - begunMs);
    }
  };
  const clients = agents.map(client);
  const stop = async (): Promise<void> => {
    going = false;
    await deadline(Promise.all(clients), 60_000, "the last answers");
    for (const agent of agents) if (agent !== false) agent.destroy();
  };
  onTestFinished(stop);
  return { failures, answered: () => answered, slowestMs: () => slowestMs, stop };
}

test("[S24] [compat 22] [compat 24] a takeover under 50 clients and 20 processes: no request fails, no process is lost, the old one ends with 0", {
  timeout: 240_000,
}, async () => {
  const { home, registry, start } = makeHome();
  const first = await startReady(home);
  const ids: ProcessId[] = [];
  for (let index = 0; index < 20; index += 1) ids.push((await start(["sh", "-c", "echo up; exec sleep 600"])).id);
  const clients = traffic(first.address, first.token);
  await until("requests flow", () => clients.answered() > 200);
  const second = startGateway(home, ["--port", "0", "--replace"]);
  expect(await deadline(first.exit, 120_000, "the end of the old one")).toEqual({ code: 0, signal: null });
  expect(await deadline(second.ready, 60_000, "READY")).toBe(first.address);
  const before = clients.answered();
  await until("requests flow again", () => clients.answered() > before + 200);
  await clients.stop();
  expect(clients.failures).toEqual([]);
  expect(registry.list().map((view) => [view.id, view.phase])).toEqual(ids.toReversed().map((id) => [id, "running"]));
  expect(GatewayRecord.parse(JSON.parse(readFileSync(join(home, "gateway.pid"), "utf8"))).pid).toBe(second.pid);
  expect(first.stderr()).toContain(`taken over by another gateway (pid ${second.pid})`);
  expect(existsSync(join(home, ".gateway-takeover.json"))).toBe(false);
});

test("[peer 28] [compat 25] [defect 6.2.11] restarts without a service manager: the next one takes over with the same address under load, and one that cannot come up changes nothing", {
  timeout: 240_000,
}, async () => {
  const { home } = makeHome();
  const first = await startReady(home);
  const clients = traffic(first.address, first.token);
  await until("requests flow", () => clients.answered() > 100);
  const restarted = await runHerma(home, ["gateway", "restart", "--json"], { deadlineMs: 120_000 });
  expect(restarted.code, restarted.stderr).toBe(0);
  const { pid, address } = JSON.parse(restarted.stdout) as { pid: number; address: string };
  expect(address).toBe(first.address);
  expect(await deadline(first.exit, 60_000, "the end of the first")).toEqual({ code: 0, signal: null });
  await clients.stop();
  expect(clients.failures).toEqual([]);
  // Settings that cannot work: the one that runs goes on.
  writeFileSync(join(home, "herma.yaml"), "gateway: {port: many}\n");
  nodeProcess.kill(pid, "SIGUSR1");
  await until("the restart has failed", () => readFileSync(join(home, "logs/gateway.log"), "utf8").includes("the restart has failed"), {
    deadlineMs: 60_000,
  });
  expect(stateOf(home)).toMatchObject({ pid, gateway_state: "running" });
  writeFileSync(join(home, "herma.yaml"), "");
  const stopped = await runHerma(home, ["gateway", "stop", "--json"], { deadlineMs: 120_000 });
  expect(JSON.parse(stopped.stdout)).toMatchObject({ stopped: true, pid, forced: false });
  expect(stateOf(home)).toMatchObject({ gateway_state: "stopped", desired_state: "stopped" });
  expect(JSON.parse((await runHerma(home, ["gateway", "stop", "--json"])).stdout)).toMatchObject({ stopped: false, pid: null });
});

test("[compat 24] a gateway is not taken over by one that could not listen where it is told to", async () => {
  const home = temporaryFolder();
  const first = await startReady(home);
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void other.close());
  const busy = String((other.address() as AddressInfo).port);
  for (const [args, code] of [
    [["--port", busy], 1],
    [["--host", "192.0.2.1", "--port", "0"], 78],
  ] as const) {
    const refused = startGateway(home, ["--replace", ...args]);
    expect(await deadline(refused.exit, 30_000, "the refusal")).toEqual({ code, signal: null });
    expect(stateOf(home)).toMatchObject({ pid: first.pid, phase: "running" });
  }
  // Its own port is no other program's.
  const next = startGateway(home, ["--replace", "--port", new URL(first.address).port, "--host", "localhost"]);
  expect(await deadline(next.ready, 30_000, "the next one")).toContain(new URL(first.address).port);
});

test("[compat 24] [S13] one that hangs is ended by force when its time is over, by its identity, and its files are taken over", {
  timeout: 120_000,
}, async () => {
  const home = temporaryFolder();
  writeFileSync(join(home, "herma.yaml"), "gateway: {drain_timeout_seconds: 0}\n");
  const first = await startReady(home);
  first.child.kill("SIGSTOP");
  const second = await startReady(home, ["--port", "0", "--replace"]);
  expect(await first.exit).toEqual({ code: null, signal: "SIGKILL" });
  expect(second.stderr()).toContain("did not end in time and was killed");
  expect(stateOf(home)).toMatchObject({ pid: second.pid, gateway_state: "running" });
  second.child.kill("SIGSTOP");
  const forced = await runHerma(home, ["gateway", "stop", "--force", "--json"], { deadlineMs: 60_000 });
  expect(forced.code, forced.stderr).toBe(0);
  expect(JSON.parse(forced.stdout)).toMatchObject({ stopped: true, pid: second.pid, forced: true });
  expect(await second.exit).toEqual({ code: null, signal: "SIGKILL" });
});

test("[peer 30] [compat 24] of two that would take over at once one does, and the other says so; the address stays", {
  timeout: 240_000,
}, async () => {
  const home = temporaryFolder();
  let current = await startReady(home);
  for (let round = 1; round <= 3; round += 1) {
    const args = ["--port", new URL(current.address).port, "--replace"];
    const both = [startGateway(home, args), startGateway(home, args)];
    expect(await deadline(current.exit, 60_000, "the end of the old one")).toEqual({ code: 0, signal: null });
    const settled = await deadline(
      Promise.all(
        both.map(async (one) => ((await Promise.race([one.ready, one.exit])) === current.address ? "ready" : (await one.exit).code)),
      ),
      60_000,
      `round ${round}`,
    );
    // One that comes a moment later takes over from the first: then that one has ended with 0.
    expect(
      [
        ["ready", 1],
        [1, "ready"],
        ["ready", 0],
        [0, "ready"],
        ["ready", "ready"],
      ],
      both.map((one) => one.stderr()).join("\n"),
    ).toContainEqual(settled);
    const holder = both.find((one) => one.pid === stateOf(home).pid)!;
    current = { ...holder, address: current.address, token: current.token };
    await until("it is up", () => stateOf(home).phase === "running" && stateOf(home).address === current.address);
  }
});

test("[S24] [compat 24] a Hermes is taken over: by marker and signal, and what stood in its home is left", {
  timeout: 120_000,
}, async () => {
  needs("python3");
  const home = temporaryFolder();
  const hermes = `
import fcntl, json, os, signal, sys, time
home = sys.argv[1]
start = int(open("/proc/self/stat").read().rsplit(")", 1)[1].split()[19])
record = json.dumps({"pid": os.getpid(), "kind": "hermes-gateway", "argv": ["hermes", "gateway", "run"], "start_time": start})
lock = open(home + "/gateway.lock", "w")
fcntl.flock(lock, fcntl.LOCK_EX)
lock.write(record); lock.flush()
open(home + "/gateway.pid", "w").write(record)
open(home + "/config.yaml", "w").write("model: x\\n")
def term(*_):
    marker = json.load(open(home + "/.gateway-takeover.json"))
    os.unlink(home + "/.gateway-takeover.json")
    sys.exit(0 if marker["target_pid"] == os.getpid() and marker["target_start_time"] == start else 1)
signal.signal(signal.SIGTERM, term)
print("up", flush=True)
while True: time.sleep(60)
`;
  const { spawn } = await import("node:child_process");
  const old = spawn("python3", ["-c", hermes, home], { stdio: ["ignore", "pipe", "inherit"] });
  const exit = new Promise((done) => old.on("exit", done));
  onTestFinished(async () => {
    old.kill("SIGKILL");
    await exit;
  });
  await new Promise<void>((up) => old.stdout.once("data", () => up()));
  const refused = startGateway(home);
  expect(await refused.exit).toEqual({ code: 1, signal: null });
  expect(refused.stderr()).toContain("a Hermes gateway");
  const ours = await startReady(home, ["--port", "0", "--replace"]);
  expect(await exit).toBe(0);
  expect(stateOf(home)).toMatchObject({ pid: ours.pid, gateway_state: "running" });
  expect(readFileSync(join(home, "config.yaml"), "utf8")).toBe("model: x\n");
});
