import { expect, test } from "vitest";
import { FakeMachine, fakeProgram } from "../system/fake/index.ts";
import { tellActivity } from "./activity.ts";
import { Work } from "./work.ts";

function stage() {
  const machine = new FakeMachine();
  const work = new Work();
  let told = 0;
  const writes: { atMs: number; active: number }[] = [];
  const stop = tellActivity({
    work,
    clock: fakeProgram(machine, "gateway").clock,
    told: () => told,
    write: (active) => {
      told = active;
      writes.push({ atMs: machine.time.nowMs, active });
    },
  });
  const begin = () => {
    const begun = work.begin("api");
    if (!begun.ok) throw begun.error;
    return begun.ticket;
  };
  return { machine, work, writes, stop, begin };
}

test("a thousand short calls write nothing; what still runs after a second is told once", async () => {
  const { machine, writes, begin } = stage();
  for (let call = 0; call < 1_000; call += 1) begin().end();
  await machine.time.advance(5_000);
  expect(writes).toEqual([]);
  begin();
  begin();
  await machine.time.advance(5_000);
  expect(writes).toEqual([{ atMs: 6_000, active: 2 }]);
});

test("behind a closed gate each change is told at once", async () => {
  const { machine, work, writes, begin } = stage();
  const [one, two] = [begin(), begin()];
  await machine.time.advance(200);
  work.close("external");
  one?.end();
  await machine.time.advance(100);
  two?.end();
  expect(writes).toEqual([
    { atMs: 200, active: 2 },
    { atMs: 200, active: 1 },
    { atMs: 300, active: 0 },
  ]);
});

test("nothing is told after the end", async () => {
  const { machine, writes, stop, begin } = stage();
  begin();
  stop();
  await machine.time.advance(5_000);
  expect(writes).toEqual([]);
  expect(machine.time.waiting).toBe(0);
});
