import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import nodeProcess from "node:process";
import { expect, onTestFinished, test, vi } from "vitest";
import { temporaryFolder } from "../../test/setup/folders.ts";
import { HermaError, timestampOf } from "../contract/index.ts";
import type { Registry } from "../processes/index.ts";
import { nodeSystem } from "../system/index.ts";
import type { RunOptions } from "./options.ts";
import { type PlayedGateway, playGateway } from "./testing/playedGateway.ts";
import type { Program } from "./types.ts";

const system = nodeSystem();

/** A gateway of this very machine, which is stopped when the test ends. */
function stage(home: string, more: Partial<RunOptions> = {}, played: Partial<Program> = {}): PlayedGateway {
  const self = { userId: nodeProcess.getuid?.() ?? null, parentPid: nodeProcess.ppid };
  const gateway = playGateway({ home, system }, more, { ...self, ...played });
  onTestFinished(async () => {
    gateway.signal("SIGINT");
    await gateway.end.catch(() => {});
  });
  return gateway;
}

function state(home: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(home, "gateway_state.json"), "utf8")) as Record<string, unknown>;
}

test("boot climbs the floors, shutdown walks them backwards, each step with its duration", async () => {
  const home = join(temporaryFolder(), "deep", "home");
  const gateway = stage(home);
  await gateway.ready;
  expect(gateway.order).toEqual(["title hermes-gateway", "registry opened", "recover", "listening", "ready"]);
  expect(state(home)).toMatchObject({ gateway_state: "running", address: "http://127.0.0.1:7717", pid: nodeProcess.pid });
  expect(statSync(home).mode & 0o777).toBe(0o700);
  // What nobody waits for comes a moment later.
  await vi.waitFor(() => expect(gateway.order.at(-1)).toBe("watching"));
  const parts = await gateway.parts;
  expect(parts.status()).toMatchObject({ phase: "running", pid: nodeProcess.pid, version: "9.9.9" });
  expect(gateway.levels).toEqual(["info"]);
  gateway.signal("SIGINT");
  expect(parts.status().phase).toBe("stopping");
  expect(parts.stopping.aborted).toBe(true);
  expect(await gateway.end).toEqual({ exitCode: 0, reason: "interrupted (SIGINT)" });
  expect(gateway.order.slice(6)).toEqual(["watched", "closed", "registry closed"]);
  const down = gateway.logged.filter((entry) => entry.message === "down");
  const steps = down.map((entry) => String(entry.fields.step));
  const known = ["work", "farewell", "watches", "http", "keepers", "checkpoint", "registry", "drain", "claim"];
  expect(steps.filter((step) => known.includes(step))).toEqual(known);
  for (const entry of down) expect(entry.fields).toMatchObject({ ms: expect.any(Number), total: expect.stringMatching(/^\+\d+\.\d\ds$/) });
  expect(state(home)).toMatchObject({
    gateway_state: "stopped",
    exit_reason: "interrupted (SIGINT)",
    desired_state: "stopped",
    address: null,
  });
  expect(existsSync(join(home, "gateway.pid"))).toBe(false);
});

test.each([
  ["SIGTERM", null, 1, "unexpected SIGTERM", "running"],
  ["SIGHUP", null, 1, "unexpected SIGHUP", "running"],
  ["SIGINT", null, 0, "interrupted (SIGINT)", "stopped"],
  ["SIGUSR1", null, 75, "restart wanted (SIGUSR1)", "running"],
  ["SIGTERM", ".gateway-planned-stop.json", 0, "planned stop (SIGTERM)", "stopped"],
  ["SIGTERM", ".gateway-takeover.json", 0, "taken over by another gateway", "running"],
])("[S24] [S25] [compat 22] %s with marker %s ends with %i", async (signal, marker, exitCode, reason, desired) => {
  const home = temporaryFolder();
  const gateway = stage(home, {}, { variables: { HERMA_SUPERVISED: "1" } });
  await gateway.ready;
  if (marker !== null) {
    // As the original writes it.
    const content = {
      target_pid: nodeProcess.pid,
      target_start_time: system.processes.self().start_time,
      stopper_pid: 1,
      written_at: timestampOf(Date.now()),
    };
    writeFileSync(join(home, marker), JSON.stringify(content));
  }
  gateway.signal(signal);
  expect(await gateway.end).toEqual({ exitCode, reason });
  expect(state(home)).toMatchObject({
    gateway_state: "stopped",
    exit_reason: reason,
    desired_state: desired,
    restart_requested: exitCode === 75,
  });
  if (marker !== null) expect(existsSync(join(home, marker))).toBe(false);
});

