import { expect, test } from "vitest";
import { defaultGraceMs, killLadder } from "./ladder.ts";

test("[P10] [compat 15] TERM, the grace, KILL, a second, the verdict", () => {
  expect(killLadder(defaultGraceMs)).toEqual([
    { signal: "SIGTERM", thenWaitMs: 3000 },
    { signal: "SIGKILL", thenWaitMs: 1000 },
  ]);
  expect(killLadder(1)[0]).toEqual({ signal: "SIGTERM", thenWaitMs: 1 });
});

test("[P10] [compat 15] a grace of 0 never kills", () => {
  expect(killLadder(0)).toEqual([{ signal: "SIGTERM", thenWaitMs: 3000 }]);
});
