import { rmSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { deadline, until } from "../../test/setup/waiting.ts";
import { type ProcessId, processPaths } from "../contract/index.ts";
import { segmentName } from "../rules/index.ts";
import { fakeKeeper } from "./testing/fakeKeeper.ts";
import { openTestRegistry, system } from "./testing/openTestRegistry.ts";
import { putEnded, putFolder } from "./testing/records.ts";
import type { FollowChunk, Registry } from "./types.ts";

/** Follows to the end in the background; what came stands in `seen`. */
function following(registry: Registry, id: ProcessId, options: Parameters<Registry["follow"]>[1] = {}) {
  const seen: FollowChunk[] = [];
  const done = (async () => {
    for await (const chunk of registry.follow(id, options)) {
      seen.push(chunk.kind === "gap" ? chunk : { ...chunk, bytes: Buffer.from(chunk.bytes) });
    }
  })();
  // A follow that fails is looked at by whoever awaits `done`; until then it is no unhandled rejection.
  done.catch(() => {});
  return { seen, done: () => deadline(done, 20_000, "the follow ends"), text: () => textOf(seen) };
}

function textOf(chunks: readonly FollowChunk[]): string {
  return chunks.map((chunk) => (chunk.kind === "gap" ? `<${chunk.from}-${chunk.to}>` : Buffer.from(chunk.bytes).toString())).join("");
}

test("an ended process: all that is kept, gaps in their place, no keeper asked", async () => {
  const { home, registry } = openTestRegistry();
  const id = putEnded(home, 1, { output: { 0: "aaa", 5: "bbb" }, exit: { output_end: 12 } });
  const all = following(registry, id);
  await all.done();
  expect(all.text()).toBe("aaa<3-5>bbb<8-12>");
  const part = following(registry, id, { since: 6 });
  await part.done();
  expect(part.text()).toBe("bb<8-12>");
  expect(part.seen[0]).toMatchObject({ kind: "bytes", offset: 6 });
  const behind = following(registry, id, { since: 400 });
  await behind.done();
  expect(behind.seen).toEqual([]);
});

test("no chunk is larger than 64 KiB, and the offsets join", async () => {
  const { home, registry } = openTestRegistry();
  const bytes = Buffer.alloc(300_000, "0123456789abcdef");
  const id = putEnded(home, 1, { output: { 0: bytes.subarray(0, 262_144), 262144: bytes.subarray(262_144) } });
  const all = following(registry, id);
  await all.done();
  let at = 0;
  for (const chunk of all.seen) {
    if (chunk.kind === "gap") throw new Error("there is no gap");
    expect(chunk.offset).toBe(at);
    expect(chunk.bytes.length).toBeLessThanOrEqual(65_536);
    at += chunk.bytes.length;
  }
  expect(Buffer.concat(all.seen.map((chunk) => (chunk.kind === "bytes" ? chunk.bytes : Buffer.alloc(0))))).toEqual(bytes);
});

test("[P29] output comes as it is printed, bytes after the exit as well, and the follow ends by itself", async () => {
  const { home, registry } = openTestRegistry();
  const keeper = await fakeKeeper(system, home);
  const id = putFolder(home, 1, { state: null });
  keeper.holds(id);
  keeper.print(id, 0, "early ");
  const live = following(registry, id);
  await until("the first bytes", () => live.text() === "early ");
  await until("it listens", () => keeper.listeners === 1);
  keeper.print(id, 0, "more ");
  await until("more bytes", () => live.text() === "early more ");
  // A later segment behind a hole.
  keeper.print(id, 20, "tail");
  await until("the gap", () => live.text() === "early more <11-20>tail");
  keeper.print(id, 20, "!late");
  keeper.ends(id, { output_end: 25 });
  await live.done();
  expect(live.text()).toBe("early more <11-20>tail!late");
  await until("nobody listens any more", () => keeper.listeners === 0);
});

test("[peer 13] the consumer's pace is the only pace: nothing is read ahead while it does not ask", async () => {
  const { home, registry } = openTestRegistry();
  const keeper = await fakeKeeper(system, home);
  const id = putFolder(home, 1, { state: null });
  keeper.holds(id);
  keeper.print(id, 0, "a".repeat(262_144));
  const chunks = registry.follow(id)[Symbol.asyncIterator]();
  const first = await chunks.next();
  expect(first.value).toMatchObject({ kind: "bytes", offset: 0 });
  // What retention takes meanwhile was never read, so it is a gap now.
  unlinkSync(join(processPaths(home, id).output, segmentName(0)));
  keeper.print(id, 262_144, "bbb");
  keeper.ends(id, { output_end: 262_147 });
  const rest: FollowChunk[] = [];
  for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) rest.push(next.value);
  expect(rest[0]).toEqual({ kind: "gap", from: 65_536, to: 262_144 });
  expect(textOf(rest.slice(1))).toBe("bbb");
});

