import fc from "fast-check";
import { expect, test } from "vitest";
import { judgeRestart, selfRestartsMax } from "./restartLimit.ts";

const now = Date.parse("2026-05-01T12:00:00Z");
const minutes = (count: number) => now - count * 60_000;

test.each([
  ["none before", [], true],
  ["two before", [minutes(1), minutes(2)], true],
  ["three before", [minutes(1), minutes(2), minutes(3)], false],
  ["three, one of them an hour ago", [minutes(1), minutes(2), minutes(60)], true],
  ["three, one of them nearly an hour ago", [minutes(1), minutes(2), minutes(59.9)], false],
  ["three in the future, after the clock went back", [now + 9e6, now + 9e6, now + 9e6], false],
] as const)("[peer 28] a restart from inside after %s", (_what, past, ok) => {
  expect(judgeRestart(past, now).ok).toBe(ok);
});

test("[peer 28] after the wait that a refusal names, a restart is allowed; never more than the limit within an hour", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 3 * 3_600_000 }), { maxLength: 40 }), (gaps) => {
      const done: number[] = [];
      let at = now;
      for (const gap of gaps) {
        at += gap;
        const verdict = judgeRestart(done, at);
        if (verdict.ok) done.push(at);
        else {
          expect(verdict.againInMs).toBeGreaterThan(0);
          expect(judgeRestart(done, at + verdict.againInMs).ok).toBe(true);
        }
      }
      for (const moment of done)
        expect(done.filter((each) => each <= moment && moment - each < 3_600_000).length).toBeLessThanOrEqual(selfRestartsMax);
    }),
  );
});
