import fc from "fast-check";
import { expect, test } from "vitest";
import { foldRepeats, plainText } from "./plainText.ts";

test.each([
  ["plain text\nstays\t.", "plain text\nstays\t."],
  ["", ""],
  // Sequences
  ["\x1b[1;31mred\x1b[0m", "red"],
  ["\x1b[?25l\x1b[2 qx\x1b[38:2::1:2:3my", "xy"],
  ["\x1b]0;title\x07a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\b", "alinkb"],
  ["\x1bP1$r0m\x1b\\a\x1b_Gi=1\x1b\\b\x1b^pm\x1b\\c\x1bXsos\x1b\\d", "abcd"],
  ["\x1b(Ba\x1b7b\x1b=c\x1bcd\x1b#8e", "abcde"],
  ["\u009b31mred\u009b0m\u009d0;t\u009cx\u0085y", "redxy"],
  // A device string may hold a bell; a title may not.
  ["\x1bPa\x07b\x1b\\c", "c"],
  // Carriage returns and backspaces
  ["one\r\ntwo\r\n", "one\ntwo\n"],
  ["10%\r50%\r100%\n", "100%\n"],
  ["long text\rshort", "shorttext"],
  ["long text\r\x1b[Kshort", "short"],
  ["long text\x1b[2K\rshort", "short"],
  ["long text\x1b[1Gshort", "shorttext"],
  ["abc\b\bX", "aXc"],
  ["\b\b\bx", "x"],
  ["a\r\r\nb", "a\nb"],
  ["_\bx", "x"],
  ["🚀x\r日", "日x"],
  // Other controls
  ["a\x00b\x07c\x0bd\x0ce\x7ff", "abcdef"],
  // Broken off
  ["a\x1b", "a"],
  ["a\x1b[", "a"],
  ["a\x1b[31", "a"],
  ["a\x1b[31\nb", "a\nb"],
  ["a\x1b]0;title\nb", "a\nb"],
  ["a\x1b]0;title", "a"],
  ["a\x1b[\x1b[31mb", "ab"],
  ["a\x1bPxx\x1b[31mb", "ab"],
  ["a\x1b[3é", "aé"],
  ["a\x1b]0;t\x18b\x1b]0;t\x1ac", "abc"],
  ["a\u009f", "a"],
])("%j shows %j", (text, shown) => {
  expect(plainText(text)).toBe(shown);
});

const noisy = fc
  .array(
    fc
      .constantFrom(
        "a",
        "bc",
        "é",
        "🚀",
        "\n",
        "\r",
        "\r\n",
        "\b",
        "\t",
        "\x1b",
        "\x1b[",
        "\x1b]",
        "\x1bP",
        "\x1b\\",
        "\x07",
        "\u009b",
        "\u009c",
        "\u0090",
      )
      .chain((piece) => fc.constantFrom(piece, `${piece}1m`, `${piece}K`, `${piece}2K`)),
    { maxLength: 50 },
  )
  .map((parts) => parts.join(""));

test("nothing that controls a terminal is left", () => {
  fc.assert(
    fc.property(fc.oneof(noisy, fc.string({ unit: "binary" })), (text) => {
      const shown = plainText(text);
      expect(shown).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/);
      expect(plainText(shown)).toBe(shown);
      expect(shown.length).toBeLessThanOrEqual(text.length);
    }),
    { numRuns: 3000 },
  );
});

test("lines rendered one by one are the whole", () => {
  fc.assert(
    fc.property(noisy, (text) => {
      const pieces = text.split(/(?<=\n)/);
      expect(pieces.map(plainText).join("")).toBe(plainText(text));
    }),
    { numRuns: 3000 },
  );
});

/** Work is counted in character reads rather than in time: a time would tell more about the machine than about the text. */
function readsOf(text: string): number {
  let reads = 0;
  const counted = new Proxy(Object(text), {
    get(target, key) {
      if (key === "charCodeAt" || key === "codePointAt") {
        return (at: number) => {
          reads += 1;
          return target[key](at);
        };
      }
      if (typeof key === "string" && /^\d+$/.test(key)) reads += 1;
      const value = target[key];
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  plainText(counted);
  return reads;
}

const hostile = [
  "\x1b[",
  "\r",
  "\x1b]",
  "\x1bP",
  "\x1bP\n",
  "\u0090",
  "\u0090\n",
  "\u009d",
  "\x1b",
  "\x1b ",
  "\b",
  "x\r",
  "x\x1b[2K",
  "x\x1b[K\r",
  "\x1b[1;",
  "\x1b[9999999C",
];

test.each(hostile)("much of %j costs no more than its length", (piece) => {
  const text = `\x1b]${"x".repeat(10)}${piece.repeat(20_000)}`;
  expect(readsOf(text)).toBeLessThan(text.length * 12);
});

test.each(hostile)("a mebibyte of %j is rendered", (piece) => {
  const text = piece.repeat(Math.ceil(1_048_576 / piece.length));
  expect(plainText(text).length).toBeLessThanOrEqual(text.length);
});

test("long lines that are overwritten again and again cost no more than their length", () => {
  const text = "x".repeat(500_000) + "\ry\x1b[Kz".repeat(100_000);
  expect(plainText(text)).toBe("yz");
});

test("runs of a line are folded, and what stays is unchanged", () => {
  expect(foldRepeats("a\nb\nb\nb\nc")).toBe("a\nb\nb\nb\nc");
  expect(foldRepeats("a\nb\nb\nb\nb\nc\n")).toBe("a\nb\n[… the same line 3 more times …]\nc\n");
  expect(foldRepeats("a\na", 1)).toBe("a\n[… the same line 1 more times …]");
  expect(foldRepeats("\n\n\n\n\n\n")).toBe("\n\n\n\n\n\n");
  fc.assert(
    fc.property(fc.array(fc.constantFrom("a", "b", ""), { maxLength: 30 }), (list) => {
      const text = list.join("\n");
      expect(foldRepeats(text, 30)).toBe(text);
    }),
  );
});
