import { dirname, join } from "node:path";
import nodeProcess from "node:process";
import { expect, test } from "vitest";
import { type ExitDiaryEntry, GatewayStateFile, homePaths } from "../../src/contract/index.ts";
import { type FakeGateway, fakeGateway, fakeHome } from "../../src/gateway/testing/fakeGateway.ts";
import { readDiary } from "../../src/lifecycle/index.ts";
import { FakeMachine, fakeProgram } from "../../src/system/fake/index.ts";

const seeds = Number(nodeProcess.env.HERMA_STORM_SEEDS ?? "2000");
/** More changes than boot and shutdown make together. */
const changesMax = 90;

type Life = { readonly pid: number; readonly gateway: FakeGateway; readonly fate: "ended" | "killed" | "reboot" };

/**
 * Gateways of one home that die at any change of the disk, before it or in the middle of it, on the way up or down; sometimes the power goes as
 * well. Whatever was left lying about, the next one starts, and tells what became of those before it.
 */
async function storm(seed: number): Promise<{ readonly killed: number; readonly told: number }> {
  const machine = new FakeMachine({ seed });
  const below = (count: number): number => Math.floor((Buffer.from(machine.random(4)).readUInt32LE(0) / 2 ** 32) * count);
  makeHome(machine);
  const lives: Life[] = [];
  for (let life = 1 + below(4); life > 0; life -= 1) lives.push(await oneLife(machine, below));
  const last = fakeGateway(fakeProgram(machine, "last"));
  await machine.time.until("the last one is ready", last.ready, 60_000);
  verifyRunning(machine, last);
  const diary = readDiary(fakeProgram(machine, "reader").files, fakeHome);
  for (const [index, each] of lives.entries())
    verifyEnd(
      seed,
      each,
      diary,
      lives.slice(index + 1).some(({ fate }) => fate === "reboot"),
    );
  const told = diary.filter(({ event }) => event === "autopsy").length;
  last.signal("SIGINT");
  await machine.time.wait(last.end);
  expect(state(machine)).toMatchObject({ gateway_state: "stopped", pid: last.system.program.process.pid });
  return { killed: lives.filter(({ fate }) => fate !== "ended").length, told };
}

/** A home that has been there for a while: a power cut does not take the folder itself. */
function makeHome(machine: FakeMachine): void {
  const { files } = fakeProgram(machine, "setup");
  const { logs } = homePaths(fakeHome);
  files.makeFolder(logs);
  for (let folder = logs; folder !== "/"; folder = dirname(folder)) files.createExclusive(join(folder, "kept"), "", { durable: true });
}

async function oneLife(machine: FakeMachine, below: (count: number) => number): Promise<Life> {
  const system = fakeProgram(machine, "gateway");
  machine.disk.failAt(1 + below(changesMax), below(2) === 0 ? "crash" : "tear");
  const gateway = fakeGateway(system);
  const dead = (): boolean => system.program.dead;
  await machine.time.until("it is up or dead", () => gateway.ready() || dead(), 60_000);
  await machine.time.advance(below(100_000));
  let over = false;
  void gateway.end.then(
    () => {
      over = true;
    },
    () => {},
  );
  const signal = ["SIGTERM", "SIGINT", "SIGUSR1"][below(3)] ?? "SIGTERM";
  gateway.signal(signal);
  if (below(3) === 0) gateway.signal("SIGTERM");
  await machine.time.until("it is over or dead", () => over || dead(), 120_000);
  // One that was planned for a later change must not meet the next gateway.
  machine.disk.failNever();
  verifyWhole(machine);
  const ended = over && !dead();
  // The program ends right after it is over.
  if (ended) system.program.kill();
  const reboot = below(4) === 0;
  if (reboot) machine.reboot();
  await machine.time.advance(1_000 + below(1_000_000));
  return { pid: system.program.process.pid, gateway, fate: ended ? "ended" : reboot ? "reboot" : "killed" };
}

function state(machine: FakeMachine): Record<string, unknown> | null {
  const bytes = fakeProgram(machine, "reader").files.read(homePaths(fakeHome).gatewayState);
  return bytes === null ? null : (JSON.parse(bytes.toString()) as Record<string, unknown>);
}

/** At any moment the state is a whole one, or there is none. */
function verifyWhole(machine: FakeMachine): void {
  const found = state(machine);
  if (found !== null) GatewayStateFile.parse(found);
}

function verifyRunning(machine: FakeMachine, gateway: FakeGateway): void {
  const { pid } = gateway.system.program.process;
  expect(GatewayStateFile.parse(state(machine))).toMatchObject({ gateway_state: "running", pid });
  const reader = fakeProgram(machine, "reader");
  expect(reader.locks.look(homePaths(fakeHome).hermaLock)).toEqual({ held: true, pid });
}

/** One end is told once, and truly. Nothing is told only of one that died before it had left any trace. */
function verifyEnd(seed: number, { pid, fate }: Life, diary: readonly ExitDiaryEntry[], rebootLater: boolean): void {
  const own = diary.filter((entry) => entry.pid === pid);
  const ends = own.filter(({ event }) => event !== "start");
  const at = `seed ${seed}, pid ${pid}, ${fate}: ${JSON.stringify(own)}`;
  expect(ends.length, at).toBeLessThanOrEqual(1);
  if (own.some(({ event }) => event === "start")) expect(ends, at).toHaveLength(1);
  const end = ends[0];
  if (end === undefined) {
    expect(fate, at).not.toBe("ended");
    return;
  }
  if (fate === "ended") expect(end, at).toMatchObject({ event: "exit" });
  if (end.event !== "autopsy") return;
  // Whoever would have explained it died as well, and then the power went: nobody can tell any more which came first.
  const truths = fate === "reboot" ? ["reboot"] : rebootLater ? ["killed", "reboot"] : ["killed"];
  expect(truths, at).toContain(end.verdict);
}

test(`[defect 6.3.9] [peer 26] ${seeds} storms: killed at every change of the disk, the next gateway starts, tells what happened, and no state lies`, async () => {
  const sum = { killed: 0, told: 0 };
  for (let seed = 1; seed <= seeds; seed += 1) {
    const { killed, told } = await storm(seed);
    sum.killed += killed;
    sum.told += told;
  }
  // Else the faults miss.
  expect(sum.killed).toBeGreaterThan(seeds / 2);
  expect(sum.told).toBeGreaterThan(seeds / 4);
});
