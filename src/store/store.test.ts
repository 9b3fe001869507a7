import { expect, onTestFinished, test } from "vitest";
import type { Notice } from "../contract/index.ts";
import { fakeSystem } from "../system/fake/index.ts";
import { openStore } from "./index.ts";
import { interestIn, newNotice, processId } from "./testing/things.ts";

const [one, two, three] = [processId(1), processId(2), processId(3)];

function memoryStore() {
  const system = fakeSystem();
  const store = openStore({ home: "/home", system, path: ":memory:" });
  onTestFinished(() => store[Symbol.dispose]());
  return { store, time: system.machine.time };
}

const ids = (notices: readonly Notice[]) => notices.map((notice) => notice.id);
const id = (n: number) => newNotice(n).id;

test("[P20] [compat 1] interest is read as it was put, replaced whole, and filtered", () => {
  const { store } = memoryStore();
  const rich = interestIn(two, {
    task: "t1",
    notify_on_complete: true,
    heartbeat_seconds: 60.5,
    purpose: "builds the shop; 'quoted' \"twice\" ünïcode \u{1f600}",
    route: { platform: "telegram", chat: "1" },
  });
  store.interests.put(rich);
  store.interests.put(interestIn(one, { session: null }));
  expect(store.interests.get(two)).toEqual(rich);
  expect(store.interests.get(three)).toBeNull();
  expect(store.interests.list().map((interest) => interest.process_id)).toEqual([one, two]);
  expect(store.interests.list({ session: "s1" })).toEqual([rich]);
  expect(store.interests.list({ session: "s1", task: "t2" })).toEqual([]);
  const plain = interestIn(two, { session: "s2" });
  store.interests.put(plain);
  expect(store.interests.get(two)).toEqual(plain);
});

test("what SQLite may cut, or UTF-8 cannot hold, is kept as U+FFFD; keys go by the same rule, JSON keeps all", () => {
  const { store } = memoryStore();
  const [odd, kept] = ["a\0b \ud800 c", "a\u{fffd}b \u{fffd} c"];
  store.interests.put(interestIn(one, { purpose: odd, session: odd, route: { odd } }));
  expect(store.interests.get(one)).toMatchObject({ purpose: kept, session: kept, route: { odd } });
  expect(store.interests.list({ session: odd })).toHaveLength(1);
  store.readers.acknowledge(one, odd, 5);
  expect(store.readers.acknowledged(one, odd)).toBe(5);
  expect(store.notices.add(newNotice(1, { text: odd, data: { odd } }), odd)).toBe(true);
  expect(store.notices.add(newNotice(2), odd)).toBe(false);
  expect(store.notices.get(id(1))).toMatchObject({ text: kept, data: { odd } });
});

test("removing interest takes watches, scan and readers along, and leaves notices and other processes alone", () => {
  const { store } = memoryStore();
  for (const process of [one, two]) {
    store.interests.put(interestIn(process));
    store.watches.add({ process_id: process, rule: { match: "x", mode: "once" }, from: 0 });
    store.scans.put({ process_id: process, offset: 5, state: {} });
    store.readers.acknowledge(process, "model", 7);
  }
  store.notices.add(newNotice(1), "k");
  store.interests.remove(one);
  expect(store.interests.get(one)).toBeNull();
  expect(store.watches.ofProcess(one)).toEqual([]);
  expect(store.scans.get(one)).toBeNull();
  expect(store.readers.acknowledged(one, "model")).toBe(0);
  expect(ids(store.notices.list())).toEqual([id(1)]);
  expect(store.watches.ofProcess(two)).toHaveLength(1);
  expect(store.readers.acknowledged(two, "model")).toBe(7);
});

test("watches keep what was given, change what may change, and their numbers are never used again", () => {
  const { store } = memoryStore();
  const rule = { match: { re2: "err(or)?" }, mode: "every" as const, negative_seconds: 5 };
  const first = store.watches.add({ process_id: one, rule, from: 12 });
  expect(first).toEqual({ id: 1, process_id: one, rule, from: 12, state: "active", hits: 0, deliveries: 0, last_match: null });
  const second = store.watches.add({ process_id: one, rule: { match: "ready", mode: "once" }, from: 0 });
  const changed = { ...first, state: "disabled" as const, hits: 9, deliveries: 8, last_match: 4096 };
  store.watches.save({ ...changed, from: 99, process_id: two });
  expect(store.watches.ofProcess(one)).toEqual([changed, second]);
  store.watches.remove(second.id);
  store.watches.save({ ...second, hits: 1 });
  expect(store.watches.ofProcess(one)).toEqual([changed]);
  expect(store.watches.add({ process_id: one, rule, from: 0 }).id).toBe(3);
});

