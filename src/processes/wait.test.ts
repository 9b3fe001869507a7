import { expect, test } from "vitest";
import { deadline, until } from "../../test/setup/waiting.ts";
import { fakeKeeper } from "./testing/fakeKeeper.ts";
import { openTestRegistry, system } from "./testing/openTestRegistry.ts";
import { idOf, putEnded, putFolder } from "./testing/records.ts";
import type { Registry, WaitOptions } from "./types.ts";

const wait = (registry: Registry, options: WaitOptions) => deadline(registry.wait(options), 20_000, "the wait ends");

async function stage(live: number) {
  const { home, registry } = openTestRegistry();
  const keeper = await fakeKeeper(system, home);
  const ids = Array.from({ length: live }, (_, index) => {
    const id = putFolder(home, index + 1, { state: null });
    keeper.holds(id);
    return id;
  });
  return { home, registry, keeper, ids };
}

test("what has ended needs no waiting and no keeper", async () => {
  const { home, registry } = openTestRegistry();
  const id = putEnded(home, 1, { exit: { code: 7 } });
  const result = await wait(registry, { ids: [id, id] });
  expect(result.reason).toBe("exit");
  expect(result.processes).toHaveLength(1);
  expect(result.processes[0]).toMatchObject({ id, phase: "ended", exit: { code: 7 } });
});

test("`all` waits for the last, `any` for the first; the answer has every process in the order asked", async () => {
  const { registry, keeper, ids } = await stage(2);
  const [first, second] = ids as [string, string];
  const any = wait(registry, { ids: [second, first], mode: "any" });
  let allDone = false;
  const all = wait(registry, { ids: [first, second] }).finally(() => {
    allDone = true;
  });
  await until("both listen on one connection", () => keeper.listeners === 1);
  keeper.ends(first, { code: 1 });
  expect(await any).toMatchObject({
    reason: "exit",
    processes: [
      { id: second, phase: "running" },
      { id: first, phase: "ended" },
    ],
  });
  expect(allDone).toBe(false);
  keeper.ends(second, { code: 2 });
  expect(await all).toMatchObject({ reason: "exit", processes: [{ exit: { code: 1 } }, { exit: { code: 2 } }] });
  await until("nobody listens any more", () => keeper.listeners === 0);
});

test("[peer 21] an end between the look and the bell is not missed", async () => {
  const { registry, keeper, ids } = await stage(1);
  const id = ids[0] as string;
  const pending = wait(registry, { ids: [id] });
  // No turn of the loop has passed: the wait has looked and its connection is not made yet.
  keeper.ends(id, { code: 9 });
  expect(await pending).toMatchObject({ reason: "exit", processes: [{ exit: { code: 9 } }] });
});

test("[defect 6.1.21] 0 looks, a deadline is a normal answer, an aborted signal too", async () => {
  const { registry, keeper, ids } = await stage(1);
  expect(await wait(registry, { ids, deadlineSeconds: 0 })).toMatchObject({ reason: "deadline", processes: [{ phase: "running" }] });
  expect(keeper.asked).toEqual([]);
  expect(keeper.listeners).toBe(0);
  expect(await wait(registry, { ids, deadlineSeconds: 0.02 })).toMatchObject({ reason: "deadline" });
  const abort = new AbortController();
  const interrupted = wait(registry, { ids, signal: abort.signal, deadlineSeconds: Number.POSITIVE_INFINITY });
  await until("it listens", () => keeper.listeners === 1);
  abort.abort();
  expect(await interrupted).toMatchObject({ reason: "interrupted", processes: [{ phase: "running" }] });
  expect(await wait(registry, { ids, signal: abort.signal })).toMatchObject({ reason: "interrupted" });
  await until("nobody listens any more", () => keeper.listeners === 0);
});

test("output wakes nobody who waits for an end", async () => {
  const { home, keeper, ids } = await stage(1);
  const id = ids[0] as string;
  let looks = 0;
  const stat: typeof system.files.stat = (path) => {
    if (path.endsWith("exit.json")) looks += 1;
    return system.files.stat(path);
  };
  const { registry } = openTestRegistry({}, { home, system: { ...system, files: { ...system.files, stat } } });
  const pending = wait(registry, { ids: [id] });
  await until("it listens", () => keeper.listeners === 1);
  const before = looks;
  for (let line = 0; line < 100; line += 1) keeper.ring({ type: "output", id, end: line });
  keeper.ends(id);
  await pending;
  expect(looks - before).toBeLessThan(20);
});

test("a keeper that is connected and says nothing holds up nobody who waits for another's process", async () => {
  const { registry, keeper, ids, home } = await stage(1);
  const silent = await fakeKeeper(system, home, "v0-silent");
  silent.deaf("mute");
  const pending = wait(registry, { ids });
  await until("it listens", () => keeper.listeners === 1);
  keeper.ends(ids[0] as string);
  expect(await pending).toMatchObject({ reason: "exit" });
});

test.each([
  [{ ids: [] }, "BAD_REQUEST"],
  [{ ids: [idOf(1)], deadlineSeconds: -1 }, "BAD_REQUEST"],
  [{ ids: [idOf(1)], deadlineSeconds: Number.NaN }, "BAD_REQUEST"],
  [{ ids: [idOf(1), idOf(2)] }, "PROCESS_NOT_FOUND"],
])("%j is refused", async (options, code) => {
  const { registry } = await stage(1);
  await expect(registry.wait(options)).rejects.toMatchObject({ code });
});

test("a keeper that dies while somebody waits, and cannot be succeeded, is told", async () => {
  const { home, registry } = openTestRegistry({ keeperStartMsMax: 3000 });
  const keeper = await fakeKeeper(system, home, "v1-other");
  const id = putFolder(home, 1, { state: null });
  keeper.holds(id);
  const pending = wait(registry, { ids: [id] });
  pending.catch(() => {});
  await until("it listens", () => keeper.listeners === 1);
  await keeper.die();
  await expect(pending).rejects.toMatchObject({ code: "KEEPER_UNAVAILABLE" });
});

test("a keeper that dies while somebody waits is succeeded by one that lives: it is asked to adopt, and the wait goes on", async () => {
  const { home, registry } = openTestRegistry();
  const old = await fakeKeeper(system, home, "v1-other");
  const successor = await fakeKeeper(system, home);
  const id = putFolder(home, 1, { state: null });
  old.holds(id);
  successor.play("/v1/adopt", () => {
    successor.holds(id, { adoptions: 1 });
    return { status: 200, body: { adopted: 1 } };
  });
  const pending = wait(registry, { ids: [id] });
  await until("it listens to both", () => old.listeners === 1 && successor.listeners === 1);
  await old.die();
  await until("it was adopted", () => registry.get(id).adoptions === 1);
  successor.ends(id, { code: 4 });
  expect(await pending).toMatchObject({ reason: "exit", processes: [{ exit: { code: 4 } }] });
});

test("a start that was cut off is waited for to the end that a keeper states for it", async () => {
  const { home, registry } = openTestRegistry();
  const keeper = await fakeKeeper(system, home);
  const id = putFolder(home, 1, { state: null });
  keeper.play("/v1/adopt", () => {
    keeper.ends(id, { cause: "failed_start", code: null });
    return { status: 200, body: { adopted: 0 } };
  });
  expect(await wait(registry, { ids: [id] })).toMatchObject({ reason: "exit", processes: [{ exit: { cause: "failed_start" } }] });
});
