import fc from "fast-check";
import { countTokens } from "gpt-tokenizer";
import { expect, test } from "vitest";
import { freshPolls, judgePoll, type Poll, type PollAdvice, type PollState, shortPoll } from "./pollEconomy.ts";

const vain: Poll = { news: false, running: true, armed: false, wakeable: true };

/** Polls as often as there are rows; a wake that a poll arms stays armed. */
function pollAll(polls: readonly Poll[]): PollAdvice[] {
  let state: PollState = freshPolls;
  let armed = false;
  return polls.map((seen) => {
    const judged = judgePoll(JSON.parse(JSON.stringify(state)), { ...seen, armed: armed || seen.armed });
    state = judged.state;
    armed ||= judged.advice === "arm";
    return judged.advice;
  });
}

const times = (count: number, seen: Poll): Poll[] => Array.from({ length: count }, () => seen);

test("the 3rd poll in vain gives a hint, the 6th arms a wake, later ones say so", () => {
  expect(pollAll(times(9, vain))).toEqual(["none", "none", "hint", "none", "none", "arm", "armed", "armed", "armed"]);
});

test("a wake that stands already is not armed again", () => {
  expect(pollAll(times(7, { ...vain, armed: true }))).toEqual(["none", "none", "hint", "none", "none", "armed", "armed"]);
});

test("who cannot be woken gets the hint again", () => {
  expect(pollAll(times(9, { ...vain, wakeable: false }))).toEqual(["none", "none", "hint", "none", "none", "hint", "none", "none", "hint"]);
});

test("any news begins the count again, and so does the end", () => {
  const news = { ...vain, news: true };
  const ended = { ...vain, running: false };
  expect(pollAll([...times(2, vain), news, ...times(3, vain)])).toEqual(["none", "none", "none", "none", "none", "hint"]);
  expect(pollAll([...times(5, vain), ended, ...times(2, vain)]).filter((advice) => advice === "arm")).toEqual([]);
});

test("no poll arms twice, none with news is advised, and six in vain always have a wake behind them", () => {
  const seen = fc.record({ news: fc.boolean(), running: fc.boolean(), armed: fc.boolean(), wakeable: fc.constant(true) });
  fc.assert(
    fc.property(fc.array(fc.oneof({ weight: 6, arbitrary: fc.constant(vain) }, seen), { maxLength: 60, size: "max" }), (polls) => {
      const advice = pollAll(polls);
      expect(advice.filter((word) => word === "arm").length).toBeLessThanOrEqual(1);
      let empty = 0;
      for (const [index, { news, running }] of polls.entries()) {
        empty = news || !running ? 0 : empty + 1;
        if (empty === 0) expect(advice[index]).toBe("none");
        if (empty === 3) expect(advice[index]).toBe("hint");
        if (empty >= 6) expect(advice[index]).toMatch(/^arm/);
      }
    }),
  );
});

test("a poll without news takes at most 40 tokens", () => {
  const answer = shortPoll("proc_0123456789ab", "running", 1_234_567_890_123);
  expect(answer).toEqual({ session_id: "proc_0123456789ab", status: "running", cursor: 1_234_567_890_123 });
  expect(countTokens(JSON.stringify(answer))).toBeLessThanOrEqual(40);
});

test.each(["hint", "arm", "armed"] as const)("with advice (%s) it is still short", (advice) => {
  const answer = shortPoll("proc_0123456789ab", "running", 1024, advice);
  expect(answer.hint).toBeTruthy();
  expect(countTokens(JSON.stringify(answer))).toBeLessThanOrEqual(80);
});
