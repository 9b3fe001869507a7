import { rmSync } from "node:fs";
import nodeProcess from "node:process";
import { expect, test } from "vitest";
import { plantedKey, plantedSecrets } from "../../../test/fixtures/secrets.ts";
import { deadline, until } from "../../../test/setup/waiting.ts";
import { processPaths } from "../../contract/index.ts";
import { FakeTime } from "../../system/fake/index.ts";
import { fakeKeeper } from "../testing/fakeKeeper.ts";
import { openTestRegistry, system } from "../testing/openTestRegistry.ts";
import { putEnded, putFolder } from "../testing/records.ts";
import type { Registry, WaitOptions } from "../types.ts";

const wait = (registry: Registry, options: WaitOptions) => deadline(registry.wait(options), 20_000, "the wait ends");

/** A clock that stands still unless the test lets time pass. */
function clockOf(time: FakeTime): typeof system.clock {
  return { monotonicMs: () => time.nowMs, wallMs: () => time.nowMs, after: (ms, fn) => time.after(ms, null, fn) };
}

async function stage(live = 1, sockets: Partial<typeof system.sockets> = {}) {
  const { home, registry } = openTestRegistry({}, { system: { ...system, sockets: { ...system.sockets, ...sockets } } });
  const keeper = await fakeKeeper(system, home);
  const ids = Array.from({ length: live }, (_, index) => {
    const id = putFolder(home, index + 1, { state: null });
    keeper.holds(id);
    return id;
  });
  return { home, registry, keeper, ids, id: ids[0] as string };
}

test("[peer 9] a line whose bytes come one by one is matched once, whatever cuts it", async () => {
  const line = "→ Lokal: http://127.0.0.1:5173/ bereit\n";
  const bytes = Buffer.from(line);
  const { registry, keeper, ids } = await stage(bytes.length - 1);
  const waits = ids.map((id) => wait(registry, { ids: [id], until: { match: "127.0.0.1:5173/ bereit" } }));
  await until("they listen", () => keeper.listeners === 1);
  for (const [index, id] of ids.entries()) keeper.print(id, 0, Buffer.concat([Buffer.from("x\n"), bytes.subarray(0, index + 1)]));
  for (const [index, id] of ids.entries()) keeper.print(id, 0, bytes.subarray(index + 1));
  for (const [index, one] of waits.entries()) {
    const { reason, processes } = await one;
    expect(reason).toBe("match");
    expect(processes[0]).toMatchObject({ id: ids[index], met: true, settled_by: "match", match: { offset: 2 } });
    expect(processes[0]?.match?.line).toContain("127.0.0.1:5173/ bereit");
  }
});

test("a match across segments and chunk borders, colours in between, and one in output that was there before", async () => {
  const { home, registry } = openTestRegistry();
  const filler = "y".repeat(99).concat("\n").repeat(6000);
  const marked = "ser\u001B[32mver\u001B[0m ready\n";
  for (const [number, cut] of [3, 6, 9, 14].entries()) {
    const first = filler + marked.slice(0, cut);
    const id = putFolder(home, number + 1, { output: { 0: first, [first.length]: marked.slice(cut) }, exit: { output_end: 900_000 } });
    const { reason, processes } = await wait(registry, { ids: [id], until: { match: "server ready" } });
    expect(reason).toBe("match");
    expect(processes[0]).toMatchObject({ met: true, match: { line: "server ready", offset: filler.length } });
  }
});

test("[peer 34] the line of a match is masked by what stands around it: a private key's, and a token that has only begun", async () => {
  const { home, registry } = openTestRegistry();
  const key = plantedKey();
  const { secret } = plantedSecrets()[0] as { secret: string };
  const text = `${key.text}token: ${secret.slice(0, 14)}`;
  const id = putFolder(home, 1, { output: { 0: text }, exit: { output_end: text.length } });
  for (const [match, shown] of [
    [key.lines[20]?.slice(0, 12) ?? "", "***"],
    ["token", "token: ***"],
  ] as const) {
    const { processes } = await wait(registry, { ids: [id], until: { match } });
    expect(processes[0]).toMatchObject({ met: true, match: { line: shown } });
  }
});

test("`after` leaves out what was before; an end without a match settles the wait, not met", async () => {
  const { home, registry } = openTestRegistry();
  const id = putEnded(home, 1, { output: { 0: "ready\nbusy\n" } });
  expect(await wait(registry, { ids: [id], until: { match: "ready" } })).toMatchObject({ reason: "match" });
  const after = await wait(registry, { ids: [id], until: { match: "ready" }, after: 6 });
  expect(after).toMatchObject({ reason: "exit", processes: [{ met: false, settled_by: "exit", exit: { code: 0 } }] });
  expect(after.processes[0]).not.toHaveProperty("match");
});