test("processes to look at: active watches, heartbeats and ends that were asked for, until they were told", () => {
  const { store } = memoryStore();
  const watch = store.watches.add({ process_id: one, rule: { match: "x", mode: "once" }, from: 0 });
  store.interests.put(interestIn(two, { notify_on_complete: true }));
  store.interests.put(interestIn(three, { heartbeat_seconds: 60 }));
  store.interests.put(interestIn(processId(4)));
  expect(store.watches.active()).toEqual([one, two, three]);
  store.watches.save({ ...watch, state: "matched" });
  store.notices.add(newNotice(1, { process_id: two, kind: "watch_match" }), "match");
  expect(store.watches.active()).toEqual([two, three]);
  store.notices.add(newNotice(2, { process_id: two }), "end of two");
  store.notices.add(newNotice(3, { process_id: three }), "end of three");
  expect(store.watches.active()).toEqual([]);
  // It stays told when the notice is long forgotten.
  store.notices.consume({ process: two });
  store.notices.prune(0);
  expect(store.notices.get(id(2))).toBeNull();
  expect(store.watches.active()).toEqual([]);
});

test("scans, the breaker and readers", () => {
  const { store } = memoryStore();
  expect(store.scans.get(one)).toBeNull();
  store.scans.put({ process_id: one, offset: 2 ** 40, state: { open: [1, null, { deep: true }] } });
  store.scans.put({ process_id: two, offset: 1, state: {} });
  expect(store.scans.get(one)).toEqual({ process_id: one, offset: 2 ** 40, state: { open: [1, null, { deep: true }] } });
  store.scans.put({ process_id: one, offset: 3, state: {} });
  expect(store.scans.get(one)?.offset).toBe(3);
  expect(store.scans.breaker()).toBeNull();
  store.scans.putBreaker({ until: 5 });
  store.scans.putBreaker({ until: 6 });
  expect(store.scans.breaker()).toEqual({ until: 6 });
  store.readers.acknowledge(one, "model", 10);
  store.readers.acknowledge(one, "model", 4);
  store.readers.acknowledge(one, "cli", 3);
  expect([store.readers.acknowledged(one, "model"), store.readers.acknowledged(one, "cli")]).toEqual([10, 3]);
  expect(store.readers.acknowledged(two, "model")).toBe(0);
});

test("a notice is stored once per key, also when it is long forgotten while there is interest in its process", async () => {
  const { store, time } = memoryStore();
  store.interests.put(interestIn(one));
  expect(store.notices.add(newNotice(1), "end of one")).toBe(true);
  expect(store.notices.add(newNotice(2), "end of one")).toBe(false);
  expect(store.notices.get(id(2))).toBeNull();
  const stored = store.notices.get(id(1));
  expect(stored).toEqual({
    ...newNotice(1),
    state: "stored",
    attempts: 0,
    claimed_by: null,
    claimed_until: null,
    delivered_at: null,
    consumed_at: null,
    reason: null,
  });
  store.notices.consume({ id: id(1) });
  await time.advance(1000);
  expect(store.notices.prune(1001)).toBe(0);
  expect(store.notices.prune(1000)).toBe(1);
  expect(store.notices.add(newNotice(3), "end of one")).toBe(false);
  store.interests.remove(one);
  store.notices.prune(1000);
  expect(store.notices.add(newNotice(3), "end of one")).toBe(true);
});

test("of what has reached its reader only so much is kept, the newest; what has not stays", () => {
  const { store } = memoryStore();
  for (let number = 1; number <= 6; number += 1) store.notices.add(newNotice(number), `${number}`);
  for (const number of [1, 3, 4, 5]) store.notices.consume({ id: newNotice(number).id });
  expect(store.notices.prune(1000, 2)).toBe(2);
  expect(store.notices.list().map(({ id }) => id)).toEqual([2, 4, 5, 6].map((number) => newNotice(number).id));
  expect(store.notices.prune(1000, 2)).toBe(0);
});

test("an id that stands already is a bug of the caller, and nothing of it stays", () => {
  const { store } = memoryStore();
  store.notices.add(newNotice(1), "a");
  expect(() => store.notices.add(newNotice(1), "b")).toThrow(expect.objectContaining({ code: "INTERNAL" }));
  expect(store.notices.add(newNotice(2), "b")).toBe(true);
});

