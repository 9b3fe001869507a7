import { expect, test } from "vitest";
import type { KeeperEvent } from "../contract/index.ts";
import { type FakeSystem, fakeSystem } from "../system/fake/index.ts";
import { Doorbell, type Listener } from "./doorbell.ts";

const id = "proc_0000000000aa";
const other = "proc_0000000000bb";

function ringing(): { system: FakeSystem; doorbell: Doorbell; pass: (ms: number) => Promise<void> } {
  const system = fakeSystem();
  return { system, doorbell: new Doorbell(system.clock), pass: (ms) => system.machine.time.advance(ms) };
}

/** Hears until it is closed. */
function hear(listener: Listener): KeeperEvent[] {
  const heard: KeeperEvent[] = [];
  const go = async (): Promise<void> => {
    for (let batch = await listener.take(); batch !== null; batch = await listener.take()) heard.push(...batch);
  };
  void go();
  return heard;
}

test("the first output is told at once, what follows at most once in a while, and always the newest end", async () => {
  const { doorbell, pass } = ringing();
  const heard = hear(doorbell.listen());
  doorbell.output(id, 1);
  await pass(0);
  expect(heard).toEqual([{ type: "output", id, end: 1 }]);
  for (let end = 2; end <= 1000; end += 1) doorbell.output(id, end);
  doorbell.output(other, 5);
  await pass(1);
  expect(heard).toHaveLength(1);
  await pass(10);
  expect(heard.slice(1)).toEqual([
    { type: "output", id, end: 1000 },
    { type: "output", id: other, end: 5 },
  ]);
});

test("an end is told behind all output before it, whatever the spacing", async () => {
  const { doorbell, pass } = ringing();
  const heard = hear(doorbell.listen());
  doorbell.output(id, 1);
  await pass(0);
  doorbell.output(id, 2);
  doorbell.tell({ type: "exit", id });
  await pass(0);
  expect(heard).toEqual([
    { type: "output", id, end: 1 },
    { type: "output", id, end: 2 },
    { type: "exit", id },
  ]);
});

test("a listener that has not taken yet finds outputs before ends, and only the newest of each process", async () => {
  const { doorbell } = ringing();
  const listener = doorbell.listen();
  for (let end = 1; end <= 100; end += 1) {
    doorbell.output(id, end);
    doorbell.tell({ type: "state", id, phase: "running", seq: end });
  }
  doorbell.tell({ type: "exit", id });
  const batch = await listener.take();
  expect(batch?.[0]).toEqual({ type: "output", id, end: 100 });
  expect(batch?.filter((event) => event.type === "output")).toHaveLength(1);
  expect(batch?.at(-1)).toEqual({ type: "exit", id });
});

test("[peer 13] one that never takes is cut off, holds nothing any more, and the others hear everything", async () => {
  const { doorbell, pass } = ringing();
  let cut = 0;
  const slow = doorbell.listen(() => {
    cut += 1;
  });
  const heard = hear(doorbell.listen());
  for (let seq = 0; seq <= 10_000; seq += 1) {
    doorbell.tell({ type: "state", id, phase: "running", seq });
    if (seq % 1000 === 0) await pass(0);
  }
  await pass(0);
  expect(cut).toBe(1);
  expect(doorbell.listeners).toBe(1);
  expect(await slow.take()).toBeNull();
  expect(heard).toHaveLength(10_001);
});

test("a flood of output cuts nobody off", async () => {
  const { doorbell } = ringing();
  const slow = doorbell.listen(() => {
    throw new Error("cut off");
  });
  for (let end = 1; end <= 50_000; end += 1) {
    doorbell.output(id, end);
    doorbell.output(other, end);
  }
  expect(await slow.take()).toEqual([{ type: "output", id, end: 1 }]);
});

test("with nobody to hear, nothing is kept and no timer waits; whoever comes later hears what comes later", async () => {
  const { system, doorbell, pass } = ringing();
  doorbell.output(id, 1);
  doorbell.tell({ type: "exit", id });
  expect(system.machine.time.waiting).toBe(0);
  const heard = hear(doorbell.listen());
  await pass(100);
  expect(heard).toEqual([]);
  doorbell.output(id, 2);
  await pass(0);
  expect(heard).toEqual([{ type: "output", id, end: 2 }]);
});

test("whoever leaves is forgotten, also while it waits", async () => {
  const { system, doorbell, pass } = ringing();
  const listener = doorbell.listen();
  const taking = listener.take();
  doorbell.output(other, 1);
  await taking;
  const waiting = listener.take();
  doorbell.output(id, 1);
  doorbell.forget(listener);
  expect(await waiting).toBeNull();
  expect(doorbell.listeners).toBe(0);
  await pass(10);
  expect(system.machine.time.waiting).toBe(0);
});

test("closing ends every listener and the timer", async () => {
  const { system, doorbell } = ringing();
  const listeners = [doorbell.listen(), doorbell.listen()];
  doorbell.output(id, 1);
  doorbell.output(id, 2);
  doorbell.close();
  expect(await Promise.all(listeners.map((listener) => listener.take()))).toEqual([null, null]);
  expect(doorbell.listeners).toBe(0);
  expect(system.machine.time.waiting).toBe(0);
});