test("[compat 13] what others print behind the end is not its output", async () => {
  const { home, registry } = openTestRegistry();
  const id = putEnded(home, 1, { output: { 0: "own\nready\n" }, exit: { output_end: 4 } });
  expect(await wait(registry, { ids: [id], until: { match: "ready" } })).toMatchObject({ reason: "exit", processes: [{ met: false }] });
});

test("a prompt without an end of line counts at once; a pattern that looks at the line's end waits until it is quiet", async () => {
  const { registry, keeper, ids } = await stage(2);
  const [prompt, done] = ids as [string, string];
  const literal = wait(registry, { ids: [prompt], until: { match: "Password:" } });
  const anchored = wait(registry, { ids: [done], until: { match: "^done$", re2: true } });
  await until("they listen", () => keeper.listeners === 1);
  keeper.print(prompt, 0, "Password: ");
  expect(await literal).toMatchObject({ reason: "match", processes: [{ match: { line: "Password: ", offset: 0 } }] });
  keeper.print(done, 0, "done");
  keeper.print(done, 0, " and gone\ndone");
  expect(await anchored).toMatchObject({ reason: "match", processes: [{ match: { line: "done", offset: 14 } }] });
});

test("an end in the middle of the last line still counts that line", async () => {
  const { registry, keeper, id } = await stage();
  const pending = wait(registry, { ids: [id], until: { match: "^bye$", re2: true } });
  await until("it listens", () => keeper.listeners === 1);
  keeper.print(id, 0, "bye");
  keeper.ends(id, { output_end: 3 });
  expect(await pending).toMatchObject({ reason: "match", processes: [{ met: true, exit: { code: 0 } }] });
});

test("any: the first that is met; all: until each is met, and no longer than all can be", async () => {
  const { registry, keeper, ids } = await stage(3);
  const [first, second, third] = ids as [string, string, string];
  const options = { until: { match: "up" } };
  const any = wait(registry, { ...options, ids, mode: "any" });
  const all = wait(registry, { ...options, ids: [first, second] });
  const broken = wait(registry, { ...options, ids: [first, third] });
  await until("they listen", () => keeper.listeners === 1);
  keeper.print(second, 0, "up\n");
  expect(await any).toMatchObject({ reason: "match", processes: [{ met: false, settled_by: null }, { met: true }, { met: false }] });
  keeper.ends(third, { code: 1 });
  expect(await broken).toMatchObject({ reason: "exit", processes: [{ settled_by: null }, { met: false, settled_by: "exit" }] });
  keeper.print(first, 0, "up\n");
  expect(await all).toMatchObject({ reason: "match", processes: [{ met: true }, { met: true }] });
});

test("a folder that is removed under a wait ends it", async () => {
  const { home, registry, keeper, id } = await stage();
  const pending = wait(registry, { ids: [id], until: { match: "never" } });
  pending.catch(() => {});
  await until("it listens", () => keeper.listeners === 1);
  rmSync(processPaths(home, id).folder, { recursive: true });
  await expect(pending).rejects.toMatchObject({ code: "PROCESS_NOT_FOUND" });
});

test("quiet: the time begins anew with each byte, and an end is no quiet", async () => {
  const time = new FakeTime(0);
  let looks = 0;
  const list: typeof system.files.list = (folder) => {
    looks += 1;
    return system.files.list(folder);
  };
  const { home, keeper, ids } = await stage(2);
  const [busy, ending] = ids as [string, string];
  const { registry } = openTestRegistry({}, { home, system: { ...system, clock: clockOf(time), files: { ...system.files, list } } });
  let settled = false;
  const pending = wait(registry, { ids: [busy], until: { quietSeconds: 0.3 } }).finally(() => {
    settled = true;
  });
  const ended = wait(registry, { ids: [ending], until: { quietSeconds: 30 } });
  await until("they listen", () => keeper.listeners === 1);
  for (let turn = 0; turn < 4; turn += 1) {
    looks = 0;
    keeper.print(busy, 0, ".");
    await until("it was heard", () => looks > 0);
    await time.advance(200);
  }
  expect(settled).toBe(false);
  await time.advance(100);
  expect(await pending).toMatchObject({ reason: "quiet", processes: [{ met: true, settled_by: "quiet" }] });
  keeper.ends(ending);
  expect(await ended).toMatchObject({ reason: "exit", processes: [{ met: false }] });
});

