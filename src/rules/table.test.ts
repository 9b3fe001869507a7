import { expect, test } from "vitest";
import { ignore, move, refuse, step, type Table } from "./table.ts";

const door: Table<"open" | "shut", "push" | "lock"> = {
  open: { push: ignore("it is open"), lock: refuse("BAD_REQUEST") },
  shut: { push: move("open"), lock: move("shut") },
};

test("a cell says what an event does", () => {
  expect(step(door, "shut", "push")).toEqual({ kind: "move", to: "open" });
  expect(step(door, "shut", "lock")).toEqual({ kind: "move", to: "shut" });
  expect(step(door, "open", "push")).toEqual({ kind: "ignore", reason: "it is open" });
  expect(step(door, "open", "lock")).toEqual({ kind: "refuse", code: "BAD_REQUEST" });
});

test("a table with a hole, a foreign state or a foreign event does not compile", () => {
  // @ts-expect-error a missing cell
  const hole: Table<"open", "push" | "lock"> = { open: { push: move("open") } };
  // @ts-expect-error a state that is not in the table
  const foreign: Table<"open", "push"> = { open: { push: move("shut") } };
  // @ts-expect-error an event that is not in the table
  const unknown = () => step(door, "open", "kick");
  expect([hole, foreign, unknown]).toHaveLength(3);
});
