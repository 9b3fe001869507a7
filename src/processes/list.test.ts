import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../../test/setup/folders.ts";
import { HermaError, isHermaError, ProcessView, processPaths, ReadResult, timestampOf } from "../contract/index.ts";
import { fakeKeeper } from "./testing/fakeKeeper.ts";
import { openTestRegistry, system } from "./testing/openTestRegistry.ts";
import { exitOf, idOf, otherBoot, processesFolder, putEnded, putFolder, specOf, stateOf } from "./testing/records.ts";

test("a home that does not exist has no processes, and looking at it makes nothing", () => {
  const home = join(temporaryFolder(), "none");
  const { registry } = openTestRegistry({}, { home });
  expect(registry.list({ all: true })).toEqual([]);
  expect(() => registry.resolve("web")).toThrow("there is no process");
  expect(system.files.stat(home)).toBeNull();
});

test("newest first; ended ones only with `all`; by session", async () => {
  const { home, registry } = openTestRegistry();
  const keeper = await fakeKeeper(system, home);
  const oldest = putFolder(home, 1, { state: null, spec: { created_at: timestampOf(1_000), owner: { kind: "tool", session: "a" } } });
  keeper.holds(oldest);
  const newest = putFolder(home, 2, { state: null, spec: { created_at: timestampOf(3_000), owner: { kind: "tool", session: "b" } } });
  keeper.holds(newest);
  const ended = putEnded(home, 3, { spec: { created_at: timestampOf(2_000), owner: { kind: "tool", session: "a" } } });
  expect(registry.list().map((view) => view.id)).toEqual([newest, oldest]);
  expect(registry.list({ all: true }).map((view) => view.id)).toEqual([newest, ended, oldest]);
  expect(registry.list({ all: true, session: "a" }).map((view) => view.id)).toEqual([ended, oldest]);
  expect(registry.list({ session: "none" })).toEqual([]);
});

test("[P20] [compat 1] [defect 6.1.24] a view puts the files together: what runs, what ended, and what is kept of the output", async () => {
  const { home, registry } = openTestRegistry();
  const keeper = await fakeKeeper(system, home);
  const identity = system.processes.self();
  const id = putFolder(home, 1, { state: null, spec: { name: "web", command: ["a", "b"], cwd: "/srv" } });
  const startedAt = timestampOf(system.clock.wallMs() - 5_000);
  const intent = { source: "process.kill", at: startedAt, grace_ms: 1 };
  keeper.holds(id, { phase: "stopping", identity, intent, started_at: startedAt, stdin: "open", paused: true, adoptions: 2 });
  keeper.print(id, 0, "x".repeat(10));
  keeper.print(id, 30, "y".repeat(5));
  const view = registry.get(id);
  expect(ProcessView.parse(view)).toEqual(view);
  expect(view).toMatchObject({
    id,
    name: "web",
    command: ["a", "b"],
    cwd: "/srv",
    phase: "stopping",
    pid: identity.pid,
    stopping_for: "process.kill",
    paused: true,
    adoptions: 2,
    stdin: "open",
    output: { end: 35, kept_bytes: 15, dropped_bytes: 20 },
    exit: null,
    ended_at: null,
    problem: null,
  });
  // The keeper's clock said five seconds ago; the kernel knows better, as after a clock that was set.
  const ageMs = system.processes.ageMs(view.identity!)!;
  expect(Math.abs(view.uptime_seconds! * 1000 - ageMs)).toBeLessThan(5_000);
  expect([view.created_at, view.started_at].every((at) => at?.endsWith("+00:00"))).toBe(true);

  keeper.ends(id, { code: 3, output_end: 40, started_at: startedAt, ended_at: timestampOf(Date.parse(startedAt) + 1_500) });
  expect(registry.get(id)).toMatchObject({
    phase: "ended",
    pid: null,
    stdin: "closed",
    paused: false,
    stopping_for: null,
    uptime_seconds: 1.5,
    // The last five bytes were lost behind the last segment.
    output: { end: 40, kept_bytes: 15, dropped_bytes: 25 },
    exit: { code: 3 },
    problem: null,
  });
});

