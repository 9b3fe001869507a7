import { expect, test } from "vitest";
import { timestampOf } from "../contract/index.ts";
import { type Claim, Leases } from "./leases.ts";

const startMs = Date.UTC(2026, 0, 1);

function twoClocks() {
  const clock = { monotonic: 5000, wall: startMs };
  const pass = (ms: number): void => {
    clock.monotonic += ms;
    clock.wall += ms;
  };
  return { clock, pass, leases: new Leases({ monotonicMs: () => clock.monotonic, wallMs: () => clock.wall }) };
}

function claimFor(leaseMs: number, change: Partial<Claim> = {}): Claim {
  return { id: "note_1", attempts: 1, claimed_by: "a", claimed_until: timestampOf(startMs + leaseMs), lease_ms: leaseMs, ...change };
}

test("a claim ends after its time, by whoever it was made", () => {
  const { leases, pass } = twoClocks();
  const own = claimFor(1000);
  const others = claimFor(1000, { id: "note_2", claimed_by: "b" });
  leases.begin(own);
  expect(leases.over([own, others])).toEqual([]);
  pass(999);
  expect(leases.over([own, others])).toEqual([]);
  pass(1);
  expect(leases.over([own, others])).toEqual([own, others]);
});

test("it tells how long it takes until the first claim ends", () => {
  const { leases, pass } = twoClocks();
  expect(leases.nextOverInMs([])).toBeNull();
  const claims = [claimFor(1000), claimFor(400, { id: "note_2" })];
  expect(leases.nextOverInMs(claims)).toBe(400);
  pass(300);
  expect(leases.nextOverInMs(claims)).toBe(100);
  pass(300);
  expect(leases.nextOverInMs(claims)).toBe(0);
  expect(leases.nextOverInMs(claims.slice(0, 1))).toBe(400);
});

test("a clock that is set forward ends no claim that was seen before", () => {
  const { clock, leases, pass } = twoClocks();
  const claim = claimFor(1000);
  leases.over([claim]);
  clock.wall += 1e9;
  expect(leases.over([claim])).toEqual([]);
  pass(1000);
  expect(leases.over([claim])).toEqual([claim]);
});

test("a clock that was set back holds a claim no longer than the claim was for", () => {
  const { clock, leases, pass } = twoClocks();
  clock.wall -= 1e9;
  const claim = claimFor(1000);
  expect(leases.over([claim])).toEqual([]);
  pass(1000);
  expect(leases.over([claim])).toEqual([claim]);
});

test("the next claim of the same notice has a time of its own", () => {
  const { leases, pass } = twoClocks();
  const first = claimFor(1000);
  leases.begin(first);
  pass(1000);
  const second = claimFor(1000, { attempts: 2, claimed_until: timestampOf(startMs + 2000) });
  leases.begin(second);
  expect(leases.over([second])).toEqual([]);
  // A transaction that ended the first was taken back.
  expect(leases.over([first])).toEqual([first]);
});

test("a claim without a time that can be read is over", () => {
  const { leases } = twoClocks();
  const broken = [claimFor(1000, { claimed_until: "soon" }), claimFor(1000, { id: "note_2", claimed_until: null })];
  expect(leases.over(broken)).toEqual(broken);
});

test("the number of claims that it remembers stays bounded", () => {
  const { leases, pass } = twoClocks();
  for (let n = 0; n < 5000; n += 1) leases.begin(claimFor(1000, { id: `note_${n}` }));
  const last = claimFor(1000, { id: "note_4999" });
  leases.over([last]);
  pass(999);
  expect(leases.over([last])).toEqual([]);
  // Forgotten, so judged by the wall clock, which says the same.
  expect(leases.over([claimFor(1000, { id: "note_0" })])).toEqual([]);
});
