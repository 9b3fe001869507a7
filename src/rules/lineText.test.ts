import fc from "fast-check";
import { expect, test } from "vitest";
import { lineBytesMax } from "./lineScan.ts";
import { createControlFinder, cutText, hasControlBytes, lineCharactersMax, lineText, withoutSequences } from "./lineText.ts";
import { plainText } from "./plainText.ts";
import { decodeText } from "./text.ts";

/** Lines full of what terminals understand, whole and broken. */
const noisyLine = fc
  .array(
    fc.constantFrom(
      "a",
      "é",
      "€",
      "\t",
      " ",
      "\x1b[31m",
      "\x1b[0m",
      "\x1b[m",
      "\x1b[38;5;1m",
      "\x1b[38:2::1m",
      "\x1b[?25l",
      "\x1b[2K",
      "\x1b[K",
      "\x1b[1G",
      "\x1b[5G",
      "\x1b[2 q",
      "\x1b[A",
      "\x1b]0;title\x07",
      "\x1b]8;;http://x\x1b\\",
      "\x1b]0;",
      "\x1b[",
      "\x1b",
      "[31m",
      "m",
      "\x1b\\",
      "\x07",
      "\b",
      "\x00",
      "\x7f",
      "\x18",
      "\x1bP",
      "\x1b_",
      "\x1b(B",
      "\u009b31m",
      "\u009d0;",
      "\u009c",
      "\u0085",
      "©",
    ),
    { maxLength: 14 },
  )
  .map((parts) => Buffer.from(parts.join("")));
const brokenBytes = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes.filter((byte) => byte !== 0x0a && byte !== 0x0d)));

test("a line in which no control is left is the line as a person sees it", () => {
  let shown = 0;
  fc.assert(
    fc.property(noisyLine, (line) => {
      const rest = withoutSequences(line);
      if (hasControlBytes(rest)) return;
      shown += rest.length < line.length ? 1 : 0;
      expect(decodeText(rest)).toBe(plainText(decodeText(line)));
    }),
    { numRuns: 20_000 },
  );
  expect(shown).toBeGreaterThan(500);
});

test("a line without controls needs no rendering", () => {
  fc.assert(
    fc.property(fc.oneof(noisyLine, brokenBytes), (line) => {
      if (hasControlBytes(line)) return;
      expect(lineText(line, 0, line.length, false)).toBe(plainText(decodeText(line)));
    }),
    { numRuns: 5000 },
  );
});

test("every control is found, one after the other", () => {
  fc.assert(
    fc.property(fc.oneof(noisyLine, brokenBytes), (line) => {
      const expected = [...line.keys()].filter((at) => {
        const byte = line[at]!;
        if (byte === 0xc2) return line[at + 1] !== undefined && line[at + 1]! >= 0x80 && line[at + 1]! <= 0x9f;
        return (byte < 0x20 && byte !== 0x09) || byte === 0x7f;
      });
      expect(hasControlBytes(line)).toBe(expected.length > 0);
      const next = createControlFinder(line);
      const found: number[] = [];
      for (let at = next(0); at !== -1; at = next(at + 1)) found.push(at);
      expect(found).toEqual(expected);
    }),
    { numRuns: 5000 },
  );
});

test("bytes read as they do everywhere else", () => {
  fc.assert(
    fc.property(brokenBytes, (line) => {
      expect(lineText(line, 0, line.length)).toBe(plainText(decodeText(line)));
    }),
    { numRuns: 5000 },
  );
});

test("of a long line its first characters are read, and never half of one", () => {
  const long = Buffer.from(`${"x".repeat(lineCharactersMax - 1)}🚀tail`);
  expect(lineText(long, 0, long.length)).toBe("x".repeat(lineCharactersMax - 1));
  const controls = Buffer.from(`${"\x1b[0m".repeat(lineBytesMax / 4)}hidden`);
  expect(lineText(controls, 0, controls.length)).toBe("");
  expect(cutText("ab", 2)).toBe("ab");
  expect(cutText("a🚀", 2)).toBe("a");
});

test.each(["\x1b[", "\x1b]", "\x1b[0;", "\x1b]a", "0;\x1b[ "])("a stream of %j is cleaned in time", (part) => {
  const hostile = Buffer.from(part + part.slice(1).repeat(200_000) + part.repeat(100_000));
  expect(withoutSequences(hostile).length).toBeLessThanOrEqual(hostile.length);
});