test("a second signal forces the end while something hangs, and the first reason stays the cause", async () => {
  const home = temporaryFolder();
  const hang = Promise.withResolvers<void>();
  const gateway = stage(home, { listen: async () => ({ address: "http://x:1", close: () => hang.promise }) });
  await gateway.ready;
  gateway.signal("SIGTERM");
  gateway.signal("SIGTERM");
  expect(await gateway.end).toEqual({ exitCode: 1, reason: "unexpected SIGTERM, then forced by SIGTERM" });
  expect(state(home)).toMatchObject({ gateway_state: "stopped", exit_reason: "unexpected SIGTERM, then forced by SIGTERM" });
  expect(existsSync(join(home, "gateway.pid"))).toBe(false);
  expect(system.locks.tryTake(join(home, "herma.lock"))?.release()).toBeUndefined();
  hang.resolve();
});

test("a step that hangs or fails on the way down holds up no other", async () => {
  const home = temporaryFolder();
  const gateway = stage(home, {
    listen: async () => ({
      address: "http://x:1",
      close: async () => {
        throw new Error("stuck");
      },
    }),
  });
  await gateway.ready;
  gateway.signal("SIGINT");
  expect((await gateway.end).exitCode).toBe(0);
  expect(gateway.order.at(-1)).toBe("registry closed");
  expect(gateway.logged).toContainEqual(
    expect.objectContaining({
      fields: expect.objectContaining({ step: "http", problem: "Error: stuck" }),
      message: expect.any(String),
    }),
  );
});

test("a signal while booting stops the climb and takes down what stands", async () => {
  const home = temporaryFolder();
  const recovering = Promise.withResolvers<number>();
  const gateway = stage(home);
  gateway.registry.recover = () => recovering.promise;
  await vi.waitUntil(() => gateway.order.includes("registry opened"));
  gateway.signal("SIGTERM");
  recovering.resolve(0);
  expect((await gateway.end).exitCode).toBe(1);
  expect(gateway.order).toEqual(["title hermes-gateway", "registry opened", "registry closed"]);
  expect(state(home)).toMatchObject({ gateway_state: "stopped", exit_reason: "unexpected SIGTERM" });
});

test("a start that fails says so in the file, lets everything go and throws the reason", async () => {
  const home = temporaryFolder();
  const gateway = stage(home, {
    listen: async () => {
      throw new HermaError("PORT_TAKEN", "port 7717 is taken");
    },
  });
  await expect(gateway.end).rejects.toMatchObject({ code: "PORT_TAKEN" });
  expect(state(home)).toMatchObject({
    gateway_state: "startup_failed",
    exit_reason: "PORT_TAKEN: port 7717 is taken",
    desired_state: "running",
  });
  expect(gateway.order).toEqual(["title hermes-gateway", "registry opened", "recover", "registry closed"]);
  expect(existsSync(join(home, "gateway.pid"))).toBe(false);
});

test("a fault at the start ends with an exit code that supervisors know, and keeps its own code and hint", async () => {
  const full = new HermaError("DISK_FULL", "no space for the token");
  const gateway = stage(temporaryFolder(), {
    openRegistry: () => {
      throw full;
    },
  });
  await expect(gateway.end).rejects.toMatchObject({
    code: "GATEWAY_START_FAILED",
    message: full.message,
    hint: full.hint,
    cause: full,
    data: { code: "DISK_FULL" },
    row: { exit: 1 },
  });
});

