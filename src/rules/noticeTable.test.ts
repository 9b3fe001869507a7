import fc from "fast-check";
import { expect, test } from "vitest";
import { NoticeState } from "../contract/index.ts";
import { type NoticeEvent, noticeTable } from "./noticeTable.ts";
import { type Cell, step } from "./table.ts";

/** The table as it was decided, cell by cell: a state moves, `-` ignores. Events in the order of the header. */
const header = ["claim", "deliver", "release", "leaseOver", "consume", "giveUp"] as const satisfies readonly NoticeEvent[];
const decided: Record<NoticeState, string> = {
  stored: "claimed - - - consumed dead",
  claimed: "- delivered stored stored consumed dead",
  delivered: "- - - - consumed -",
  consumed: "- - - - - -",
  dead: "- - - - consumed -",
};

function shortOf(cell: Cell<NoticeState>): string {
  if (cell.kind === "move") return cell.to;
  return cell.kind === "ignore" ? "-" : cell.code;
}

test("every cell is as decided", () => {
  for (const state of NoticeState.options) {
    expect(Object.keys(noticeTable[state]).sort()).toEqual([...header].sort());
    expect(header.map((event) => shortOf(step(noticeTable, state, event))).join(" "), state).toBe(decided[state]);
  }
});

test("every reason is a sentence", () => {
  for (const state of NoticeState.options) {
    for (const event of header) {
      const cell = step(noticeTable, state, event);
      if (cell.kind === "ignore") expect(cell.reason.length, `${state} ${event}`).toBeGreaterThan(10);
    }
  }
});

test("whatever happens to a notice, it reaches its reader at most once, and never after it is known or given up", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...header), { maxLength: 40 }), (events) => {
      let state: NoticeState = "stored";
      let deliveries = 0;
      let over = false;
      for (const event of events) {
        const cell: Cell<NoticeState> = step(noticeTable, state, event);
        if (cell.kind !== "move") continue;
        if (event === "deliver") {
          deliveries += 1;
          expect(over).toBe(false);
        }
        state = cell.to;
        over ||= state === "consumed" || state === "dead";
      }
      expect(deliveries).toBeLessThanOrEqual(1);
    }),
  );
});

test("nothing but a claim, and only of what is free, lets somebody deliver", () => {
  const ways = NoticeState.options.filter((state) => shortOf(step(noticeTable, state, "claim")) === "claimed");
  expect(ways).toEqual(["stored"]);
  expect(NoticeState.options.filter((state) => shortOf(step(noticeTable, state, "deliver")) === "delivered")).toEqual(["claimed"]);
});
