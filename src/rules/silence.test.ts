import fc from "fast-check";
import { expect, test } from "vitest";
import { judgeSilence, type Silence, silenceDueMs, silenceFrom } from "./silence.ts";

test("a silence is told once, and the next one begins with a match", () => {
  let silence: Silence = silenceFrom(0);
  expect(silenceDueMs(silence, 60)).toBe(60_000);
  expect(judgeSilence(silence, 60, 59_999)).toEqual({ silence, fires: false });
  const told = judgeSilence(silence, 60, 60_000);
  expect(told.fires).toBe(true);
  silence = told.silence;
  expect(silenceDueMs(silence, 60)).toBeNull();
  expect(judgeSilence(silence, 60, 1e9).fires).toBe(false);
  silence = silenceFrom(1e9);
  expect(judgeSilence(silence, 60, 1e9 + 60_000).fires).toBe(true);
});

test("a clock that is set back begins the silence anew", () => {
  const judged = judgeSilence(silenceFrom(1_000_000), 60, 0);
  expect(judged).toEqual({ silence: silenceFrom(0), fires: false });
  expect(judgeSilence(judged.silence, 60, 60_000).fires).toBe(true);
});

test("between two matches at most one silence is told, and only a long one", () => {
  fc.assert(
    fc.property(fc.array(fc.record({ afterMs: fc.nat(4000), heard: fc.boolean() }), { maxLength: 60, size: "max" }), (steps) => {
      let silence = silenceFrom(0);
      let now = 0;
      let lastHeard = 0;
      let fired = false;
      for (const step of steps) {
        now += step.afterMs;
        const judged = judgeSilence(silence, 5, now);
        silence = judged.silence;
        expect(judged.fires).toBe(!fired && now - lastHeard >= 5000);
        fired ||= judged.fires;
        if (step.heard) {
          silence = silenceFrom(now);
          lastHeard = now;
          fired = false;
        }
      }
    }),
  );
});