test("a second gateway of a home is refused by name and writes nothing", async () => {
  const home = temporaryFolder();
  await stage(home).ready;
  const before = readFileSync(join(home, "gateway_state.json"), "utf8");
  const second = stage(home);
  await expect(second.end).rejects.toMatchObject({
    code: "GATEWAY_RUNNING",
    message: expect.stringContaining(`pid ${nodeProcess.pid} since 2`),
    data: { pid: nodeProcess.pid, kind: "herma", file: "herma.lock" },
  });
  expect(second.order).toEqual(["title hermes-gateway"]);
  expect(readFileSync(join(home, "gateway_state.json"), "utf8")).toBe(before);
});

test("settings come from herma.yaml; what cannot be meant keeps the gateway from starting", async () => {
  const home = temporaryFolder();
  writeFileSync(join(home, "herma.yaml"), "gateway:\n  port: 1234\nlog:\n  level: warn\nnoise: 1\n");
  const gateway = stage(home);
  await gateway.ready;
  expect(await gateway.parts).toMatchObject({ host: "127.0.0.1", port: 1234 });
  expect(gateway.levels).toEqual(["warn"]);
  expect(gateway.logged).toContainEqual(
    expect.objectContaining({ fields: expect.objectContaining({ line: 5, key: "noise" }), message: expect.any(String) }),
  );
  const other = temporaryFolder();
  writeFileSync(join(other, "herma.yaml"), "gateway:\n  port: seven\n");
  await expect(stage(other).end).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    message: expect.stringMatching(/herma\.yaml:2: gateway\.port/),
  });
  expect(existsSync(join(other, "gateway_state.json"))).toBe(false);
});

test("settings behind a link are refused by name", async () => {
  const home = temporaryFolder();
  const elsewhere = join(temporaryFolder(), "herma.yaml");
  writeFileSync(elsewhere, "");
  symlinkSync(elsewhere, join(home, "herma.yaml"));
  await expect(stage(home).end).rejects.toMatchObject({ code: "CONFIG_INVALID", message: expect.stringContaining("symbolic link") });
});

test("a home that is no folder is unusable", async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "file"), "");
  await expect(stage(join(folder, "file")).end).rejects.toMatchObject({ code: "HOME_UNUSABLE" });
  await expect(stage(join(folder, "file", "below")).end).rejects.toMatchObject({ code: "HOME_UNUSABLE" });
});

test("a home that another user's gateway or keeper has used is refused, and nothing in it is touched; one that is merely theirs is not", async () => {
  const home = temporaryFolder();
  const other = { userId: (nodeProcess.getuid?.() ?? 0) + 1 };
  const first = stage(home);
  await first.ready;
  first.signal("SIGINT");
  await first.end;
  const before = readFileSync(join(home, "gateway_state.json"), "utf8");
  await expect(stage(home, {}, other).end).rejects.toMatchObject({
    code: "HOME_UNUSABLE",
    message: expect.stringContaining("another user"),
  });
  expect(readFileSync(join(home, "gateway_state.json"), "utf8")).toBe(before);
  await stage(temporaryFolder(), {}, other).ready;
});

test("the token is made once, private; a mode that lets others read is mended and told; noise is refused", async () => {
  const home = temporaryFolder();
  const path = join(home, "token");
  const first = stage(home);
  await first.ready;
  const { token } = await first.parts;
  expect(token).toMatch(/^[\w-]{43}$/);
  expect(readFileSync(path, "utf8")).toBe(`${token}\n`);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  first.signal("SIGINT");
  await first.end;
  chmodSync(path, 0o644);
  const second = stage(home);
  await second.ready;
  expect((await second.parts).token).toBe(token);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(second.logged.some((entry) => entry.message.includes("could be read by others"))).toBe(true);
  second.signal("SIGINT");
  await second.end;
  writeFileSync(path, "short\n");
  await expect(stage(home).end).rejects.toMatchObject({ code: "HOME_UNUSABLE" });
  expect(readFileSync(path, "utf8")).toBe("short\n");
});

