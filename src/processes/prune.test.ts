import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { until } from "../../test/setup/waiting.ts";
import { type ProcessId, processPaths, timestampOf } from "../contract/index.ts";
import { type NewNotice, openStore } from "../store/index.ts";
import { fakeKeeper } from "./testing/fakeKeeper.ts";
import { openTestRegistry, system } from "./testing/openTestRegistry.ts";
import { idOf, processesFolder, putEnded, putFolder } from "./testing/records.ts";
import type { RegistryConfig } from "./types.ts";

const dayMs = 86_400_000;
const agoMs = (ms: number) => timestampOf(system.clock.wallMs() - ms);

/** A home in which one start has just asked for the cleaning. */
async function stage(config: Partial<RegistryConfig>, put: (home: string) => void) {
  const { home, registry } = openTestRegistry(config);
  const keeper = await fakeKeeper(system, home);
  put(home);
  const start = () => registry.start({ command: "x", owner: { kind: "library" } });
  return { home, registry, keeper, start, has: (id: ProcessId) => existsSync(processPaths(home, id).folder) };
}

test("[P2] [P48] [defect 6.1.1] age is counted from the end; a live one is never too old", async () => {
  const { start, has } = await stage({}, (home) => {
    putEnded(home, 1, { exit: { ended_at: agoMs(7 * dayMs + 60_000), started_at: agoMs(8 * dayMs) } });
    putEnded(home, 2, {
      exit: { ended_at: agoMs(7 * dayMs - 60_000), started_at: agoMs(300 * dayMs) },
      spec: { created_at: agoMs(300 * dayMs) },
    });
    putFolder(home, 3, { spec: { created_at: agoMs(300 * dayMs) }, state: { started_at: agoMs(300 * dayMs) } });
  });
  await start();
  await until("the old one is gone", () => !has(idOf(1)));
  expect([has(idOf(2)), has(idOf(3))]).toEqual([true, true]);
});

test("[P3] [P48] [defect 6.1.2] the oldest ends go when there are too many; what has just ended stays for whoever waited for it", async () => {
  const { home, start, has } = await stage({ finishedMax: 2 }, (home) => {
    for (let number = 1; number <= 5; number += 1) putEnded(home, number, { exit: { ended_at: agoMs(number * 3_600_000) } });
    for (let number = 6; number <= 8; number += 1) putEnded(home, number, { exit: { ended_at: agoMs(0) } });
  });
  await start();
  await until("five are gone", () => readdirSync(processesFolder(home)).filter((name) => name.startsWith("proc_")).length === 4);
  expect([6, 7, 8].map((number) => has(idOf(number)))).toEqual([true, true, true]);
});

test("[P48] output of all together is bounded: the oldest finished go until it fits", async () => {
  const output = { 0: "x".repeat(1000) };
  const { start, has } = await stage({ homeOutputBytesMax: 2500 }, (home) => {
    for (let number = 1; number <= 4; number += 1) putEnded(home, number, { output, exit: { ended_at: agoMs(number * 3_600_000) } });
    // A live one's output is its own affair.
    putFolder(home, 9, { output: { 0: "x".repeat(100_000) } });
  });
  await start();
  await until("the oldest are gone", () => !has(idOf(3)) && !has(idOf(4)));
  expect([has(idOf(1)), has(idOf(2)), has(idOf(9))]).toEqual([true, true, true]);
});

test("an ending that cannot be read counts by its file's time; leftovers of a cut-off removal and of a cut-off start go", async () => {
  const { home, start, has } = await stage({}, (home) => {
    const id = putEnded(home, 1, { exit: { code: "noise" as never } });
    utimesSync(processPaths(home, id).exit, new Date(1000), new Date(1000));
    mkdirSync(join(processesFolder(home), ".leaving_proc_000000000007", "output"), { recursive: true });
    const empty = putFolder(home, 2, { spec: null, state: null });
    utimesSync(processPaths(home, empty).folder, new Date(1000), new Date(1000));
    // Somebody is making this one right now.
    putFolder(home, 3, { spec: null, state: null });
  });
  await start();
  await until(
    "they are gone",
    () => !has(idOf(1)) && !has(idOf(2)) && !existsSync(join(processesFolder(home), ".leaving_proc_000000000007")),
  );
  expect(has(idOf(3))).toBe(true);
});

