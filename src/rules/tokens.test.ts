import fc from "fast-check";
import { expect, test } from "vitest";
import { budgetBytes, tokensOf } from "./tokens.ts";

test.each([
  [{}, 8000],
  [undefined, 8000],
  [{ maxTokens: 100 }, 400],
  [{ maxTokens: 10_000 }, 40_000],
  [{ maxTokens: 1_000_000 }, 40_000],
  [{ maxTokens: Number.POSITIVE_INFINITY }, 40_000],
  [{ maxTokens: 0 }, 4],
  [{ maxTokens: -5 }, 4],
  [{ maxTokens: Number.NaN }, 8000],
  [{ maxTokens: 1.5 }, 6],
  [{ maxBytes: 100 }, 100],
  [{ maxBytes: 100.9 }, 100],
  [{ maxBytes: 1 }, 4],
  [{ maxBytes: 100, maxTokens: 10 }, 40],
  [{ maxBytes: 10, maxTokens: 10 }, 10],
  [{ maxBytes: 10, maxTokens: undefined }, 10],
])("a budget of %j is %i bytes", (budget, bytes) => {
  expect(budgetBytes(budget)).toBe(bytes);
});

test("a budget in tokens holds what takes as many tokens", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10_000 }), (maxTokens) => {
      expect(tokensOf(budgetBytes({ maxTokens }))).toBe(maxTokens);
    }),
  );
  expect([-1, 0, 1, 4, 5].map(tokensOf)).toEqual([0, 0, 1, 1, 2]);
});