test("a live process without a living keeper says so; one whose start was cut off as well", () => {
  const { home, registry } = openTestRegistry();
  const orphan = putFolder(home, 1);
  const cutOff = putFolder(home, 2, { state: null });
  const beingStarted = putFolder(home, 3, { state: null, spec: { starter: system.processes.self() } });
  expect(registry.get(orphan).problem).toBe("its keeper is gone; another one takes it over");
  expect(registry.get(cutOff)).toMatchObject({ phase: "starting", problem: "its start was never finished" });
  expect(registry.get(beingStarted)).toMatchObject({ phase: "starting", problem: null });
});

test("an unknown id, and what is no id at all, are not found; nothing outside is reached", () => {
  const { home, registry } = openTestRegistry();
  mkdirSync(join(home, "outside"), { recursive: true });
  writeFileSync(join(home, "outside", "spec.json"), JSON.stringify(specOf(idOf(1))));
  for (const id of [idOf(7), "../outside", "proc_../../outside", "", "proc_0123456789abc", "PROC_0123456789AB"]) {
    expect(() => registry.get(id)).toThrow(expect.objectContaining({ code: "PROCESS_NOT_FOUND" }));
    expect(() => registry.read(id)).toThrow(expect.objectContaining({ code: "PROCESS_NOT_FOUND" }));
  }
});

describe("resolve", () => {
  test("id, prefix, bare digits, name", async () => {
    const { home, registry } = openTestRegistry();
    const keeper = await fakeKeeper(system, home);
    const web = putFolder(home, 0xabcd_0000_0001, { spec: { name: "web" }, state: null });
    keeper.holds(web);
    const other = putEnded(home, 0xabce_0000_0001, { spec: { name: "web" } });
    const hex = putEnded(home, 0x1234_0000_0001, { spec: { name: "abcd" } });
    expect(registry.resolve(web)).toBe(web);
    expect(registry.resolve("proc_abcd")).toBe(web);
    expect(registry.resolve(" PROC_ABCE ")).toBe(other);
    expect(registry.resolve("abce")).toBe(other);
    // A live one has the name before an ended one.
    expect(registry.resolve("web")).toBe(web);
    // A word that is both is a name first.
    expect(registry.resolve("abcd")).toBe(hex);
    expect(() => registry.resolve("proc_abc")).toThrow(expect.objectContaining({ code: "PROCESS_NOT_FOUND" }));
    expect(() => registry.resolve("wep")).toThrow(/did you mean web\?/);
    expect(() => registry.resolve("../web")).toThrow(expect.objectContaining({ code: "PROCESS_NOT_FOUND" }));
    // Whether there is one is found out by whoever does something with it.
    expect(registry.resolve(idOf(99))).toBe(idOf(99));
  });

  test("a prefix that fits several is refused with the ids; among ended ones of a name the last is meant", () => {
    const { home, registry } = openTestRegistry();
    const first = putEnded(home, 0xabcd_0000_0001, { spec: { name: "job" }, exit: { ended_at: timestampOf(9_000) } });
    const second = putEnded(home, 0xabcd_0000_0002, { spec: { name: "job" }, exit: { ended_at: timestampOf(5_000) } });
    expect(() => registry.resolve("abcd")).toThrow(expect.objectContaining({ code: "PROCESS_AMBIGUOUS", data: { ids: [first, second] } }));
    expect(registry.resolve("abcd00000002")).toBe(second);
    expect(registry.resolve("job")).toBe(first);
  });
});

