import { spawn } from "node:child_process";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import nodeProcess from "node:process";
import { expect, onTestFinished, test } from "vitest";
import { type ExitDiaryEntry, homePaths, LoopReportFile } from "../../src/contract/index.ts";
import { lookAtHeartbeat, readDiary } from "../../src/lifecycle/index.ts";
import { judgeHeartbeat } from "../../src/rules/index.ts";
import { nodeSystem } from "../../src/system/index.ts";
import { temporaryFolder } from "../setup/folders.ts";
import { deadline, until } from "../setup/waiting.ts";
import { startGateway as startPlainGateway, stateOf } from "./gateways.ts";
import { herma, runHerma } from "./home.ts";
import { type Started, startProgram } from "./servers.ts";

type Gateway = Omit<Started, "ready"> & { readonly ready: Promise<void> };

const system = nodeSystem();

/** A gateway that hangs, throws or is full at a signal, because of a file that is loaded before it. */
function startGateway(home: string, atUsr2 = ""): Gateway {
  const preload = join(temporaryFolder(), "preload.mjs");
  writeFileSync(preload, `process.on("SIGUSR2", function standsHere() { ${atUsr2} });`);
  const started = startPlainGateway(home, ["--port", "0"], { NODE_OPTIONS: `--import=${preload}` });
  const ready = deadline(started.ready, 30_000, "READY").then((address) => {
    if (address === null) throw new Error(`the gateway has ended: ${started.stderr()}`);
  });
  ready.catch(() => {});
  return { ...started, ready };
}

function entries(home: string): ExitDiaryEntry[] {
  return readDiary(system.files, home);
}

/** The entries about the end of one gateway, which must be one. */
function endsOf(home: string, pid: number): ExitDiaryEntry[] {
  return entries(home).filter((entry) => entry.pid === pid && entry.event !== "start");
}

function report(home: string): LoopReportFile | null {
  try {
    return LoopReportFile.parse(JSON.parse(readFileSync(homePaths(home).loopReport, "utf8")));
  } catch {
    return null;
  }
}

/** The verdict of the health answer, for whoever asks nobody but the files and the kernel. */
function alive(home: string): readonly [boolean | null, string | null] {
  const { owner, state } = lookAtHeartbeat(home, system);
  const verdict = judgeHeartbeat({ owner, state, answers: null });
  return [verdict.alive, verdict.reason];
}

async function command(args: readonly string[]): Promise<{ code: number | null; stdout: string }> {
  const child = spawn(herma, args, { stdio: ["ignore", "pipe", "inherit"], env: nodeProcess.env });
  let stdout = "";
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  const code = await new Promise<number | null>((done) => child.on("close", done));
  return { code, stdout };
}

test("a loop that stands still is seen, and ends the gateway with a reason and its stack; until then what is told is true", async () => {
  const home = temporaryFolder();
  writeFileSync(homePaths(home).config, "gateway: {frozen_loop_seconds: 8}\n");
  const gateway = startGateway(home, "for (;;);");
  await gateway.ready;
  await until("the thread has looked", () => report(home)?.loop === "alive");
  expect(alive(home)).toEqual([true, null]);
  nodeProcess.kill(gateway.pid, "SIGUSR2");
  await until("the thread sees it", () => report(home)?.loop === "frozen", { deadlineMs: 20_000 });
  const frozen = JSON.parse((await command(["gateway", "status", "--home", home, "--json"])).stdout) as Record<string, unknown>;
  expect(frozen).toMatchObject({ running: true, loop: "frozen" });
  expect(alive(home)).toEqual([null, "heartbeat_stale"]);
  expect(await deadline(gateway.exit, 30_000, "its end")).toEqual({ code: 70, signal: null });
  expect(gateway.stderr()).toContain("its event loop stood still for 8 s");
  const [end, ...more] = endsOf(home, gateway.pid);
  expect(more).toEqual([]);
  expect(end).toMatchObject({ event: "exit", reason: "frozen_loop", exit_code: 70, phase: "running" });
  expect(end?.stack).toContain("at standsHere (file:");
  expect(alive(home)[0]).toBe(false);
  const state = JSON.parse(readFileSync(homePaths(home).gatewayState, "utf8"));
  expect(state).toMatchObject({
    gateway_state: "stopped",
    phase: "stopped",
    exit_reason: "its event loop stood still for 8 s",
    address: null,
  });
  const status = await command(["gateway", "status", "--home", home, "--json"]);
  expect(status.code).toBe(3);
  expect(JSON.parse(status.stdout)).toMatchObject({ running: false, loop: null, last_exit: { reason: "frozen_loop" } });
});

test("a program that was stopped as a whole and goes on is not taken for one that stood still", async () => {
  const home = temporaryFolder();
  writeFileSync(homePaths(home).config, "gateway: {frozen_loop_seconds: 4}\n");
  const gateway = startGateway(home);
  await gateway.ready;
  await until("the thread has looked", () => report(home) !== null);
  const before = report(home)?.at;
  nodeProcess.kill(gateway.pid, "SIGSTOP");
  const stoppedMs = performance.now();
  await until("more time has gone by than a loop may stand still", () => performance.now() - stoppedMs > 6_000, { deadlineMs: 20_000 });
  nodeProcess.kill(gateway.pid, "SIGCONT");
  await until("it looks again", () => report(home)?.at !== before, { deadlineMs: 30_000 });
  expect(report(home)?.loop).toBe("alive");
  gateway.child.kill("SIGINT");
  expect((await deadline(gateway.exit, 30_000, "its end")).code).toBe(0);
  expect(endsOf(home, gateway.pid)).toMatchObject([{ reason: "interrupted" }]);
});

