import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import nodeProcess from "node:process";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { GatewayRecord } from "../../src/contract/index.ts";
import { nodeSystem } from "../../src/system/index.ts";
import { temporaryFolder } from "../setup/folders.ts";
import { deadline, event, until } from "../setup/waiting.ts";
import { root } from "./home.ts";

const starter = join(root, "test/fixtures/programs/gatewayStarter.ts");
const startersAtOnce = 100;
const rounds = Number(nodeProcess.env.HERMA_STARTER_ROUNDS ?? 2);
/** Kills of one round: about a third of all starters, whoever holds the home among them. */
const killsMax = 35;

type Starter = { readonly child: ChildProcess; readonly pid: number; readonly exit: Promise<unknown>; gone: boolean };
type Held = { readonly epoch: number; readonly owner: string; readonly beat: number };

async function startWaiting(home: string, witness: string, mode: "once" | "standby"): Promise<Starter> {
  const child = spawn(nodeProcess.execPath, [starter, home, witness, mode], { stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.on("error", () => {});
  const one: Starter = { child, pid: child.pid ?? 0, exit: event(child, "exit", 300_000), gone: false };
  void one.exit.then(() => {
    one.gone = true;
  });
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await one.exit;
  });
  await event(child.stdout, "data", 120_000);
  return one;
}

test(`[S3] [S6] [peer 7] [peer 30] of ${startersAtOnce} starters at once never two hold the home, whoever is killed; one always does in the end, and nothing has to be removed by hand`, {
  timeout: 60_000 + rounds * 120_000,
}, async () => {
  const home = join(temporaryFolder(), "home");
  mkdirSync(home, { mode: 0o700 });
  const witness = join(temporaryFolder(), "witness");
  writeFileSync(witness, JSON.stringify({ epoch: 0, owner: "", beat: 0 }).padEnd(128));
  const held = (): Held => JSON.parse(readFileSync(witness, "utf8")) as Held;
  const system = nodeSystem();
  const random = fc.sample(fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), { numRuns: rounds * killsMax * 2, seed: 7 });
  const chance = (): number => random.pop() ?? 0.5;
  for (let round = 1; round <= rounds; round += 1) {
    const starters: Starter[] = [];
    // Not all at once: what begins at once is the claim, not the loading of programs.
    for (let index = 0; index < startersAtOnce; index += 10) {
      const modes = Array.from({ length: 10 }, (_, offset) => ((index + offset) % 4 === 0 ? ("once" as const) : ("standby" as const)));
      starters.push(...(await Promise.all(modes.map((mode) => startWaiting(home, witness, mode)))));
    }
    const before = held();
    for (const { child } of starters) child.stdin?.end();
    await until("the first holds it", () => held().epoch > before.epoch, { deadlineMs: 60_000 });
    for (let kill = 0; kill < killsMax; kill += 1) {
      const living = starters.filter((one) => !one.gone);
      const holder = living.find((one) => String(one.pid) === held().owner);
      const victim = (kill % 3 === 0 ? holder : undefined) ?? living[Math.floor(chance() * living.length)];
      const { epoch } = held();
      // Most die without a word; some holders let go in order.
      victim?.child.kill(victim === holder && chance() < 0.3 ? "SIGTERM" : "SIGKILL");
      if (victim !== holder || victim === undefined) continue;
      await deadline(victim.exit, 60_000, "the end of the holder");
      if (chance() < 0.7) await until("the next one holds it", () => held().epoch > epoch, { deadlineMs: 60_000 });
    }
    const last = await until(
      "one that lives holds it",
      () => {
        const now = held();
        return starters.some((one) => !one.gone && String(one.pid) === now.owner) && now.beat > 3 ? now : null;
      },
      { deadlineMs: 60_000 },
    );
    expect(system.locks.look(join(home, "herma.lock"))).toEqual({ held: true, pid: Number(last.owner) });
    expect(GatewayRecord.parse(JSON.parse(readFileSync(join(home, "gateway.pid"), "utf8"))).pid).toBe(Number(last.owner));
    expect(existsSync(`${witness}.violations`) ? readFileSync(`${witness}.violations`, "utf8") : "").toBe("");
    for (const { child } of starters) child.kill("SIGKILL");
    await Promise.all(starters.map((one) => one.exit));
  }
  const epochs = readFileSync(`${witness}.epochs`, "utf8")
    .trim()
    .split("\n")
    .map((line) => Number(line.split(" ")[0]));
  // Each holder once; one that was killed between its claim and its line is missing.
  expect(epochs).toEqual([...new Set(epochs)].sort((a, b) => a - b));
  expect(epochs.length).toBeGreaterThan(rounds);
});