test("without a keeper the gateway serves people all the same, degraded", async () => {
  const home = temporaryFolder();
  const gateway = stage(home, {
    openRegistry: () =>
      ({
        recover: () => Promise.reject(new HermaError("KEEPER_UNAVAILABLE", "no")),
        checkpoint: { start: async () => [], stop: async () => {} },
        watching: { start: async () => {}, isEvaluator: true, stop: async () => {} },
        [Symbol.asyncDispose]: async () => {},
      }) as unknown as Registry,
  });
  await gateway.ready;
  expect(state(home)).toMatchObject({ gateway_state: "degraded" });
  expect((await gateway.parts).status().phase).toBe("degraded");
});

test("when another program takes the lock the gateway leaves at once and writes no state", async () => {
  const home = temporaryFolder();
  const clock = { ...system.clock, wallMs: () => system.clock.wallMs(), monotonicMs: () => system.clock.monotonicMs() };
  // Heartbeats come at once instead of after 30 s.
  const after: typeof clock.after = (ms, fn, options) => system.clock.after(ms >= 30_000 ? 5 : ms, fn, options);
  const gateway = stage(home, { system: { ...system, clock: { ...clock, after } } });
  await gateway.ready;
  unlinkSync(join(home, "herma.lock"));
  const thief = system.locks.tryTake(join(home, "herma.lock"));
  onTestFinished(() => thief?.release());
  expect(await gateway.end).toEqual({ exitCode: 1, reason: "lock_stolen" });
  expect(state(home)).toMatchObject({ gateway_state: "running" });
});

/** The marker as the original's controller writes it. */
function drainMarker(home: string, more: object = {}): void {
  writeFileSync(
    join(home, ".drain_request.json"),
    JSON.stringify({ action: "drain", requested_at: new Date().toISOString(), principal: "nas", ...more }),
  );
}

test("[D5] [D8] [defect 6.4.5] a marker drains a running gateway and says why; taken away, it runs again", async () => {
  const home = temporaryFolder();
  const gateway = stage(home);
  await gateway.ready;
  const { work, drain, status } = await gateway.parts;
  const running = Promise.withResolvers<void>();
  const call = work.run("api", () => running.promise);
  drainMarker(home);
  await vi.waitUntil(() => drain.status().observed, { timeout: 15_000 });
  expect(status().phase).toBe("draining");
  expect(drain.status()).toMatchObject({ draining: true, principal: "nas", drained: false, active: { turns: 0, api: 1, delegations: 0 } });
  await expect(work.run("api", async () => {})).rejects.toMatchObject({ code: "GATEWAY_DRAINING" });
  await vi.waitUntil(() => state(home).active_agents === 1, { timeout: 15_000 });
  expect(state(home)).toMatchObject({ gateway_state: "draining", phase: "draining", drain_reason: "external" });
  running.resolve();
  await call;
  expect(drain.status().drained).toBe(true);
  await vi.waitUntil(() => state(home).active_agents === 0, { timeout: 15_000 });
  unlinkSync(join(home, ".drain_request.json"));
  await vi.waitUntil(() => status().phase === "running", { timeout: 15_000 });
  await vi.waitUntil(() => state(home).gateway_state === "running", { timeout: 15_000 });
  expect(state(home)).toMatchObject({ phase: "running", drain_reason: null });
  await work.run("api", async () => {});
});