test("[defect 6.3.9] what SIGKILL ended is told as that by the next start, in status and in history; each end has one entry", async () => {
  const home = temporaryFolder();
  const first = startGateway(home);
  await first.ready;
  first.child.kill("SIGKILL");
  await first.exit;
  expect(endsOf(home, first.pid)).toEqual([]);
  const second = startGateway(home);
  await second.ready;
  expect(endsOf(home, first.pid)).toMatchObject([
    { event: "autopsy", verdict: "killed", phase: "running", evidence: { boot: "same", ended: "no" } },
  ]);
  const status = JSON.parse((await command(["gateway", "status", "--home", home, "--json"])).stdout);
  expect(status.last_exit).toMatchObject({ event: "autopsy", verdict: "killed" });
  second.child.kill("SIGTERM");
  expect((await deadline(second.exit, 30_000, "its end")).code).toBe(1);
  expect(endsOf(home, second.pid)).toMatchObject([{ event: "exit", reason: "unexpected_signal", signal: "SIGTERM", exit_code: 1 }]);
  const history = JSON.parse((await command(["gateway", "history", "--home", home, "--json"])).stdout) as {
    runs: Record<string, unknown>[];
  };
  expect(history.runs.map(({ pid, word }) => [pid, word])).toEqual([
    [second.pid, "unexpected_signal"],
    [first.pid, "killed"],
  ]);
});

test("[F22] a throw that nobody catches leaves its stack, exit code 70, and one entry", async () => {
  const home = temporaryFolder();
  const gateway = startGateway(home, 'throw new Error("from the test");');
  await gateway.ready;
  nodeProcess.kill(gateway.pid, "SIGUSR2");
  expect(await deadline(gateway.exit, 30_000, "its end")).toEqual({ code: 70, signal: null });
  const [end, ...more] = endsOf(home, gateway.pid);
  expect(more).toEqual([]);
  expect(end).toMatchObject({ reason: "uncaught", detail: "a bug: from the test", exit_code: 70 });
  expect(end?.stack).toContain("standsHere");
});

test("a boot of the machine since the last gateway is told as that", async () => {
  const home = temporaryFolder();
  const first = startGateway(home);
  await first.ready;
  first.child.kill("SIGKILL");
  await first.exit;
  const diary = readFileSync(homePaths(home).exitDiary, "utf8");
  writeFileSync(homePaths(home).exitDiary, diary.replaceAll(system.processes.bootId(), "another-boot"));
  const second = startGateway(home);
  await second.ready;
  expect(endsOf(home, first.pid)).toMatchObject([{ event: "autopsy", verdict: "reboot" }]);
  second.child.kill("SIGINT");
  await second.exit;
});

test("[F11] [F12] a stop that nobody announced is looked into by a program that outlives the gateway, privately and within its bounds", async () => {
  const home = temporaryFolder();
  const gateway = startGateway(home);
  await gateway.ready;
  gateway.child.kill("SIGTERM");
  await deadline(gateway.exit, 30_000, "its end");
  const path = homePaths(home).shutdownDiagnosis;
  const text = (): string => (existsSync(path) ? readFileSync(path, "utf8") : "");
  await until("it has looked around", () => text().endsWith("=== end of shutdown diagnostic\n"), { deadlineMs: 20_000 });
  expect(text()).toContain(`=== shutdown diagnostic: SIGTERM, gateway ${gateway.pid}, `);
  expect(text()).toContain("--- processes by CPU\nUSER ");
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const line =
    gateway
      .stderr()
      .split("\n")
      .find((each) => each.includes("looking around for longer")) ?? "{}";
  const { pid } = JSON.parse(line) as { pid: number };
  await until("it is gone", () => system.processes.look(pid).kind === "dead", { deadlineMs: 20_000 });
});

test.each([
  ["whose reader leaves after a line", "2>&1 | head -n 1"],
  ["that has no room", ">/dev/full 2>/dev/full"],
])("a gateway goes on over an output %s, and is stopped as any other", async (_how, where) => {
  const home = temporaryFolder();
  const { exit } = startProgram(["sh", "-c", `'${herma}' gateway run --home '${home}' --port 0 ${where}`]);
  await until("it runs", () => existsSync(join(home, "gateway_state.json")) && stateOf(home).phase === "running", { deadlineMs: 60_000 });
  const pid = stateOf(home).pid as number;
  onTestFinished(() => {
    try {
      nodeProcess.kill(pid, "SIGKILL");
    } catch {
      // It has ended, as it should.
    }
  });
  // More lines, and answers.
  expect((await runHerma(home, ["gateway", "drain"])).code).toBe(0);
  expect((await runHerma(home, ["gateway", "undrain"])).code).toBe(0);
  expect(stateOf(home)).toMatchObject({ pid, phase: "running" });
  expect((await runHerma(home, ["gateway", "stop"])).code).toBe(0);
  expect((await deadline(exit, 30_000, "the end")).code).toBe(0);
  expect(stateOf(home)).toMatchObject({ gateway_state: "stopped", exit_reason: "planned stop (its socket)" });
});
