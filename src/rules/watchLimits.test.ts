import fc from "fast-check";
import { expect, test } from "vitest";
import type { ProcessId } from "../contract/index.ts";
import {
  type Breaker,
  breakerCooldownMs,
  breakerDueMs,
  decideWatch,
  freshBreaker,
  freshLimit,
  heldMatchesMax,
  type ProcessLimit,
  type WatchOutcome,
} from "./watchLimits.ts";

const idOf = (number: number): ProcessId => `proc_${String(number).padStart(12, "0")}`;

/** A home with its processes: what an evaluator keeps in the store, through JSON as there. */
class Home {
  breaker: Breaker = freshBreaker;
  readonly limits = new Map<number, ProcessLimit>();
  nowMs = 1_000_000;
  #offset = 0;

  match(process: number, mode: "once" | "every" = "every"): readonly WatchOutcome[] {
    const state = { process: this.limits.get(process) ?? freshLimit, breaker: this.breaker };
    this.#offset += 1;
    const event = { type: "match", process: idOf(process), watch: process * 10, mode, offset: this.#offset } as const;
    const decision = decideWatch(JSON.parse(JSON.stringify(state)), event, this.nowMs);
    this.limits.set(process, decision.state.process);
    this.breaker = decision.state.breaker;
    return decision.outcomes;
  }

  tick(): readonly WatchOutcome[] {
    const decision = decideWatch({ process: freshLimit, breaker: this.breaker }, { type: "tick" }, this.nowMs);
    expect(decision.state.process).toEqual(freshLimit);
    this.breaker = decision.state.breaker;
    return decision.outcomes;
  }

  at(ms: number): this {
    this.nowMs = 1_000_000 + ms;
    return this;
  }
}

/** Outcomes in short: `deliver`, `deliver+2`, `late`, `spacing`, `breaker`, `held`, … */
function short(outcomes: readonly WatchOutcome[]): string {
  return outcomes
    .map((outcome) => {
      if (outcome.type === "deliver") return outcome.late ? "late" : outcome.suppressed > 0 ? `deliver+${outcome.suppressed}` : "deliver";
      if (outcome.type === "suppressed") return outcome.by;
      if (outcome.type === "disabled") return `disabled:${outcome.why}+${outcome.suppressed}`;
      if (outcome.type === "released") return `released+${outcome.suppressed}`;
      return outcome.type;
    })
    .join(" ");
}

test("[P5] a notice opens a window of 15 s in which matches are dropped and counted; the next notice tells how many [W3]", () => {
  const home = new Home();
  expect(short(home.at(0).match(1))).toBe("deliver");
  expect(short(home.at(0).match(1))).toBe("spacing");
  expect(short(home.at(14_999).match(1))).toBe("spacing");
  expect(short(home.at(15_000).match(1))).toBe("deliver+2");
  expect(short(home.at(30_000).match(1))).toBe("deliver");
  expect(home.limits.get(1)).toMatchObject({ suppressed: 0, deliveries: 3 });
});

test("[P6] the third window in a row with drops switches the process's watches off, once [W5]", () => {
  const home = new Home();
  expect(short(home.at(0).match(1))).toBe("deliver");
  expect(short(home.at(1).match(1))).toBe("spacing");
  expect(short(home.at(2).match(1))).toBe("spacing");
  expect(short(home.at(15_000).match(1))).toBe("deliver+2");
  expect(short(home.at(15_001).match(1))).toBe("spacing");
  expect(short(home.at(30_000).match(1))).toBe("deliver+1");
  expect(short(home.at(30_001).match(1))).toBe("spacing disabled:strikes+1");
  expect(short(home.at(30_002).match(1))).toBe("disabled");
  expect(short(home.at(90_000).match(1))).toBe("disabled");
  expect(home.limits.get(1)).toMatchObject({ disabled: "strikes", suppressed: 2 });
});

test("a window without drops begins the count of strikes again [W4]", () => {
  const home = new Home();
  for (let round = 0; round < 2; round++) {
    const start = round * 60_000;
    for (const ms of [0, 1, 15_000, 15_001, 30_000]) expect(short(home.at(start + ms).match(1))).not.toContain("disabled");
    // The window from 30,000 to 45,000 has none.
  }
  expect(home.limits.get(1)).toMatchObject({ disabled: null, strikes: 2, deliveries: 6 });
});

test("strikes of one process are no strikes of another", () => {
  const home = new Home();
  for (const ms of [0, 15_000, 30_000]) {
    for (const process of [1, 2]) home.at(ms).match(process);
    home.at(ms + 1).match(1);
  }
  expect(home.limits.get(1)?.disabled).toBe("strikes");
  expect(home.limits.get(2)).toMatchObject({ disabled: null, deliveries: 3 });
});

test("the eighth notice of a process is made, and is its last", () => {
  const home = new Home();
  for (let count = 0; count < 7; count++) expect(short(home.at(count * 15_000).match(1))).toBe("deliver");
  expect(short(home.at(7 * 15_000).match(1))).toBe("deliver disabled:lifetime+0");
  expect(short(home.at(8 * 15_000).match(1))).toBe("disabled");
});

test("rules that match once are not held back by those that match often", () => {
  const home = new Home();
  for (const ms of [0, 1, 15_000, 15_001, 30_000, 30_001]) home.at(ms).match(1);
  expect(home.limits.get(1)?.disabled).toBe("strikes");
  expect(short(home.at(30_002).match(1, "once"))).toBe("deliver");
  expect(short(home.at(30_003).match(1, "once"))).toBe("deliver");
});

test("a notice of a rule that matches once opens a window for the others", () => {
  const home = new Home();
  expect(short(home.at(0).match(1, "once"))).toBe("deliver");
  expect(short(home.at(1).match(1))).toBe("spacing");
  expect(short(home.at(2).match(1, "once"))).toBe("deliver+1");
});

test("[P7] the sixteenth notice within 10 s trips the breaker, which lets go by itself after 30 s with the exact count [W7, peer 24]", () => {
  const home = new Home().at(0);
  for (let process = 1; process <= 15; process++) expect(short(home.match(process))).toBe("deliver");
  expect(breakerDueMs(home.breaker)).toBeNull();
  expect(short(home.at(9_999).match(16))).toBe("tripped breaker");
  expect(short(home.at(9_999).match(17))).toBe("breaker");
  expect(short(home.at(20_000).match(16))).toBe("breaker");
  const due = breakerDueMs(home.breaker) ?? 0;
  expect(due).toBe(1_000_000 + 9_999 + breakerCooldownMs);
  home.nowMs = due - 1;
  expect(home.tick()).toEqual([]);
  home.nowMs = due;
  expect(home.tick()).toEqual([{ type: "released", suppressed: 3, byProcess: { [idOf(16)]: 2, [idOf(17)]: 1 }, held: 0 }]);
  expect(breakerDueMs(home.breaker)).toBeNull();
  expect(short(home.match(16))).toBe("deliver");
});

test("fifteen notices within 10 s are no flood, however long it goes on", () => {
  const home = new Home();
  for (let process = 1; process <= 600; process++) expect(short(home.at(process * 667).match(process))).toBe("deliver");
});

test("a match that the breaker drops is not counted as told, and opens no window [defect 6.1.7]", () => {
  const home = new Home().at(0);
  home.match(16);
  home.at(1).match(16);
  const before = home.at(20_000).limits.get(16);
  for (let process = 1; process <= 15; process++) home.match(process);
  expect(short(home.match(16))).toBe("tripped breaker");
  expect(home.limits.get(16)).toEqual(before);
  expect(short(home.at(50_000).match(16))).toBe("released+1 deliver+1");
});

test("a match after the cooldown lets go before it is decided on", () => {
  const home = new Home().at(0);
  for (let process = 1; process <= 16; process++) home.match(process);
  expect(short(home.at(30_000).match(17))).toBe("released+1 deliver");
});

test("what the breaker holds of rules that match once comes when it lets go, fifteen at a time", () => {
  const home = new Home().at(0);
  for (let process = 1; process <= 15; process++) home.match(process);
  for (let process = 16; process <= 35; process++) expect(short(home.match(process, "once"))).toMatch(/held$/);
  home.at(30_000);
  const first = home.tick();
  expect(first[0]).toEqual({ type: "released", suppressed: 0, byProcess: {}, held: 20 });
  expect(first.slice(1).map((outcome) => "process" in outcome && outcome.process)).toEqual(
    Array.from({ length: 15 }, (_, index) => idOf(16 + index)),
  );
  expect(first.slice(1).every((outcome) => outcome.type === "deliver" && outcome.late)).toBe(true);
  expect(breakerDueMs(home.breaker)).toBe(1_000_000 + 40_000);
  expect(home.at(39_999).tick()).toEqual([]);
  expect(short(home.at(40_000).tick())).toBe("late late late late late");
  expect(breakerDueMs(home.breaker)).toBeNull();
});

test("a queue that is full counts instead of holding", () => {
  const home = new Home().at(0);
  for (let process = 1; process <= 15; process++) home.match(process);
  for (let count = 0; count < heldMatchesMax; count++) expect(short(home.match(16, "once"))).toMatch(/held$/);
  expect(short(home.match(16, "once"))).toBe("breaker");
});

test("a release names the first processes, and counts the others too", () => {
  const home = new Home().at(0);
  for (let process = 1; process <= 100; process++) home.match(process);
  const [released] = home.at(30_000).tick();
  expect(released).toMatchObject({ type: "released", suppressed: 85 });
  expect(released?.type === "released" && Object.keys(released.byProcess)).toHaveLength(32);
});

test("a clock that is set back makes nothing wait longer than its time", () => {
  const home = new Home().at(1e9);
  for (let process = 1; process <= 16; process++) home.match(process);
  home.at(0);
  expect(short(home.match(1))).toBe("spacing");
  expect(short(home.at(29_999).match(17))).toBe("breaker");
  expect(short(home.at(30_000).match(1))).toBe("released+2 deliver+1");
});

/** The limits again, written down as the original's page tells them: one process, no breaker. */
class Model {
  emittedAt = Number.NEGATIVE_INFINITY;
  dropped = false;
  strikes = 0;
  suppressed = 0;
  told = 0;
  off = false;