test("[defect 6.1.22] [peer 21] claims take the oldest first, by session and weight, and nobody else gets them", () => {
  const { store } = memoryStore();
  store.notices.add(newNotice(1), "1");
  store.notices.add(newNotice(2, { session: null }), "2");
  store.notices.add(newNotice(3, { weight: "context" }), "3");
  store.notices.add(newNotice(4, { session: "s2" }), "4");
  store.notices.add(newNotice(5), "5");
  const lease = { leaseMs: 1000, limit: 10 };
  expect(ids(store.notices.claim({ ...lease, claimant: "a", session: "s1", weights: ["turn"], limit: 1 }))).toEqual([id(1)]);
  expect(ids(store.notices.claim({ ...lease, claimant: "b", session: "s1" }))).toEqual([id(3), id(5)]);
  expect(ids(store.notices.claim({ ...lease, claimant: "c", session: null }))).toEqual([id(2)]);
  expect(store.notices.claim({ ...lease, claimant: "c", weights: [] })).toEqual([]);
  const [last] = store.notices.claim({ ...lease, claimant: "d" });
  expect(last).toMatchObject({ id: id(4), state: "claimed", attempts: 1, claimed_by: "d", claimed_until: "2026-01-01T00:00:01.000+00:00" });
  expect(last).toEqual(store.notices.get(id(4)));
  expect(store.notices.claim({ ...lease, claimant: "e" })).toEqual([]);
});

test("delivered by whoever holds the claim, once, and told so again when it asks again", () => {
  const { store } = memoryStore();
  store.notices.add(newNotice(1), "1");
  expect(store.notices.deliver(id(1), "a")).toBe(false);
  expect(store.notices.deliver(id(9), "a")).toBe(false);
  store.notices.claim({ claimant: "a", limit: 1, leaseMs: 1000 });
  expect(store.notices.deliver(id(1), "b")).toBe(false);
  expect(store.notices.deliver(id(1), "a")).toBe(true);
  expect(store.notices.get(id(1))).toMatchObject({
    state: "delivered",
    claimed_until: null,
    delivered_at: "2026-01-01T00:00:00.000+00:00",
  });
  expect(store.notices.deliver(id(1), "a")).toBe(true);
  expect(store.notices.deliver(id(1), "b")).toBe(false);
  expect(store.notices.claim({ claimant: "b", limit: 1, leaseMs: 1000 })).toEqual([]);
});

test("a claim that ran out is somebody else's to take; its late word changes nothing", async () => {
  const { store, time } = memoryStore();
  store.notices.add(newNotice(1), "1");
  store.notices.claim({ claimant: "a", limit: 1, leaseMs: 1000 });
  await time.advance(999);
  expect(store.notices.claim({ claimant: "b", limit: 1, leaseMs: 1000 })).toEqual([]);
  await time.advance(1);
  expect(store.notices.claim({ claimant: "b", limit: 1, leaseMs: 1000 })).toMatchObject([
    { attempts: 2, claimed_by: "b", reason: "the claim of a ran out" },
  ]);
  expect(store.notices.deliver(id(1), "a")).toBe(false);
  store.notices.release(id(1), "a", "late", 1);
  expect(store.notices.get(id(1))).toMatchObject({ state: "claimed", claimed_by: "b" });
  expect(store.notices.deliver(id(1), "b")).toBe(true);
});

test("given back it is free at once; given back too often it is dead, with the reason", () => {
  const { store } = memoryStore();
  store.notices.add(newNotice(1), "1");
  for (const attempt of [1, 2, 3]) {
    expect(store.notices.claim({ claimant: "a", limit: 1, leaseMs: 1000 })).toMatchObject([{ attempts: attempt }]);
    store.notices.release(id(1), "a", `failure ${attempt}`, 3);
  }
  expect(store.notices.get(id(1))).toMatchObject({ state: "dead", attempts: 3, reason: "failure 3", claimed_by: null });
  expect(store.notices.claim({ claimant: "a", limit: 1, leaseMs: 1000 })).toEqual([]);
  expect(store.notices.consume({ id: id(1) })).toBe(1);
});

test("a notice that kills each of its claimants is given up", async () => {
  const { store, time } = memoryStore();
  store.notices.add(newNotice(1), "1");
  for (const claimant of ["a", "b", "c"]) {
    expect(store.notices.claim({ claimant, limit: 1, leaseMs: 10, attemptsMax: 3 })).toHaveLength(1);
    await time.advance(10);
  }
  expect(store.notices.claim({ claimant: "d", limit: 1, leaseMs: 10, attemptsMax: 3 })).toEqual([]);
  expect(store.notices.get(id(1))).toMatchObject({ state: "dead", reason: "the claim of c ran out" });
});

