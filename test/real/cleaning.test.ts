import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import nodeProcess from "node:process";
import { expect, onTestFinished, test } from "vitest";
import { type ProcessId, processPaths, timestampOf } from "../../src/contract/index.ts";
import { idOf, putEnded } from "../../src/processes/testing/records.ts";
import { event, until } from "../setup/waiting.ts";
import { type Home, herma, makeHome, root, runHerma } from "./home.ts";

const dayMs = 86_400_000;
const old = 300;

/** A home with many that ended long ago, one that ended lately, one that lives, and one whose end somebody is still to be told. */
async function crowdedHome(): Promise<{ home: Home; stays: ProcessId[]; left: () => number }> {
  const home = makeHome();
  const live = await home.start(["sleep", "600"]);
  await until("the first start has cleaned", () => existsSync(join(home.home, "processes", ".pruned")));
  const ended = (number: number, days: number) =>
    putEnded(home.home, number, { exit: { ended_at: timestampOf(Date.now() - days * dayMs) }, output: { 0: "some output\n" } });
  for (let number = 1; number <= old; number += 1) ended(number, 8);
  const [young, owed] = [ended(9001, 6), ended(9002, 8)];
  home.registry.interest.update(owed, { notify_on_complete: true });
  // As if the cleaning of just now had been long ago.
  home.system.files.removeTree(join(home.home, "processes", ".pruned"));
  const left = () => readdirSync(join(home.home, "processes")).filter((name) => name >= idOf(1) && name <= idOf(old)).length;
  return { home, stays: [live.id, young, owed], left };
}

function thereAre(home: Home, ids: readonly ProcessId[]): boolean[] {
  return ids.map((id) => existsSync(processPaths(home.home, id).folder));
}

test("[P2] [P48] `herma run -d` alone keeps the limits, and answers before it cleans", async () => {
  const { home, stays, left } = await crowdedHome();
  expect(left()).toBe(old);
  // Each has half a second; a slow disk may take several.
  await until(
    "they are gone",
    async () => {
      const { code, stdout } = await runHerma(home.home, ["run", "-d", "--", "true"]);
      expect([code, stdout]).toEqual([0, expect.stringMatching(/^proc_[0-9a-f]{12}\n$/)]);
      return left() === 0;
    },
    { deadlineMs: 60_000 },
  );
  expect(thereAre(home, stays)).toEqual([true, true, true]);
});

test("[P2] [P48] an idle gateway keeps the limits", async () => {
  const { home, stays, left } = await crowdedHome();
  const gateway = spawn(herma, ["gateway", "run", "--home", home.home, "--port", "0"], { stdio: "ignore", env: nodeProcess.env });
  onTestFinished(async () => {
    gateway.kill("SIGKILL");
    if (gateway.exitCode === null && gateway.signalCode === null) await event(gateway, "close");
  });
  await until("they are gone", () => left() === 0, { deadlineMs: 60_000 });
  expect(thereAre(home, stays)).toEqual([true, true, true]);
});

test("whoever waits for a cleaning is answered, also a program that has nothing else to do", async () => {
  const { home } = await crowdedHome();
  const program = `
    import { openRegistry } from "${root}/src/processes/index.ts";
    import { nodeSystem } from "${root}/src/system/index.ts";
    const registry = openRegistry({ home: ${JSON.stringify(home.home)}, system: nodeSystem(), clientName: "test" });
    await registry.prune({ budgetMs: 0 });
    process.exit(5);`;
  const child = spawn(nodeProcess.execPath, ["--input-type=module", "-e", program], { stdio: "ignore" });
  const [code] = await event(child, "close");
  expect(code).toBe(5);
});