test("[D8] [D9] a marker that stands at the start is honoured before anybody can ask for work, and the gateway is up all the same", async () => {
  const home = temporaryFolder();
  drainMarker(home);
  const before: unknown[] = [];
  const gateway = stage(home, {
    listen: async (parts) => {
      before.push(await parts.work.run("api", async () => "done").catch((error: unknown) => (error as { code: string }).code));
      return { address: "http://x:1", close: async () => {} };
    },
  });
  await gateway.ready;
  expect(before).toEqual(["GATEWAY_DRAINING"]);
  expect(gateway.order).toContain("ready");
  expect(state(home)).toMatchObject({ gateway_state: "draining", drain_reason: "external" });
});

test("[defect 6.4.1] a marker from before the machine's last start drains nothing and stays", async () => {
  const home = temporaryFolder();
  drainMarker(home, { epoch: "before:1" });
  const gateway = stage(home);
  await gateway.ready;
  expect(state(home)).toMatchObject({ gateway_state: "running" });
  expect(existsSync(join(home, ".drain_request.json"))).toBe(true);
  expect(gateway.logged).toContainEqual(
    expect.objectContaining({ fields: expect.anything(), message: expect.stringMatching(/before the machine's last start/) }),
  );
});

test("[D10] [F20] a shutdown wins over the end of a drain, waits for what runs, and takes nothing new", async () => {
  const home = temporaryFolder();
  const gateway = stage(home);
  await gateway.ready;
  const { work, drain, status } = await gateway.parts;
  const running = Promise.withResolvers<void>();
  const call = work.run("turn", () => running.promise);
  drain.begin({ principal: "a" });
  expect(status().phase).toBe("draining");
  gateway.signal("SIGTERM");
  expect(status().phase).toBe("stopping");
  await expect(work.run("turn", async () => {})).rejects.toMatchObject({ message: expect.stringMatching(/stopping/) });
  expect(drain.cancel("a")).toBe(true);
  expect(status().phase).toBe("stopping");
  await vi.waitUntil(() => state(home).drain_reason === "shutdown", { timeout: 15_000 });
  expect(state(home)).toMatchObject({ gateway_state: "draining", phase: "stopping" });
  await expect(work.run("turn", async () => {})).rejects.toMatchObject({ code: "GATEWAY_DRAINING" });
  expect(gateway.order).not.toContain("closed");
  running.resolve();
  await call;
  expect((await gateway.end).exitCode).toBe(1);
  expect(gateway.order).toContain("closed");
  expect(gateway.logged).toContainEqual(
    expect.objectContaining({
      fields: { drain_seconds: expect.any(Number), timed_out: false, active_at_start: 1, active_now: 0 },
      message: "drain: everything has finished",
    }),
  );
  expect(state(home)).toMatchObject({ gateway_state: "stopped", active_agents: 0 });
});

test("[peer 26] a second signal ends the drain of a stop at once", async () => {
  const home = temporaryFolder();
  const gateway = stage(home);
  await gateway.ready;
  const { work } = await gateway.parts;
  const running = Promise.withResolvers<void>();
  void work.run("turn", () => running.promise);
  gateway.signal("SIGTERM");
  gateway.signal("SIGTERM");
  expect(await gateway.end).toMatchObject({ reason: expect.stringMatching(/forced by SIGTERM/) });
  running.resolve();
});

test("locks on bots that are still held at the end are given back", async () => {
  const home = temporaryFolder();
  const folder = join(home, "locks");
  const gateway = stage(home, {}, { variables: { HERMES_GATEWAY_LOCK_DIR: folder } });
  await gateway.ready;
  const { pid, start_time } = system.processes.self();
  mkdirSync(folder);
  const own = join(folder, "telegram-bot-token-0000000000000000.lock");
  const others = join(folder, "telegram-bot-token-1111111111111111.lock");
  writeFileSync(own, JSON.stringify({ pid, kind: "hermes-gateway", start_time }));
  writeFileSync(others, JSON.stringify({ pid: 1, kind: "hermes-gateway", start_time: 1 }));
  gateway.signal("SIGINT");
  await gateway.end;
  expect([existsSync(own), existsSync(others)]).toEqual([false, true]);
});