describe("files that are not what they should be", () => {
  const whole = {
    "spec.json": JSON.stringify(specOf(idOf(1), { name: "web" })),
    "state.json": JSON.stringify(stateOf(idOf(1))),
    "exit.json": JSON.stringify(exitOf(idOf(1))),
  } as const;
  type Name = keyof typeof whole;

  /** Everything that reads must still answer in its own form. */
  function lookAtAll(registry: ReturnType<typeof openTestRegistry>["registry"], id = idOf(1)): ProcessView {
    const all = registry.list({ all: true });
    for (const view of all) ProcessView.parse(view);
    ProcessView.array().parse(registry.list());
    ReadResult.parse(registry.read(id));
    registry.resolve(id);
    try {
      registry.resolve("web");
    } catch (error) {
      expect(isHermaError(error, "PROCESS_NOT_FOUND")).toBe(true);
    }
    return registry.get(id);
  }

  test.each(Object.keys(whole) as Name[])("%s cut off at every byte", (name) => {
    const { home, registry } = openTestRegistry();
    putFolder(home, 1, { exit: {}, output: { 0: "text" } });
    const path = join(processesFolder(home), idOf(1), name);
    for (let length = 0; length < whole[name].length; length += 1) {
      writeFileSync(path, whole[name].slice(0, length));
      expect(lookAtAll(registry).problem).toContain(`${name} cannot be read`);
    }
    writeFileSync(path, whole[name]);
    expect(lookAtAll(registry).problem).toBeNull();
  });

  test("[compat 7] noise, other JSON, wrong types", () => {
    const { home, registry } = openTestRegistry();
    putFolder(home, 1, { exit: {}, output: { 0: "text" } });
    const json = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      fc.json().map((text) => Buffer.from(text)),
      // Whole files with one value of another kind.
      fc.tuple(fc.constantFrom(...(Object.keys(whole) as Name[])), fc.nat(40), fc.jsonValue()).map(([name, index, value]) => {
        const object = JSON.parse(whole[name]) as Record<string, unknown>;
        const keys = Object.keys(object);
        object[keys[index % keys.length] as string] = value;
        return Buffer.from(JSON.stringify(object));
      }),
    );
    fc.assert(
      fc.property(fc.constantFrom(...(Object.keys(whole) as Name[])), json, (name, bytes) => {
        const path = join(processesFolder(home), idOf(1), name);
        writeFileSync(path, bytes);
        lookAtAll(registry);
        writeFileSync(path, whole[name]);
      }),
      { numRuns: 300 },
    );
  });

  test("links, folders and foreign files in their places", () => {
    const { home, registry } = openTestRegistry();
    for (const name of Object.keys(whole) as Name[]) {
      for (const put of [
        (path: string) => symlinkSync("/etc/passwd", path),
        (path: string) => mkdirSync(path),
        (path: string) => symlinkSync("/nonexistent", path),
        (path: string) => writeFileSync(path, "x".repeat(2_000_000)),
      ]) {
        rmSync(processesFolder(home), { recursive: true, force: true });
        putFolder(home, 1, { exit: {}, output: { 0: "text" } });
        const path = join(processesFolder(home), idOf(1), name);
        rmSync(path);
        put(path);
        expect(lookAtAll(registry).problem).toContain(`${name} cannot be read`);
      }
    }
  });

  test("[peer 36] an output folder that is a link to another is not followed", () => {
    const { home, registry } = openTestRegistry();
    const id = putFolder(home, 1, { output: {} });
    const elsewhere = temporaryFolder();
    writeFileSync(join(elsewhere, "00000000000000000000.log"), "not ours");
    const { output } = processPaths(home, id);
    rmSync(output, { recursive: true });
    symlinkSync(elsewhere, output);
    expect(registry.get(id).output).toEqual({ end: 0, kept_bytes: 0, dropped_bytes: 0 });
    expect(registry.read(id).text).toBe("");
  });

  test("[peer 36] output: links are not followed, names that are no offsets are left alone", () => {
    const { home, registry } = openTestRegistry();
    const id = putEnded(home, 1, { output: { 0: "good" } });
    const { output } = processPaths(home, id);
    symlinkSync("/etc/passwd", join(output, "00000000000000000004.log"));
    writeFileSync(join(output, "notes.txt"), "no");
    mkdirSync(join(output, "00000000000000000010.log"));
    expect(lookAtAll(registry, id).output).toEqual({ end: 4, kept_bytes: 4, dropped_bytes: 0 });
    expect(registry.read(id)).toMatchObject({ text: "good", end: 4 });
  });

  test("another process's file in this folder is no file of this process", () => {
    const { home, registry } = openTestRegistry();
    const id = putFolder(home, 1, { exit: null });
    writeFileSync(processPaths(home, id).exit, JSON.stringify(exitOf(idOf(2))));
    expect(registry.get(id).problem).toContain("exit.json cannot be read");
  });

  test("recover sets corrupt files aside, once, and the process can still be seen", async () => {
    const { home, registry } = openTestRegistry();
    const id = putFolder(home, 1, { spec: null, state: null, exit: null });
    writeFileSync(processPaths(home, id).spec, "noise");
    expect(await registry.recover()).toBe(0);
    expect(readFileSync(`${processPaths(home, id).spec}.corrupt`, "utf8")).toBe("noise");
    expect(system.files.stat(processPaths(home, id).spec)).toBeNull();
    expect(registry.get(id)).toMatchObject({ command: "", problem: "it has no spec.json" });
    expect(registry.list({ all: true })).toHaveLength(1);
  });

  test("a folder that is being made shows nothing yet", () => {
    const { home, registry } = openTestRegistry();
    putFolder(home, 1, { spec: null, state: null });
    expect(registry.list({ all: true })).toEqual([]);
    expect(() => registry.get(idOf(1))).toThrow(expect.objectContaining({ code: "PROCESS_NOT_FOUND" }));
  });
});

