import { expect, test } from "vitest";
import { FactHub, factsKeptMax, type NumberedFact } from "./factHub.ts";

const id = (n: number) => `proc_${String(n).padStart(12, "0")}`;

test("numbers grow by one and begin where no earlier run has been", () => {
  const hub = new FactHub(1_700_000_000_000);
  const earlier = new FactHub(1_699_999_999_999);
  for (let i = 0; i < 900; i += 1) earlier.publish({ type: "process.started", id: id(i) });
  hub.publish({ type: "process.started", id: id(1) });
  expect(hub.last).toBe(1_700_000_000_000_001);
  expect(hub.since(earlier.last)).toBeNull();
  expect(hub.since(hub.last)).toEqual([]);
  expect(hub.since(hub.last + 1)).toBeNull();
  expect(hub.since(1.5)).toBeNull();
});

test("exactly the newest are kept, and what is not known any more is said", () => {
  const hub = new FactHub(0);
  for (let i = 1; i <= factsKeptMax + 10; i += 1) hub.publish({ type: "process.started", id: id(i) });
  expect(hub.since(9)).toBeNull();
  expect(hub.since(10)).toHaveLength(factsKeptMax);
  expect(hub.since(factsKeptMax)?.map((fact) => fact.id)).toEqual(Array.from({ length: 10 }, (_, i) => factsKeptMax + 1 + i));
});

test("a noisy process does not push out what the others did", () => {
  const hub = new FactHub(0);
  hub.publish({ type: "process.started", id: id(1) });
  for (let end = 1; end <= 10 * factsKeptMax; end += 1) hub.publish({ type: "process.output", id: id(2), end });
  hub.publish({ type: "process.ended", id: id(2) });
  expect(hub.since(0)?.map(({ fact }) => fact)).toEqual([
    { type: "process.started", id: id(1) },
    { type: "process.output", id: id(2), end: 10 * factsKeptMax },
    { type: "process.ended", id: id(2) },
  ]);
});

test("listeners hear facts in order until they leave", () => {
  const hub = new FactHub(0);
  const heard: NumberedFact[] = [];
  const leave = hub.subscribe((fact) => heard.push(fact));
  hub.publish({ type: "process.started", id: id(1) });
  leave();
  hub.publish({ type: "process.ended", id: id(1) });
  expect(heard).toEqual([{ id: 1, fact: { type: "process.started", id: id(1) } }]);
});
