import { existsSync, readFileSync, rmSync, watch, writeFileSync } from "node:fs";
import { join } from "node:path";
import nodeProcess from "node:process";
import { expect, test } from "vitest";
import { type ExitDiaryEntry, GatewayRecord, GatewayStateFile, homePaths, timestampOf } from "../../src/contract/index.ts";
import { lookAtHeartbeat, noisyFiles, readDiary } from "../../src/lifecycle/index.ts";
import { judgeHeartbeat } from "../../src/rules/index.ts";
import { nodeSystem } from "../../src/system/index.ts";
import { diceOf } from "../setup/dice.ts";
import { temporaryFolder } from "../setup/folders.ts";
import { deadline, until } from "../setup/waiting.ts";
import { startGateway } from "./gateways.ts";
import type { Started } from "./servers.ts";

/** 40 take about a minute of a small machine. */
const kills = Number(nodeProcess.env.HERMA_GATEWAY_KILLS ?? 40);
const seed = Number(nodeProcess.env.HERMA_GATEWAY_KILLS_SEED ?? 1);
const scenes = ["boot", "drain", "takeover", "shutdown"] as const;
/** What comes after the first change of the home: claim, records, sockets, readiness. */
const climbMs = 120;
const drainMs = 40;
const descentMs = 40;

const dice = diceOf(seed);
const system = nodeSystem();

/** A gateway whose end has to be told by somebody: by itself, or by the next. */
type Life = { readonly pid: number; readonly killed: boolean };

/** After that many milliseconds, or behind the next change in the home, if that is sooner and `onChange`. */
async function moment(folder: string, ms: number, onChange: boolean): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const watcher = onChange ? watch(folder, () => resolve()) : null;
  const timer = setTimeout(resolve, ms);
  await promise;
  watcher?.close();
  clearTimeout(timer);
}

async function killed(gateway: Started): Promise<void> {
  gateway.child.kill("SIGKILL");
  await deadline(gateway.exit, 30_000, "the end of the killed");
}

async function ready(gateway: Started, at: string): Promise<void> {
  const address = await deadline(gateway.ready, 60_000, `${at}: READY`);
  expect(address, `${at}: ${gateway.stderr()}`).not.toBeNull();
}

/** Nobody has the home now, and nothing in it says otherwise or is half written. */
function verifyDown(folder: string, at: string): void {
  expect(noisyFiles(system.files, folder, null), at).toEqual([]);
  const seen = lookAtHeartbeat(folder, system);
  expect(judgeHeartbeat({ owner: seen.owner, state: seen.state, answers: null }).alive, `${at}: ${JSON.stringify(seen)}`).not.toBe(true);
}

/** The gateway runs, and its files name it alone. */
function verifyUp(folder: string, gateway: Started, at: string): void {
  const paths = homePaths(folder);
  const json = (path: string): unknown => JSON.parse(readFileSync(path, "utf8"));
  expect(GatewayStateFile.parse(json(paths.gatewayState)), at).toMatchObject({
    pid: gateway.pid,
    gateway_state: "running",
    phase: "running",
  });
  for (const path of [paths.gatewayPid, paths.hermaLock, paths.gatewayLock])
    expect(GatewayRecord.parse(json(path)).pid, `${at} ${path}`).toBe(gateway.pid);
  expect(system.locks.look(paths.hermaLock), at).toEqual({ held: true, pid: gateway.pid });
}

/** Each that had the home has one end on record, and one that was killed did not end by another's verdict. */
function verifyTold(folder: string, lives: readonly Life[], at: string): void {
  const diary = readDiary(system.files, folder);
  for (const { pid, killed: byUs } of lives) {
    const own = diary.filter((entry) => entry.pid === pid);
    const words = `${at}, pid ${pid}: ${JSON.stringify(own)}`;
    const ends = own.filter(({ event }) => event !== "start");
    // One that died before its first word has left nothing to tell, or its state alone.
    if (own.some(({ event }) => event === "start")) expect(ends.length, words).toBe(1);
    for (const end of ends) expect(truthful(end, byUs), words).toBe(true);
  }
}

function truthful({ event, verdict, reason }: ExitDiaryEntry, byUs: boolean): boolean {
  if (event === "exit") return reason !== "uncaught" && reason !== "frozen_loop";
  return byUs && verdict === "killed";
}