test("512 ended folders cost the live list little, and none of them is read for it", async () => {
  const { home, registry } = openTestRegistry();
  const keeper = await fakeKeeper(system, home);
  for (let number = 1; number <= 512; number += 1) putEnded(home, number, { output: { 0: "text" } });
  const live = putFolder(home, 600, { state: null });
  keeper.holds(live);
  // Unreadable ones would be a problem if they were read.
  for (let number = 1; number <= 512; number += 1) writeFileSync(processPaths(home, idOf(number)).spec, "noise");
  expect(registry.list().map((view) => view.id)).toEqual([live]);
  expect(registry.list({ all: true })).toHaveLength(513);
  // Ended ones stay known as ended even when the folder is moved about.
  renameSync(processPaths(home, idOf(1)).folder, join(home, "moved"));
  expect(registry.list()).toHaveLength(1);
});

test("state of another boot is not taken for a live keeper", () => {
  const { home, registry } = openTestRegistry();
  const self = system.processes.self();
  const id = putFolder(home, 1, {
    state: { keeper: { generation: "v1-x", instance_id: "b", identity: { ...self, boot_id: otherBoot.boot_id } } },
  });
  expect(registry.get(id).problem).toContain("keeper is gone");
});

test("processes that cannot be listed are not told to be none", async () => {
  const home = temporaryFolder();
  putEnded(home, 1);
  let refused = false;
  const list = (folder: string): string[] => {
    if (refused) throw new HermaError("IO", `Cannot list ${folder}: EACCES`);
    return system.files.list(folder);
  };
  const { registry } = openTestRegistry({}, { home, system: { ...system, files: { ...system.files, list } } });
  const stop = registry.onFact(() => {});
  refused = true;
  const failure = expect.objectContaining({ code: "HOME_UNUSABLE", message: expect.stringContaining("EACCES") });
  for (const look of [
    () => registry.list({ all: true }),
    () => registry.list(),
    () => registry.resolve("name"),
    () => registry.queries.countRunning(),
  ])
    expect(look).toThrow(failure);
  for (const act of [() => registry.killAll(), () => registry.recover(), () => registry.endLifetime({ lifetime: "session" })])
    await expect(act()).rejects.toEqual(failure);
  refused = false;
  expect(registry.list({ all: true })).toHaveLength(1);
  stop();
});