test("at most once a minute for the whole home, and again when the clock was set back", async () => {
  const { home, start, has } = await stage({ finishedMax: 0 }, (home) => putEnded(home, 1, { exit: { ended_at: agoMs(dayMs) } }));
  const stamp = join(processesFolder(home), ".pruned");
  await start();
  await until("it is gone", () => !has(idOf(1)));
  putEnded(home, 2, { exit: { ended_at: agoMs(dayMs) } });
  const before = await until("the stamp is set", () => system.files.stat(stamp)?.ino);
  await start();
  expect(system.files.stat(stamp)?.ino).toBe(before);
  expect(has(idOf(2))).toBe(true);
  const future = new Date(system.clock.wallMs() + dayMs);
  utimesSync(stamp, future, future);
  await start();
  await until("it is gone as well", () => !has(idOf(2)));
});

test("a cleaning that is cut short goes on where it stopped, and only its end sets the stamp", async () => {
  const { home, registry } = openTestRegistry();
  const count = 40;
  for (let number = 1; number <= count; number += 1) putEnded(home, number, { exit: { ended_at: agoMs(8 * dayMs) } });
  const stamp = join(processesFolder(home), ".pruned");
  const progress = join(processesFolder(home), ".cleaning");
  expect(await registry.prune({ budgetMs: 0 })).toEqual([]);
  const looked = () => JSON.parse(readFileSync(progress, "utf8")).looked.length as number;
  expect(looked()).toBe(16);
  // What it knows is not read again.
  for (let number = 1; number <= 16; number += 1) writeFileSync(processPaths(home, idOf(number)).exit, "noise");
  expect(await registry.prune({ budgetMs: 0 })).toEqual([]);
  expect([looked(), existsSync(stamp)]).toEqual([32, false]);
  const removed = new Set<ProcessId>();
  for (let calls = 0; !existsSync(stamp); calls += 1) {
    expect(calls).toBeLessThan(count + 2);
    for (const id of await registry.prune({ budgetMs: 0 })) removed.add(id);
  }
  expect(removed.size).toBe(count);
  expect(readdirSync(processesFolder(home)).filter((name) => name.includes("proc_"))).toEqual([]);
  expect(readFileSync(progress, "utf8")).toBe("");
  putEnded(home, 99, { exit: { ended_at: agoMs(8 * dayMs) } });
  expect(await registry.prune()).toEqual([]);
});

test("noise in the progress costs no more than looking again; two programs do not clean at once", async () => {
  const { home, registry } = openTestRegistry();
  const old = putEnded(home, 1, { exit: { ended_at: agoMs(8 * dayMs) } });
  const progress = join(processesFolder(home), ".cleaning");
  writeFileSync(progress, '{"format":1,"looked":[["../../etc",0,0]]}');
  const other = system.locks.tryTake(progress);
  expect(await registry.prune()).toEqual([]);
  other?.release();
  expect(await registry.prune()).toEqual([old]);
});

test("what somebody is still to be told of stays beyond the limits, four times as long", async () => {
  const { home, registry } = openTestRegistry();
  const ended = (number: number, days: number) => putEnded(home, number, { exit: { ended_at: agoMs(days * dayMs) } });
  const [wished, told, known, forgotten, plain] = [ended(1, 8), ended(2, 9), ended(3, 10), ended(4, 29), ended(5, 8)];
  for (const id of [wished, told, known, forgotten]) registry.interest.update(id, { notify_on_complete: true });
  const store = openStore({ home, system });
  onTestFinished(() => store[Symbol.dispose]());
  const notice = (id: ProcessId, noticeId: string): NewNotice => ({
    id: noticeId,
    kind: "completion",
    process_id: id,
    session: null,
    task: null,
    generation: "g",
    weight: "turn",
    created_at: agoMs(0),
    data: {},
    text: "it ended",
  });
  store.notices.add(notice(told, "note_000000000001"), `completion:${told}`);
  store.notices.add(notice(known, "note_000000000002"), `completion:${known}`);
  store.notices.consume({ id: "note_000000000002" });
  expect(new Set(await registry.prune())).toEqual(new Set([known, forgotten, plain]));
  expect(registry.list({ all: true }).map((view) => view.id)).toEqual(expect.arrayContaining([wished, told]));
});
