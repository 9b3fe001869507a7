import { expect, test } from "vitest";
import { looked } from "./loopShared.ts";

const everyMs = 1_000;

test("a sign of life ends the standing still, whatever was before", () => {
  expect(looked({ beats: 4, stillMs: 44_000 }, 5, 1_000, everyMs)).toEqual({ beats: 5, stillMs: 0 });
});

test("without one the time adds up", () => {
  let standing = { beats: 4, stillMs: 0 };
  for (let second = 1; second <= 45; second += 1) standing = looked(standing, 4, 1_000, everyMs);
  expect(standing).toEqual({ beats: 4, stillMs: 45_000 });
});

test("a stop of the whole program or machine counts as two looks at most", () => {
  expect(looked({ beats: 4, stillMs: 1_000 }, 4, 3_600_000, everyMs)).toEqual({ beats: 4, stillMs: 3_000 });
});
