import { execFile, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import nodeProcess from "node:process";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";
import { type GatewayRecord, gatewayKind } from "../../src/contract/index.ts";
import { ScopedLocks } from "../../src/lifecycle/index.ts";
import { nodeSystem } from "../../src/system/index.ts";
import { root, runHerma } from "../real/home.ts";
import { type Server, startServer } from "../real/servers.ts";
import { temporaryFolder } from "../setup/folders.ts";
import { needs } from "../setup/needs.ts";
import { deadline, until } from "../setup/waiting.ts";

const tools = join(root, "test/fixtures/hermes_tools.py");
const isRoot = nodeProcess.getuid?.() === 0;
const elsewhere = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--"];

/** Runs a tool of Hermes to its end and returns what it said. */
async function hermes(words: readonly string[], wrapper: readonly string[] = []): Promise<unknown> {
  const [program = "python3", ...args] = [...wrapper, "python3", tools, ...words];
  const { stdout } = await promisify(execFile)(program, args, { timeout: 30_000, killSignal: "SIGKILL" });
  return JSON.parse(stdout);
}

/** A tool that goes on until its standard input ends; resolves with the first thing it says. */
async function hermesStays(
  words: readonly string[],
): Promise<{ said: Record<string, unknown>; leave(): Promise<void>; end: Promise<number | null> }> {
  const child = spawn("python3", [tools, ...words], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise<number | null>((done) => child.on("close", (code) => done(code)));
  const leave = async () => {
    child.stdin.end();
    await deadline(ended, 30_000, "the tool's end");
  };
  onTestFinished(leave);
  const line = new Promise<string>((done) => createInterface({ input: child.stdout }).once("line", done));
  return { said: JSON.parse(await deadline(line, 30_000, "the tool's word")) as Record<string, unknown>, leave, end: ended };
}

function file(home: string, name: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(home, name), "utf8")) as Record<string, unknown>;
}
/** The gateway's own pid, which is not that of the launcher that started it. */
function pidOf(home: string): string {
  return String(file(home, "gateway.pid").pid);
}
async function stopped(gateway: Server): Promise<number | null> {
  return (await deadline(gateway.end, 60_000, "the gateway's end")).code;
}