/** Plays a scene until its kill. Returns who lived, and who may live still. */
async function play(folder: string, scene: (typeof scenes)[number], at: string): Promise<{ lives: Life[]; living: Started | null }> {
  const first = startGateway(folder);
  if (scene === "boot") {
    await moment(folder, dice.below(1_000), dice.below(4) > 0);
    await moment(folder, dice.below(climbMs), false);
    await killed(first);
    return { lives: [{ pid: first.pid, killed: true }], living: null };
  }
  await ready(first, at);
  if (scene === "drain") {
    const { drainMarker } = homePaths(folder);
    writeFileSync(drainMarker, JSON.stringify({ action: "drain", requested_at: timestampOf(Date.now()), principal: "test" }));
    await moment(folder, dice.below(drainMs), false);
    if (dice.below(2) === 0) {
      rmSync(drainMarker, { force: true });
      await moment(folder, dice.below(drainMs), false);
    }
    await killed(first);
    // It may never have seen that; the next one honours what stands.
    rmSync(drainMarker, { force: true });
    return { lives: [{ pid: first.pid, killed: true }], living: null };
  }
  if (scene === "shutdown") {
    first.child.kill(dice.below(4) === 0 ? "SIGTERM" : "SIGINT");
    await moment(folder, dice.below(descentMs), false);
    await killed(first);
    return { lives: [{ pid: first.pid, killed: true }], living: null };
  }
  const second = startGateway(folder, ["--port", "0", "--replace"]);
  await moment(folder, 5_000, true);
  await moment(folder, dice.below(climbMs), false);
  if (dice.below(2) === 0) {
    await killed(first);
    await ready(second, `${at}, the new one`);
    return { lives: [{ pid: first.pid, killed: true }], living: second };
  }
  await killed(second);
  const lives = [{ pid: second.pid, killed: true }];
  const over = first.exit.then(() => true);
  // Told to make room it goes; else it serves on.
  await until(`${at}: the old one has gone or serves`, async () => (await Promise.race([over, answers(first)])) === true, {
    deadlineMs: 60_000,
  });
  const gone = first.child.exitCode !== null;
  if (gone) expect((await first.exit).code, `${at}: ${first.stderr()}`).toBe(0);
  return { lives: gone ? [...lives, { pid: first.pid, killed: false }] : lives, living: gone ? null : first };
}

async function answers(gateway: Started): Promise<boolean> {
  const address = await gateway.ready;
  const answer = await fetch(`${address}/readyz`, { signal: AbortSignal.timeout(2_000) }).catch(() => null);
  return answer?.status === 200;
}

test(`[peer 26] ${kills} gateways killed at odd moments of boot, drain, takeover and shutdown: the next one starts, tells what happened, and no file lies`, {
  timeout: 60_000 + kills * 15_000,
}, async () => {
  const folder = temporaryFolder();
  let told = 0;
  for (let kill = 1; kill <= kills; kill += 1) {
    const scene = scenes[kill % scenes.length] ?? "boot";
    const at = `kill ${kill} (${scene}), seed ${seed}`;
    const { lives, living } = await play(folder, scene, at);
    const all = [...lives];
    if (living === null) verifyDown(folder, at);
    else {
      verifyUp(folder, living, at);
      // Some of them end in order, so that not everything is a crash.
      const byForce = dice.below(2) === 0;
      living.child.kill(byForce ? "SIGKILL" : "SIGINT");
      await deadline(living.exit, 60_000, `${at}: its end`);
      all.push({ pid: living.pid, killed: byForce });
    }
    const next = startGateway(folder);
    await ready(next, `${at}, the next one`);
    verifyUp(folder, next, at);
    verifyTold(folder, all, at);
    told += readDiary(system.files, folder).filter(({ event, pid }) => event === "autopsy" && all.some((life) => life.pid === pid)).length;
    next.child.kill("SIGINT");
    expect(await deadline(next.exit, 60_000, `${at}: the end of the next one`), at).toEqual({ code: 0, signal: null });
    expect(GatewayStateFile.parse(JSON.parse(readFileSync(homePaths(folder).gatewayState, "utf8"))), at).toMatchObject({
      pid: next.pid,
      gateway_state: "stopped",
    });
    expect(existsSync(join(folder, "gateway.pid")), at).toBe(false);
  }
  // Else the kills miss.
  expect(told).toBeGreaterThan(kills / 4);
});
