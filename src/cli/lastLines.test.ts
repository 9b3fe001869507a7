import fc from "fast-check";
import { expect, test } from "vitest";
import type { FollowChunk, Registry } from "../processes/index.ts";
import { startOfLastLines } from "./lastLines.ts";

const id = "proc_0123456789ab";

/** A registry with one process that has written `text`, of which [gapFrom, gapTo) is no longer kept. */
function withOutput(text: string, gapFrom = 0, gapTo = 0): Registry {
  const all = Buffer.from(text);
  return {
    async *follow(_id: string, options: { since: number }): AsyncGenerator<FollowChunk> {
      for (let at = options.since; at < all.length; ) {
        if (at >= gapFrom && at < gapTo) {
          yield { kind: "gap", from: at, to: gapTo };
          at = gapTo;
          continue;
        }
        const end = Math.min(at + 50_000, at < gapFrom ? gapFrom : all.length, all.length);
        yield { kind: "bytes", offset: at, bytes: all.subarray(at, end) };
        at = end;
      }
    },
  } as unknown as Registry;
}

test("the last lines, with and without a break at the end", async () => {
  expect(await startOfLastLines(withOutput("a\nb\nc\n"), id, 6, 2)).toBe(2);
  expect(await startOfLastLines(withOutput("a\nb\nc"), id, 5, 2)).toBe(2);
  expect(await startOfLastLines(withOutput("a\nb\nc"), id, 5, 9)).toBe(0);
  expect(await startOfLastLines(withOutput("a\nb\n"), id, 4, 0)).toBe(4);
  expect(await startOfLastLines(withOutput(""), id, 0, 5)).toBe(0);
  expect(await startOfLastLines(withOutput("\n\n\n"), id, 3, 1)).toBe(2);
});

test("far back, over many reads and a gap", async () => {
  const text = "0123456789\n".repeat(30_000);
  expect(await startOfLastLines(withOutput(text), id, text.length, 20_000)).toBe(11 * 10_000);
  // Lines are counted on both sides of what is lost.
  expect(await startOfLastLines(withOutput(text, 110_000, 220_000), id, text.length, 15_000)).toBe(11 * 5000);
});

test("for any text it is the place where its last lines begin", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom("a", "\n", "bc"), { maxLength: 60 }),
      fc.integer({ min: 1, max: 20 }),
      async (parts, lines) => {
        const text = parts.join("");
        const rows = text.replace(/\n$/, "").split("\n");
        const expected = text === "" ? 0 : text.length - (rows.slice(-lines).join("\n") + (text.endsWith("\n") ? "\n" : "")).length;
        expect(await startOfLastLines(withOutput(text), id, text.length, lines)).toBe(expected);
      },
    ),
  );
});
