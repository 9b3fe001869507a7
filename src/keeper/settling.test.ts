import { expect, test } from "vitest";
import { type ExitFile, exitReservedBytes, processPaths } from "../contract/index.ts";
import { type FakeSystem, fakeSystem } from "../system/fake/index.ts";
import { type SeenEnd, storeExit } from "./exitRecord.ts";
import { Settling } from "./settling.ts";

const id = "proc_0000000000aa";
const paths = processPaths("/home", id);
const end: SeenEnd = { exit: { code: 3, signal: null, usage: null }, evidence: "wait", at: "2026-01-01T00:00:00.000+00:00" };

type Stage = {
  readonly system: FakeSystem;
  readonly settling: Settling;
  readonly stored: ExitFile[];
  readonly noted: SeenEnd[];
  readonly writes: string[];
  verdict: Promise<unknown> | null;
  outputEnd: number;
  refuse: boolean;
};

function stage(): Stage {
  const system = fakeSystem();
  system.files.makeFolder(paths.folder);
  system.files.reserve(paths.exitReserved, exitReservedBytes);
  const fulfil = system.files.fulfil.bind(system.files);
  const made: Omit<Stage, "settling"> = { system, stored: [], noted: [], writes: [], verdict: null, outputEnd: 0, refuse: false };
  system.files.fulfil = (...file) => {
    made.writes.push(String(file[2]));
    return made.refuse ? Promise.reject(new Error("bad sector")) : fulfil(...file);
  };
  const settling = new Settling({
    system,
    paths,
    log: () => {},
    folderGone: () => system.files.stat(paths.folder) === null,
    facts: () => ({ id, intent: null, startedAt: null, failure: null, foundDead: null, memoryRanOut: false, survivors: [], losses: [] }),
    outputEnd: () => made.outputEnd,
    verdict: () => made.verdict,
    note: (seen) => made.noted.push(seen),
    stored: (file) => made.stored.push(file),
  });
  return Object.assign(made, { settling });
}

const pass = (on: Stage, ms: number): Promise<void> => on.system.machine.time.advance(ms);

test("settled once, whatever asks for it: the exit, the stream, the quiet, a verdict", async () => {
  const on = stage();
  const verdict = Promise.withResolvers<void>();
  on.verdict = verdict.promise;
  expect(on.settling.saw(end, false)).toBe(true);
  expect(on.settling.saw({ ...end, at: "2026-01-02T00:00:00.000+00:00" }, true)).toBe(false);
  on.settling.settle();
  on.settling.settle();
  expect(on.noted).toHaveLength(1);
  await pass(on, 5000);
  expect(on.writes).toEqual([]);
  verdict.resolve();
  await pass(on, 5000);
  on.settling.settle();
  await pass(on, 5000);
  expect(on.writes).toHaveLength(1);
  expect(on.stored).toMatchObject([{ code: 3, ended_at: end.at }]);
  expect(on.settling.file).toBe(on.stored[0]);
});

test("output up to the moment it settles is part of the run, whenever it is written down", async () => {
  const on = stage();
  const verdict = Promise.withResolvers<void>();
  on.verdict = verdict.promise;
  on.outputEnd = 10;
  on.settling.saw(end, true);
  await pass(on, 300);
  on.outputEnd = 20;
  verdict.reject(new Error("the table cannot be read"));
  await pass(on, 10);
  expect(on.stored).toMatchObject([{ output_end: 10 }]);
});

test("while output comes it drains on, at most two seconds; an end that lasts is noted", async () => {
  const on = stage();
  on.settling.saw(end, true);
  await pass(on, 4);
  expect(on.noted).toEqual([]);
  await pass(on, 2);
  expect(on.noted).toEqual([end]);
  for (let at = 0; at < 10; at += 1) {
    on.settling.heard();
    await pass(on, 199);
  }
  expect(on.stored).toHaveLength(0);
  await pass(on, 10);
  expect(on.stored).toHaveLength(1);
  expect(on.system.machine.time.waiting).toBe(0);
});

test("let go of while the disk refuses: no try is left, and the end is noted", async () => {
  const on = stage();
  on.refuse = true;
  on.settling.saw(end, false);
  await pass(on, 100);
  await on.settling.tried;
  expect(on.settling.file).toBeNull();
  expect(on.noted).toEqual([end]);
  const gone = on.settling.letGo();
  await pass(on, 0);
  await gone;
  expect(on.system.machine.time.waiting).toBe(0);
  await pass(on, 5000);
  expect(on.writes).toHaveLength(1);
});

test("let go of before its end: one that comes later is noted, and not written", async () => {
  const on = stage();
  await on.settling.letGo();
  on.settling.saw(end, false);
  on.settling.settle();
  await pass(on, 5000);
  expect(on.noted).toEqual([end]);
  expect(on.writes).toEqual([]);
});

test("let go of in the middle of the drain: the end is noted at once", async () => {
  const on = stage();
  on.settling.saw(end, true);
  await on.settling.letGo();
  expect(on.noted).toEqual([end]);
  expect(on.system.machine.time.waiting).toBe(0);
});

test("an ending that stands is never written again", async () => {
  const { system, writes } = stage();
  system.files.replace(paths.exit, '{"the":"first"}', { durable: false });
  await storeExit(system.files, paths, { id } as ExitFile);
  expect(writes).toEqual([]);
  expect(system.files.read(paths.exit)?.toString()).toBe('{"the":"first"}');
});