describe.skipIf(needs("python3"))("to the tools of Hermes", () => {
  test("[S6] [S7] [S8] [S10] [S11] [compat 6] our gateway is one of theirs: lock, pid, start time, title", async () => {
    const home = temporaryFolder();
    expect(await hermes(["running-pid", home])).toBeNull();
    const gateway = await startServer(home, ["gateway", "run"]);
    const pid = pidOf(home);
    expect(await hermes(["running-pid", home])).toBe(Number(pid));
    expect(await hermes(["identity", pid])).toEqual([Number(pid), file(home, "gateway.pid").start_time]);
    const state = (await hermes(["state", home])) as Record<string, unknown>;
    expect(state).toMatchObject({ kind: "hermes-gateway", gateway_state: "running", exit_reason: null, restart_requested: false });
    expect(state).toMatchObject({ pid: Number(pid), active_agents: 0, platforms: {} });
    expect((state.argv as string[]).join(" ")).toMatch(/^hermes gateway run/);
    gateway.signal("SIGINT");
    expect(await stopped(gateway)).toBe(0);
    expect(await hermes(["running-pid", home])).toBeNull();
    expect(await hermes(["state", home])).toMatchObject({ gateway_state: "stopped" });
  });

  test.each([
    ["takeover", "taken over"],
    ["planned-stop", "planned stop"],
  ])("[S24] [S25] [S26] a %s marker of theirs makes a SIGTERM a planned one", async (kind, words) => {
    const home = temporaryFolder();
    const gateway = await startServer(home, ["gateway", "run"]);
    await hermes([kind, home, pidOf(home)]);
    gateway.signal("SIGTERM");
    expect(await stopped(gateway)).toBe(0);
    expect(String(file(home, "gateway_state.json").exit_reason)).toContain(words);
    expect(existsSync(join(home, kind === "takeover" ? ".gateway-takeover.json" : ".gateway-planned-stop.json"))).toBe(false);
  });

  test("a marker for somebody else is left alone, and the signal stays an unexpected one", async () => {
    const home = temporaryFolder();
    const gateway = await startServer(home, ["gateway", "run"]);
    await hermes(["planned-stop", home, String(nodeProcess.pid)]);
    gateway.signal("SIGTERM");
    expect(await stopped(gateway)).toBe(1);
    expect(existsSync(join(home, ".gateway-planned-stop.json"))).toBe(true);
  });

  test("[S6] [compat 4] a gateway of theirs keeps ours out, and is told as one; when it has gone, ours runs", async () => {
    const home = temporaryFolder();
    const theirs = await hermesStays(["hold", home]);
    expect(theirs.said.held).toBe(true);
    const refused = await runHerma(home, ["gateway", "run", "--port", "0"]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("Hermes gateway");
    expect(refused.stderr).toContain(String(theirs.said.pid));
    expect(await hermes(["running-pid", home])).toBe(theirs.said.pid);
    await theirs.leave();
    await startServer(home, ["gateway", "run"]);
    expect(await hermesStays(["hold", home]).then((second) => second.said)).toEqual({ held: false });
  });

  test("[compat 4] [defect 6.2.6] their cleanup unlinks our lock and pid file: no second gateway runs", async () => {
    const home = temporaryFolder();
    const gateway = await startServer(home, ["gateway", "run"]);
    const before = pidOf(home);
    expect(await hermes(["cleanup", home])).toEqual([true, true]);
    // They are put back long before the next heartbeat, so that theirs finds no free home either.
    await until("lock and pid file are back", async () => (await hermes(["running-pid", home])) === Number(before));
    expect(await hermesStays(["hold", home]).then((second) => second.said)).toEqual({ held: false });
    const refused = await runHerma(home, ["gateway", "run", "--port", "0"]);
    expect(refused.code).toBe(1);
    expect((await gateway.get("/readyz")).status).toBe(200);
  });

  test("[compat 4] whoever takes a lock file put in the place of ours ends our gateway, which says so", async () => {
    const home = temporaryFolder();
    const gateway = await startServer(home, ["gateway", "run"]);
    await hermesStays(["steal", home]);
    expect(await stopped(gateway)).toBe(1);
    expect(gateway.stderr()).toContain("another program holds what was ours");
  });

  test.skipIf(!isRoot || needs("unshare"))("[compat 4] the same from another pid namespace, where our pid is nobody", async () => {
    const home = temporaryFolder();
    const gateway = await startServer(home, ["gateway", "run"]);
    // Our lock is held, but its record names nobody there.
    expect(await hermes(["running-pid", home], elsewhere)).toBeNull();
    expect(await hermes(["cleanup", home], elsewhere)).toEqual([true, true]);
    const [program = "", ...args] = elsewhere;
    const refused = await promisify(execFile)(
      program,
      [...args, join(root, "bin/herma"), "gateway", "run", "--home", home, "--port", "0"],
      {
        timeout: 60_000,
        // unshare does not hear another signal while it waits.
        killSignal: "SIGKILL",
      },
    ).then(
      () => null,
      (error: { code: number; stderr: string }) => error,
    );
    expect(refused?.code).toBe(1);
    expect((await gateway.get("/readyz")).status).toBe(200);
  });

  test("[D1] [D2] [D4] [D5] a drain marker of theirs drains us, which our state tells them; taken away, we run again", async () => {
    const home = temporaryFolder();
    const gateway = await startServer(home, ["gateway", "run"]);
    await hermes(["drain", home]);
    await until(
      "we say so in the state",
      async () => ((await hermes(["state", home])) as Record<string, unknown>).gateway_state === "draining",
    );
    expect((await gateway.get("/api/gateway/drain")).json()).toMatchObject({
      draining: true,
      observed: true,
      principal: "drain-control",
      active: { turns: 0, api: 0, delegations: 0 },
      drained: true,
    });
    expect((await gateway.fetch("/api/processes", { method: "POST", body: JSON.stringify({ command: "true" }) })).status).toBe(503);
    expect(await hermes(["undrain", home])).toBe(true);
    await until("we run again", async () => ((await hermes(["state", home])) as Record<string, unknown>).gateway_state === "running");
    expect((await gateway.get("/readyz")).status).toBe(200);
    expect(existsSync(join(home, "drain_leases.json")) ? file(home, "drain_leases.json").leases : []).toEqual([]);
  });

  test("[S19] [S20] [S21] [S22] [compat 29] a bot that a gateway of theirs has is not ours, and one of ours is not theirs", async () => {
    const folder = join(temporaryFolder(), "gateway-locks");
    const system = nodeSystem();
    const { pid, start_time } = system.processes.self();
    const record: GatewayRecord = { pid, kind: gatewayKind, argv: ["hermes", "gateway", "run"], start_time };
    const locks = new ScopedLocks({ folder, system, record });
    const bot = ["telegram-bot-token", "12345:secret-of-the-bot"] as const;
    const theirs = await hermesStays(["acquire", folder, ...bot]);
    expect(theirs.said.acquired).toBe(true);
    expect(await locks.acquire(...bot)).toMatchObject({ ok: false, existing: { pid: (theirs.said.owner as { pid: number }).pid } });
    await theirs.leave();
    expect(await locks.acquire(...bot)).toEqual({ ok: true, existing: null });
    expect((await hermesStays(["acquire", folder, ...bot])).said).toMatchObject({ acquired: false, owner: { pid, start_time } });
    const seen = await hermes(["owner", folder, ...bot]);
    expect(seen).toMatchObject({ scope: bot[0], kind: "hermes-gateway", metadata: {} });
    expect(JSON.stringify(seen)).not.toContain("secret");
    expect(await locks.release(...bot)).toBe(true);
    expect((await hermesStays(["acquire", folder, ...bot])).said.acquired).toBe(true);
  });

  test("[S24] [compat 24] ours takes over from theirs, which ends as if it was meant; theirs takes over from ours, which does too", async () => {
    const home = temporaryFolder();
    const theirs = await hermesStays(["hold", home]);
    const ours = await startServer(home, ["gateway", "run", "--replace"]);
    expect(await deadline(theirs.end, 30_000, "the end of theirs")).toBe(0);
    expect(ours.stderr()).toContain("the gateway before has made room");
    expect(await hermes(["running-pid", home])).toBe(Number(pidOf(home)));
    expect(existsSync(join(home, ".gateway-takeover.json"))).toBe(false);
    const next = await hermesStays(["replace", home]);
    expect(next.said.held).toBe(true);
    expect(await stopped(ours)).toBe(0);
    expect(ours.stderr()).toContain(`taken over by another gateway (pid ${String(next.said.pid)})`);
    expect(file(home, "gateway_state.json")).toMatchObject({ pid: next.said.pid, gateway_state: "running" });
    expect(await hermes(["running-pid", home])).toBe(next.said.pid);
  });

  test("[S25] [S26] a planned stop of ours is one to theirs", async () => {
    const home = temporaryFolder();
    const theirs = await hermesStays(["hold", home]);
    const asked = await runHerma(home, ["gateway", "stop", "--json"], { deadlineMs: 60_000 });
    expect(JSON.parse(asked.stdout)).toMatchObject({ stopped: true, pid: theirs.said.pid, forced: false });
    expect(await deadline(theirs.end, 30_000, "the end of theirs")).toBe(0);
  });
});