  match(now: number): string {
    if (this.off) return "disabled";
    if (now < this.emittedAt + 15_000) {
      this.suppressed += 1;
      if (this.dropped) return "spacing";
      this.dropped = true;
      this.strikes += 1;
      if (this.strikes < 3) return "spacing";
      this.off = true;
      const text = `spacing disabled:strikes+${this.suppressed}`;
      this.suppressed = 0;
      return text;
    }
    if (!this.dropped) this.strikes = 0;
    this.dropped = false;
    this.emittedAt = now;
    this.told += 1;
    const text = this.suppressed > 0 ? `deliver+${this.suppressed}` : "deliver";
    this.suppressed = 0;
    this.off = this.told === 8;
    return this.off ? `${text} disabled:lifetime+0` : text;
  }
}

test("any series of matches of one process is limited as by a simple model", () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.constantFrom(0, 1, 14_999, 15_000, 15_001), fc.nat(20_000)), { maxLength: 60, size: "max" }),
      (steps) => {
        const home = new Home();
        const model = new Model();
        let now = 0;
        for (const step of steps) {
          now += step;
          expect(short(home.at(now).match(1))).toBe(model.match(now));
        }
      },
    ),
    { numRuns: 2000 },
  );
});

test("in any flood every match is told or counted, exactly once, and no notice comes too soon", () => {
  const steps = fc.array(
    fc.record({
      process: fc.integer({ min: 1, max: 40 }),
      mode: fc.constantFrom("every" as const, "every" as const, "once" as const),
      afterMs: fc.oneof(
        { weight: 4, arbitrary: fc.constant(0) },
        { weight: 2, arbitrary: fc.nat(300) },
        fc.nat(20_000),
        fc.constant(-5000),
      ),
      tick: fc.boolean(),
    }),
    { maxLength: 400, size: "max" },
  );
  fc.assert(
    fc.property(steps, (list) => {
      const home = new Home();
      const outcomes: (WatchOutcome & { nowMs: number })[] = [];
      const push = (found: readonly WatchOutcome[]) => outcomes.push(...found.map((outcome) => ({ ...outcome, nowMs: home.nowMs })));
      for (const step of list) {
        home.nowMs += step.afterMs;
        if (step.tick) push(home.tick());
        push(home.match(step.process, step.mode));
      }
      // Everything that waits is given its time.
      for (let rounds = 0; rounds <= list.length + 1; rounds++) {
        const due = breakerDueMs(home.breaker);
        if (due === null) break;
        home.nowMs = Math.max(home.nowMs, due);
        push(home.tick());
      }
      expect(breakerDueMs(home.breaker)).toBeNull();
      const of = <Type extends WatchOutcome["type"]>(type: Type) =>
        outcomes.filter((outcome): outcome is Extract<WatchOutcome, { type: Type }> & { nowMs: number } => outcome.type === type);
      const delivered = of("deliver");
      const suppressed = of("suppressed");
      expect(delivered.length + suppressed.length).toBe(list.length);
      // No match twice.
      expect(new Set(delivered.map(({ offset }) => offset)).size).toBe(delivered.length);
      expect(delivered.filter(({ late }) => late)).toHaveLength(of("held").length);
      // What was dropped is told with a later notice, or still known.
      const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
      const byBreaker = suppressed.filter(({ by }) => by === "breaker").length;
      expect(sum(of("released").map((outcome) => outcome.suppressed))).toBe(byBreaker);
      const known = sum([...home.limits.values()].map((limit) => limit.suppressed));
      expect(sum(delivered.map((outcome) => outcome.suppressed)) + sum(of("disabled").map((outcome) => outcome.suppressed)) + known).toBe(
        suppressed.length - byBreaker,
      );
      expect(of("tripped")).toHaveLength(of("released").length);
      for (const process of home.limits.keys())
        expect(of("disabled").filter((outcome) => outcome.process === idOf(process)).length).toBeLessThanOrEqual(1);
      // With a clock that only goes forward, never more than fifteen in 10 s.
      if (list.some(({ afterMs }) => afterMs < 0)) return;
      for (const [index, { nowMs }] of delivered.entries())
        expect(nowMs - (delivered[index - 15]?.nowMs ?? Number.NEGATIVE_INFINITY)).toBeGreaterThanOrEqual(10_000);
    }),
    { numRuns: 500 },
  );
});

test("a decision does not modify its arguments", () => {
  const state = { process: freshLimit, breaker: freshBreaker };
  const copy = structuredClone(state);
  decideWatch(state, { type: "match", process: idOf(1), watch: 1, mode: "every", offset: 0 }, 5);
  decideWatch(state, { type: "tick" }, 5);
  expect(state).toEqual(copy);
});