test("a consumer that stops lets go of everything; so does an aborted signal", async () => {
  const { home, registry } = openTestRegistry();
  const keeper = await fakeKeeper(system, home);
  const id = putFolder(home, 1, { state: null });
  keeper.holds(id);
  keeper.print(id, 0, "x");
  const abort = new AbortController();
  const live = following(registry, id, { signal: abort.signal });
  await until("it listens", () => keeper.listeners === 1);
  // A second one shares the connection.
  const chunks = registry.follow(id)[Symbol.asyncIterator]();
  await chunks.next();
  const pending = chunks.next();
  expect(keeper.listeners).toBe(1);
  abort.abort();
  await live.done();
  expect(live.text()).toBe("x");
  expect(keeper.listeners).toBe(1);
  keeper.print(id, 0, "y");
  expect(textOf([(await pending).value as FollowChunk])).toBe("y");
  await chunks.return?.();
  await until("nobody listens any more", () => keeper.listeners === 0);
  const dead = new AbortController();
  dead.abort();
  const none = following(registry, id, { signal: dead.signal });
  await none.done();
  expect(none.seen).toEqual([]);
});

test("a keeper whose bells are out of order: the folder is watched, and nothing is missed", async () => {
  const { home, registry } = openTestRegistry();
  const keeper = await fakeKeeper(system, home);
  keeper.deaf(true);
  const id = putFolder(home, 1, { state: null });
  keeper.holds(id);
  const live = following(registry, id);
  keeper.print(id, 0, "one ");
  await until("the first bytes", () => live.text() === "one ");
  keeper.print(id, 0, "two ");
  await until("more bytes", () => live.text() === "one two ");
  keeper.deaf(false);
  await until("it listens again", () => keeper.listeners === 1);
  keeper.deaf(false);
  keeper.print(id, 0, "three");
  keeper.ends(id, { output_end: 13 });
  await live.done();
  expect(live.text()).toBe("one two three");
});

test("a process whose keeper has died and cannot be succeeded: the follow says so instead of waiting for ever", async () => {
  const { home, registry } = openTestRegistry({ keeperStartMsMax: 3000 });
  const keeper = await fakeKeeper(system, home, "v1-other");
  const id = putFolder(home, 1, { state: null });
  keeper.holds(id);
  keeper.print(id, 0, "x");
  const live = following(registry, id);
  await until("it listens", () => keeper.listeners === 1);
  await keeper.die();
  await expect(live.done()).rejects.toMatchObject({
    code: "KEEPER_UNAVAILABLE",
    message: expect.stringContaining("this keeper will not live"),
  });
  expect(live.text()).toBe("x");
});

test("a folder that is removed under a follow ends it", async () => {
  const { home, registry } = openTestRegistry();
  const keeper = await fakeKeeper(system, home);
  const id = putFolder(home, 1, { state: null });
  keeper.holds(id);
  const live = following(registry, id);
  await until("it listens", () => keeper.listeners === 1);
  rmSync(processPaths(home, id).folder, { recursive: true });
  await live.done();
});

test("what cannot be followed is refused", async () => {
  const { home, registry } = openTestRegistry();
  const id = putEnded(home, 1);
  await expect(following(registry, "proc_00000000dead").done()).rejects.toMatchObject({ code: "PROCESS_NOT_FOUND" });
  await expect(following(registry, id, { since: -1 }).done()).rejects.toMatchObject({ code: "BAD_REQUEST" });
});
