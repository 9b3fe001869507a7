import { expect, test } from "vitest";
import { Phase } from "../contract/index.ts";
import { type ProcessEvent, processTable } from "./processTable.ts";
import { type Cell, step } from "./table.ts";

/** The table as it was decided, cell by cell: `=` stays, a phase moves, `-` ignores, a code refuses. Events in the order of the header. */
const header = [
  "spawned",
  "spawnFailed",
  "killAsked",
  "exitSeen",
  "settled",
  "adopted",
  "foundDead",
  "inputAsked",
  "signalAsked",
  "resizeAsked",
  "limitsAsked",
] as const satisfies readonly ProcessEvent[];
const decided: Record<Phase, string> = {
  starting: "running ended stopping = ended running ended PROCESS_NOT_STARTED PROCESS_NOT_STARTED PROCESS_NOT_STARTED PROCESS_NOT_STARTED",
  running: "- INTERNAL stopping = ended = ended = = = =",
  stopping: "= ended - = ended = ended = = = =",
  ended: "INTERNAL - PROCESS_ENDED - - INTERNAL - PROCESS_ENDED PROCESS_ENDED PROCESS_ENDED PROCESS_ENDED",
};

function shortOf(phase: Phase, cell: Cell<Phase>): string {
  if (cell.kind === "ignore") return "-";
  if (cell.kind === "refuse") return cell.code;
  return cell.to === phase ? "=" : cell.to;
}

test("every cell is as decided", () => {
  for (const phase of Phase.options) {
    expect(Object.keys(processTable[phase]).sort()).toEqual([...header].sort());
    expect(header.map((event) => shortOf(phase, step(processTable, phase, event))).join(" "), phase).toBe(decided[phase]);
  }
});

const rank: Record<Phase, number> = { starting: 0, running: 1, stopping: 2, ended: 3 };

test("a life never goes back, and nothing leads out of its end", () => {
  for (const phase of Phase.options) {
    for (const event of header) {
      const cell = step(processTable, phase, event);
      if (cell.kind === "move") expect(rank[cell.to], `${phase} ${event}`).toBeGreaterThanOrEqual(rank[phase]);
      if (phase === "ended") expect(cell.kind, event).not.toBe("move");
    }
  }
});

test("whatever happened before, what ends a process ends it", () => {
  for (const phase of ["starting", "running", "stopping"] as const) {
    for (const event of ["settled", "foundDead"] as const) expect(step(processTable, phase, event)).toEqual({ kind: "move", to: "ended" });
  }
});

test("[peer 18] a kill before the spawn is not forgotten by the spawn", () => {
  const asked = step(processTable, "starting", "killAsked");
  expect(asked).toEqual({ kind: "move", to: "stopping" });
  expect(step(processTable, "stopping", "spawned")).toEqual({ kind: "move", to: "stopping" });
});

test("every reason is a sentence", () => {
  for (const phase of Phase.options) {
    for (const event of header) {
      const cell = step(processTable, phase, event);
      if (cell.kind === "ignore") expect(cell.reason.length, `${phase} ${event}`).toBeGreaterThan(10);
    }
  }
});
