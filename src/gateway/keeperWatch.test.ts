import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import nodeProcess from "node:process";
import { expect, onTestFinished, test, vi } from "vitest";
import { temporaryFolder } from "../../test/setup/folders.ts";
import { until } from "../../test/setup/waiting.ts";
import type { Identity } from "../contract/index.ts";
import { nodeSystem } from "../system/index.ts";
import { KeeperWatch, type KeeperWatchOptions } from "./keeperWatch.ts";
import type { Log } from "./types.ts";

const system = nodeSystem();

function makeHome(): string {
  const home = temporaryFolder();
  mkdirSync(join(home, "keepers"));
  return home;
}

function writeKeeper(home: string, generation: string, identity: Identity): void {
  const folder = join(home, "keepers", generation);
  mkdirSync(folder, { recursive: true });
  const file = {
    format: 1,
    generation,
    instance_id: "i",
    protocol: 1,
    version: "0.1.0",
    identity,
    socket: "/nowhere",
    started_at: "2026-01-01T00:00:00.000+00:00",
    restart_survival: "detached",
  };
  writeFileSync(join(folder, "keeper.json"), JSON.stringify(file));
}

/** A program that stands for a keeper. */
async function startStandIn() {
  const child = spawn("sleep", ["600"], { stdio: "ignore" });
  await once(child, "spawn");
  const exited = once(child, "exit");
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await exited;
  });
  const identity = system.processes.identityOf(child.pid ?? 0);
  if (identity === null) throw new Error("the stand-in is gone");
  return { child, identity };
}

function watch(home: string, recover: () => Promise<number>, withSystem: KeeperWatchOptions["system"] = system) {
  const health: boolean[] = [];
  const messages: string[] = [];
  const note = (_fields: unknown, message: string) => messages.push(message);
  const log: Log = { debug: note, info: note, warn: note, error: note, setLevel: () => {}, flush: async () => {} };
  const watching = new KeeperWatch({ home, system: withSystem, log, registry: { recover }, healthy: (well) => health.push(well) });
  onTestFinished(() => watching.close());
  return { watching, health, messages };
}

test("the death of a keeper is answered with a recovery at once", async () => {
  const home = makeHome();
  const keeper = await startStandIn();
  writeKeeper(home, "v1", keeper.identity);
  const recover = vi.fn(async () => 0);
  const { watching, messages } = watch(home, recover);
  await watching.recover();
  expect(recover).toHaveBeenCalledTimes(1);
  recover.mockResolvedValueOnce(2);
  keeper.child.kill("SIGKILL");
  await until("the recovery", () => recover.mock.calls.length === 2);
  await until("the report", () => messages.some((message) => message.includes("taken them over")));
});

test("a keeper that appears later is watched as well, in a generation of its own or in the place of another", async () => {
  const home = makeHome();
  const recover = vi.fn(async () => 0);
  const { watching, messages } = watch(home, recover);
  await watching.recover();
  for (const generation of ["v1", "v2", "v2"]) {
    const keeper = await startStandIn();
    const [calls, watched] = [recover.mock.calls.length, messages.filter((message) => message.startsWith("watching")).length];
    writeKeeper(home, generation, keeper.identity);
    await until("it is watched", () => messages.filter((message) => message.startsWith("watching")).length > watched);
    keeper.child.kill("SIGKILL");
    await until("the recovery", () => recover.mock.calls.length > calls);
  }
});

test("files of dead or unreadable keepers are no keepers", async () => {
  const home = makeHome();
  writeKeeper(home, "v1", { boot_id: system.processes.bootId(), pid: nodeProcess.pid, start_time: 1 });
  mkdirSync(join(home, "keepers", "v2"));
  writeFileSync(join(home, "keepers", "v2", "keeper.json"), "{");
  writeFileSync(join(home, "keepers", "adopt.lock"), "");
  const { watching, messages } = watch(home, async () => 0);
  await watching.recover();
  expect(messages.filter((message) => message.startsWith("watching"))).toEqual([]);
});

test("a recovery that fails is told once, tried again, and its success is told", async () => {
  const home = makeHome();
  const recover = vi.fn(async () => 0);
  recover.mockRejectedValueOnce(new Error("no")).mockRejectedValueOnce(new Error("no"));
  const after: typeof system.clock.after = (ms, fn, options) =>
    system.clock.after(ms >= 5_000 && recover.mock.calls.length < 4 ? 5 : ms, fn, options);
  const clock = { after, wallMs: () => system.clock.wallMs(), monotonicMs: () => system.clock.monotonicMs() };
  const { watching, health } = watch(home, recover, { ...system, clock });
  await watching.recover();
  expect(health).toEqual([false]);
  await until("it is well again", () => health.length === 2);
  expect(health).toEqual([false, true]);
  expect(recover).toHaveBeenCalledTimes(3);
});

test("wishes that come while a recovery runs become one more", async () => {
  const home = makeHome();
  const first = Promise.withResolvers<number>();
  const recover = vi.fn(async () => 0).mockReturnValueOnce(first.promise);
  const { watching } = watch(home, recover);
  const all = [watching.recover(), watching.recover(), watching.recover()];
  first.resolve(0);
  await Promise.all(all);
  expect(recover.mock.calls.length).toBeLessThanOrEqual(2);
});