test("a deadline of 0 looks at everything there is, however much, and asks once", async () => {
  let asked = 0;
  const httpStatus = async (): Promise<number> => {
    asked += 1;
    return 503;
  };
  const { registry, keeper, id } = await stage(1, { httpStatus });
  keeper.print(id, 0, "z".repeat(9_999_999).concat("\nneedle\n"));
  expect(await wait(registry, { ids: [id], until: { match: "needle" }, deadlineSeconds: 0 })).toMatchObject({ reason: "match" });
  expect(await wait(registry, { ids: [id], until: { match: "absent" }, deadlineSeconds: 0 })).toMatchObject({ reason: "deadline" });
  expect(await wait(registry, { ids: [id], until: { http: "http://127.0.0.1/" }, deadlineSeconds: 0 })).toMatchObject({
    reason: "deadline",
  });
  expect(asked).toBe(1);
  expect(keeper.listeners).toBe(0);
});

test("port: a listener of the process counts without a connection, one of another does not, an unknown one is connected to", async () => {
  let owner: "ours" | "other" | "unknown" = "other";
  let connections = 0;
  let asked = 0;
  const { registry, keeper, id } = await stage(1, {
    listeners: () => {
      asked += 1;
      return [77];
    },
    holds: (pid) => {
      if (owner === "unknown") return null;
      return pid === (owner === "ours" ? keeper.hello().identity.pid : nodeProcess.pid);
    },
    connects: async (host) => {
      connections += 1;
      return host === "127.0.0.1";
    },
  });
  const { pid } = keeper.hello().identity;
  keeper.holds(id, { group: pid, session: pid });
  const pending = wait(registry, { ids: [id], until: { port: 8080 } });
  await until("somebody else's was seen", () => asked > 2);
  owner = "ours";
  expect(await pending).toMatchObject({ reason: "port", processes: [{ met: true, settled_by: "port" }] });
  expect(connections).toBe(0);
  owner = "unknown";
  expect(await wait(registry, { ids: [id], until: { port: 8080 } })).toMatchObject({ reason: "port" });
  expect(connections).toBeGreaterThan(0);
});

test("http: statuses that do, and that do not", async () => {
  const answers: (number | null)[] = [null, 500, 404, 302];
  const { registry, id } = await stage(1, { httpStatus: async () => (answers.length > 1 ? answers.shift() : answers[0]) ?? null });
  expect(await wait(registry, { ids: [id], until: { http: "http://localhost:1/x" } })).toMatchObject({ reason: "http" });
  expect(answers).toEqual([302]);
  const exact = await wait(registry, { ids: [id], until: { http: "http://localhost:1/x", status: 204 }, deadlineSeconds: 0.3 });
  expect(exact).toMatchObject({ reason: "deadline", processes: [{ met: false, settled_by: null }] });
});

test.each([
  [{ match: "" }, "pattern"],
  [{ match: "(", re2: true }, "RE2"],
  [{ quietSeconds: 0 }, "quietSeconds"],
  [{ quietSeconds: Number.NaN }, "quietSeconds"],
  [{ port: 0 }, "port"],
  [{ port: 70_000 }, "port"],
  [{ http: "ftp://x" }, "http"],
  [{}, "until"],
])("%j is refused with a sentence", async (what, word) => {
  const { home, registry } = openTestRegistry();
  const id = putEnded(home, 1);
  const refused = registry.wait({ ids: [id], until: what as NonNullable<WaitOptions["until"]> });
  await expect(refused).rejects.toMatchObject({ code: "BAD_REQUEST", message: expect.stringContaining(word) });
});

test("a thousand waits on a hundred processes cost next to nothing while nothing happens, and end together", async () => {
  const time = new FakeTime(0);
  let timers = 0;
  let looks = 0;
  const { home, keeper, ids } = await stage(100);
  const plain = clockOf(time);
  const clock: typeof system.clock = {
    ...plain,
    after: (ms, fn, options) => {
      timers += 1;
      return plain.after(ms, fn, options);
    },
  };
  const read: typeof system.files.read = (path, bytesMax) => {
    looks += 1;
    return system.files.read(path, bytesMax);
  };
  const { registry } = openTestRegistry({}, { home, system: { ...system, clock, files: { ...system.files, read } } });
  const waits = Array.from({ length: 1000 }, (_, index) =>
    wait(registry, { ids: [ids[index % 100] as string], until: index % 2 === 0 ? "exit" : { match: "never" } }),
  );
  await until("they listen", () => keeper.listeners === 1);
  // The first polls may still find processes that no keeper was known to ring for.
  await time.advance(1500);
  await until("all are looked at", async () => {
    looks = 0;
    await time.advance(1000);
    return looks === 0;
  });
  [timers, looks] = [0, 0];
  await time.advance(3000);
  expect(timers).toBeLessThan(10);
  expect(looks).toBeLessThan(50);
  for (const id of ids) keeper.ends(id);
  for (const one of waits) expect((await one).reason).toBe("exit");
});