test("whoever knows that the others are gone need not wait for their claims", () => {
  const { store } = memoryStore();
  for (const n of [1, 2, 3]) store.notices.add(newNotice(n), `${n}`);
  store.notices.claim({ claimant: "old", limit: 1, leaseMs: 60_000 });
  store.notices.claim({ claimant: "me", limit: 1, leaseMs: 60_000 });
  expect(store.notices.releaseOthers("me", "the gateway before had gone", 5)).toBe(1);
  expect(store.notices.get(id(1))).toMatchObject({ state: "stored", attempts: 1, reason: "the gateway before had gone" });
  expect(ids(store.notices.claim({ claimant: "me", limit: 5, leaseMs: 60_000 }))).toEqual([id(1), id(3)]);
});

test("what is known is told to nobody any more, whoever holds it", () => {
  const { store } = memoryStore();
  store.notices.add(newNotice(1), "1");
  store.notices.add(newNotice(2, { kind: "watch_match" }), "2");
  store.notices.add(newNotice(3, { process_id: two }), "3");
  store.notices.claim({ claimant: "a", limit: 5, leaseMs: 1000 });
  expect(store.notices.consume({ process: one, kinds: ["heartbeat"] })).toBe(0);
  expect(store.notices.consume({ process: one, kinds: [] })).toBe(0);
  expect(store.notices.consume({ process: one, kinds: ["completion"] })).toBe(1);
  expect(store.notices.consume({ process: one })).toBe(1);
  expect(store.notices.consume({ process: one })).toBe(0);
  expect(store.notices.deliver(id(1), "a")).toBe(false);
  expect(store.notices.deliver(id(3), "a")).toBe(true);
  expect(store.notices.get(id(1))).toMatchObject({ state: "consumed", claimed_until: null, consumed_at: "2026-01-01T00:00:00.000+00:00" });
});

test("lists are in the order of storing; a limit keeps the newest", () => {
  const { store } = memoryStore();
  for (const n of [3, 1, 2]) store.notices.add(newNotice(n, { session: n === 1 ? null : "s1", process_id: processId(n) }), `${n}`);
  store.notices.consume({ id: id(1) });
  expect(ids(store.notices.list())).toEqual([id(3), id(1), id(2)]);
  expect(ids(store.notices.list({ limit: 2 }))).toEqual([id(1), id(2)]);
  expect(ids(store.notices.list({ states: ["stored", "dead"] }))).toEqual([id(3), id(2)]);
  expect(ids(store.notices.list({ session: "s1", process: two }))).toEqual([id(2)]);
});

test("what is still to be told is never forgotten", async () => {
  const { store, time } = memoryStore();
  store.notices.add(newNotice(1), "1");
  store.notices.add(newNotice(2), "2");
  store.notices.claim({ claimant: "a", limit: 1, leaseMs: 1000 });
  await time.advance(1e9);
  expect(store.notices.prune(0)).toBe(0);
  expect(store.notices.list()).toHaveLength(2);
  // A notice that was long undeliverable and is given up now is kept from now on.
  store.notices.release(id(1), "a", "no such chat", 0);
  expect(store.notices.prune(1)).toBe(0);
  expect(store.notices.list({ states: ["dead"] })).toHaveLength(1);
});

test("a transaction is all or nothing, not nested, and waits for nothing", () => {
  const { store } = memoryStore();
  const failure = new Error("own");
  expect(() =>
    store.transaction(() => {
      store.notices.add(newNotice(1), "1");
      store.scans.put({ process_id: one, offset: 1, state: {} });
      throw failure;
    }),
  ).toThrow(failure);
  expect(store.notices.list()).toEqual([]);
  expect(store.scans.get(one)).toBeNull();
  expect(store.transaction(() => store.notices.add(newNotice(1), "1") && store.notices.list().length)).toBe(1);
  expect(() => store.transaction(() => store.transaction(() => 1))).toThrow(expect.objectContaining({ code: "INTERNAL" }));
  expect(() => store.transaction(async () => store.readers.acknowledge(one, "model", 5))).toThrow(
    expect.objectContaining({ code: "INTERNAL" }),
  );
  expect(store.readers.acknowledged(one, "model")).toBe(0);
  // After each of these it goes on.
  expect(store.notices.add(newNotice(2), "2")).toBe(true);
});

test("once closed it does nothing more", () => {
  const { store } = memoryStore();
  store[Symbol.dispose]();
  store[Symbol.dispose]();
  expect(() => store.notices.list()).toThrow(expect.objectContaining({ code: "INTERNAL" }));
});
