import { expect, test } from "vitest";
import type { ConformanceWorld } from "./world.ts";

/** Larger than any pid there is. */
const nobody = 4_194_305;

export function vitalsConform(given: () => ConformanceWorld): void {
  test("of a program its name, state and parent are told, of nobody nothing", async () => {
    const { system } = given();
    const self = system.processes.self().pid;
    const seen = system.vitals.program(self);
    expect(seen).toMatchObject({ pid: self, name: expect.any(String), parent: expect.any(Number), commandLine: expect.any(String) });
    for (const pid of [nobody, 0, -1])
      expect(system.vitals.program(pid)).toMatchObject({ pid, name: null, parent: null, commandLine: null, tracer: null });
  });

  test("the machine and our own memory are told in numbers, or not at all", () => {
    const { vitals } = given().system;
    const { load1m, memoryFreeBytes, oomKills } = vitals.machine();
    for (const number of [load1m, memoryFreeBytes, oomKills]) if (number !== null) expect(number).toBeGreaterThanOrEqual(0);
    const { rssBytes, heapBytes, heapBytesMax } = vitals.memory();
    expect(rssBytes).toBeGreaterThan(0);
    expect(heapBytesMax).toBeGreaterThan(heapBytes);
  });

  test("a loop that turns is left alone, and watching it ends when it is told to", async () => {
    const { system, folder, pass } = given();
    const problems: unknown[] = [];
    const end = { exitCode: 70, diaryPath: `${folder}/diary`, entry: {}, statePath: `${folder}/state`, change: {} };
    const plan = { beatMs: 10, reportPath: `${folder}/loop.json`, reportMs: 1000, standstillMs: 30_000, endMs: 60_000, facts: {}, end };
    const watch = system.loop.watch(plan, (error) => problems.push(error));
    await pass(50);
    expect(watch.takeLagMs()).toBeGreaterThanOrEqual(0);
    await watch.stop();
    await watch.stop();
    expect(problems).toEqual([]);
    expect(system.files.stat(end.diaryPath)).toBeNull();
  });
}
