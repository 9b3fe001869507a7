import { expect, test } from "vitest";
import { FakeMachine, fakeProgram } from "../system/fake/index.ts";
import { cutGraceMs, drainForShutdown } from "./shutdownDrain.ts";
import { type Ticket, Work } from "./work.ts";

function stage() {
  const machine = new FakeMachine();
  const { clock } = fakeProgram(machine, "gateway");
  const work = new Work();
  const logged: { fields: Record<string, unknown>; message: string }[] = [];
  const note = (fields: Record<string, unknown>, message: string) => logged.push({ fields, message });
  const log = { debug: note, info: note, warn: note, error: note, setLevel: () => {}, flush: async () => {} };
  const beats: { atMs: number; active: number }[] = [];
  const begin = (): Ticket => {
    const begun = work.begin("turn");
    if (!begun.ok) throw begun.error;
    return begun.ticket;
  };
  const drain = (budgetMs: number) =>
    drainForShutdown({ work, clock, log, budgetMs, beat: () => beats.push({ atMs: machine.time.nowMs, active: work.active }) });
  return { machine, work, logged, beats, begin, drain };
}

test("[F20] [compat 30] work that finishes in time is waited for; each change of the count is told, and each second at least", async () => {
  const { machine, work, logged, beats, begin, drain } = stage();
  const [one, two] = [begin(), begin()];
  work.close("shutdown");
  machine.time.after(1_500, null, () => one.end());
  machine.time.after(3_200, null, () => two.end());
  const report = await machine.time.wait(drain(60_000));
  expect(report).toEqual({ drain_seconds: 3.2, timed_out: false, active_at_start: 2, active_now: 0 });
  expect(beats).toEqual([
    { atMs: 1_000, active: 2 },
    { atMs: 1_500, active: 1 },
    { atMs: 2_000, active: 1 },
    { atMs: 3_000, active: 1 },
    { atMs: 3_200, active: 0 },
  ]);
  expect(logged.at(-1)).toMatchObject({ fields: { drain_seconds: 3.2, timed_out: false, active_at_start: 2, active_now: 0 } });
  expect(machine.time.waiting).toBe(0);
});

test("[F20] what is not done in time is told to leave and gets a moment for that", async () => {
  const { machine, logged, begin, drain } = stage();
  const [quick, deaf] = [begin(), begin()];
  quick.cut.addEventListener("abort", () => machine.time.after(100, null, () => quick.end()));
  const report = await machine.time.wait(drain(8_000));
  expect(report).toEqual({ drain_seconds: 8, timed_out: true, active_at_start: 2, active_now: 2 });
  expect(deaf.cut.reason).toMatchObject({ code: "GATEWAY_DRAINING" });
  expect(machine.time.nowMs).toBe(8_000 + cutGraceMs(8_000));
  expect(logged.at(-1)).toMatchObject({ fields: { turns: 1 }, message: expect.stringMatching(/without it/) });
  expect(machine.time.waiting).toBe(0);
});

test("a drain of 0, as a forced stop has it, waits for nothing and cuts at once", async () => {
  const { machine, begin, drain } = stage();
  const ticket = begin();
  expect(await drain(0)).toMatchObject({ timed_out: true, active_at_start: 1 });
  expect(ticket.cut.aborted).toBe(true);
  expect(machine.time.nowMs).toBe(0);
});

test("with nothing to wait for it is over at once, whatever the budget", async () => {
  const { machine, drain } = stage();
  expect(await drain(60_000)).toEqual({ drain_seconds: 0, timed_out: false, active_at_start: 0, active_now: 0 });
  expect(machine.time.waiting).toBe(0);
});

test("one that was taken over by a Hermes, which kills after 10 s, is done by then", () => {
  expect(8_000 + cutGraceMs(8_000)).toBeLessThan(10_000);
  expect(cutGraceMs(60_000)).toBe(5_000);
});
