import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeText, omittedMarker, utf8End, utf8Start, type View, window } from "./text.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const anyText = fc.string({ unit: "binary", maxLength: 60 });
const lines = fc
  .array(fc.constantFrom("a", "é", "€", "🚀", "\n", "\u{feff}", "x".repeat(9)), { maxLength: 60 })
  .map((parts) => parts.join(""));
/** Bytes that are mostly broken UTF-8: pieces of characters, surrogates, overlong forms. */
const brokenBytes = fc
  .array(fc.constantFrom(0x41, 0x0a, 0x80, 0xbf, 0x9f, 0xa0, 0xc2, 0xc0, 0xe2, 0xe0, 0xed, 0xf0, 0xf4, 0xf5, 0xff, 0x8f, 0x90), {
    maxLength: 24,
  })
  .map((list) => Uint8Array.from(list));

test("a cut moves to the characters' borders", () => {
  const bytes = encode("a€b"); // 61 e2 82 ac 62
  expect([0, 1, 2, 3, 4, 5].map((at) => utf8Start(bytes, at))).toEqual([0, 1, 4, 4, 4, 5]);
  expect([0, 1, 2, 3, 4, 5].map((at) => utf8End(bytes, at))).toEqual([0, 1, 1, 1, 4, 5]);
  expect([utf8Start(bytes, -3), utf8Start(bytes, 99), utf8End(bytes, -3), utf8End(bytes, 99)]).toEqual([0, 5, 0, 5]);
});

test("an incomplete character at the end is cut off, an impossible one is not", () => {
  expect(utf8End(encode("a🚀").subarray(0, 4), 4)).toBe(1);
  expect(utf8End(Uint8Array.of(0x61, 0xff), 2)).toBe(2);
  expect(utf8End(Uint8Array.of(0x61, 0xed, 0xa0), 3)).toBe(3);
  expect(utf8End(Uint8Array.of(0x80, 0x80, 0x80, 0x80), 4)).toBe(4);
});

test("bytes that no character can begin with have borders around them", () => {
  for (const pair of [
    [0xf5, 0x80],
    [0xe0, 0x80],
    [0xed, 0xa0],
    [0xf0, 0x80],
    [0xf4, 0x90],
    [0xc0, 0x80],
    [0xff, 0xbf],
  ]) {
    const bytes = Uint8Array.from(pair);
    expect([utf8Start(bytes, 1), utf8End(bytes, 1)], pair.join()).toEqual([1, 1]);
  }
});

test("a border divides any bytes so that both sides read as the whole does", () => {
  fc.assert(
    fc.property(fc.oneof(brokenBytes, anyText.map(encode)), fc.nat(64), (bytes, pick) => {
      const at = pick % (bytes.length + 1);
      for (const border of [utf8Start(bytes, at), utf8End(bytes, at)]) {
        expect(decodeText(bytes.subarray(0, border)) + decodeText(bytes.subarray(border))).toBe(decodeText(bytes));
      }
      expect(utf8Start(bytes, at)).toBeGreaterThanOrEqual(at);
      expect(utf8End(bytes, at)).toBeLessThanOrEqual(at);
      expect(utf8Start(bytes, at) - utf8End(bytes, at)).toBeLessThanOrEqual(4);
    }),
    { numRuns: 3000 },
  );
});

test("a byte order mark stays where it is", () => {
  expect(decodeText(encode("\u{feff}a"))).toBe("\u{feff}a");
});

/** Reads the bytes as they arrive in two parts, delta by delta, as a reader does. */
function readByDeltas(bytes: Uint8Array, arrived: number, maxBytes: number, base: number): { text: string; offsets: number[] } {
  let at = base;
  let text = "";
  const offsets = [at];
  for (const [end, final] of [
    [arrived, false],
    [bytes.length, true],
  ] as const) {
    for (;;) {
      const delta = window(bytes.subarray(at - base, end), at, { view: "delta", maxBytes, final });
      expect(delta.from).toBe(at);
      expect(delta.omittedBytes).toBe(0);
      if (delta.more) expect(delta.to).toBeGreaterThan(at);
      text += delta.text;
      at = delta.to;
      offsets.push(at);
      if (!delta.more) break;
    }
  }
  return { text, offsets };
}

test("however output arrives and whatever the budget, the deltas together are the whole", () => {
  fc.assert(
    fc.property(
      fc.oneof(anyText.map(encode), lines.map(encode), brokenBytes),
      fc.nat(300),
      fc.integer({ min: 1, max: 12 }),
      (bytes, pick, maxBytes) => {
        const { text, offsets } = readByDeltas(bytes, pick % (bytes.length + 1), maxBytes, 1_000_000);
        expect(text).toBe(decodeText(bytes));
        expect(offsets).toEqual([...offsets].sort((a, b) => a - b));
        expect(offsets.at(-1)).toBe(1_000_000 + bytes.length);
      },
    ),
    { numRuns: 2000 },
  );
});

test("[defect 6.1.5] at every split of a text, no delta shows a broken character", () => {
  const bytes = encode("né €uro 🚀 日本\n");
  for (let arrived = 0; arrived <= bytes.length; arrived++) {
    const first = window(bytes.subarray(0, arrived), 0, { view: "delta", maxBytes: 1000 });
    expect(first.text).not.toContain("\u{fffd}");
    const second = window(bytes.subarray(first.to), first.to, { view: "delta", maxBytes: 1000 });
    expect(first.text + second.text).toBe("né €uro 🚀 日本\n");
  }
});

test("no window shows a broken character that the whole does not have, or more than its budget", () => {
  const views: View[] = ["head", "tail", "headTail", "delta"];
  fc.assert(
    fc.property(
      fc.oneof(lines, anyText),
      fc.constantFrom(...views),
      fc.integer({ min: 4, max: 40 }),
      fc.nat(5),
      (text, view, maxBytes, cut) => {
        const bytes = encode(text);
        const range = bytes.subarray(0, Math.max(0, bytes.length - cut));
        const shown = window(range, 500, { view, maxBytes });
        const whole = decodeText(bytes);
        for (const part of shown.parts) {
          expect(part.to - part.from).toBe(encode(part.text).length);
          expect(whole).toContain(part.text);
        }
        expect(shown.parts.reduce((sum, part) => sum + part.to - part.from, 0)).toBeLessThanOrEqual(maxBytes);
        expect(shown.from).toBeGreaterThanOrEqual(500);
        expect(shown.to).toBeLessThanOrEqual(500 + range.length);
        const shownBytes = shown.parts.reduce((sum, part) => sum + part.to - part.from, 0);
        const pending = range.length - utf8End(range, range.length);
        if (view !== "delta") expect(shownBytes + shown.omittedBytes + pending).toBe(range.length);
        expect(shown.omittedBytes === 0 || view !== "delta").toBe(true);
      },
    ),
    { numRuns: 3000 },
  );
});

test("the tail begins at a line's start where there is one", () => {
  const tail = (text: string, maxBytes: number) => window(encode(text), 0, { view: "tail", maxBytes });
  expect(tail("one\ntwo\nthree\n", 11)).toMatchObject({ text: "two\nthree\n", from: 4, to: 14, omittedBytes: 4, more: false });
  expect(tail("one\ntwo\nthree\n", 10).text).toBe("two\nthree\n");
  expect(tail("one\ntwo\nthree\n", 9).text).toBe("three\n");
  // No line begins in the window: better a piece of a line than nothing.
  expect(tail("a long line without end", 8).text).toBe("out end".padStart(8, "h"));
  expect(tail("a long line\n", 5).text).toBe("line\n");
  expect(tail("short\n", 100)).toMatchObject({ text: "short\n", omittedBytes: 0 });
  expect(tail("anything", 0)).toMatchObject({ text: "", omittedBytes: 8 });
});

test("the head stops within its budget and tells what is left out", () => {
  expect(window(encode("a€b"), 10, { view: "head", maxBytes: 3 })).toMatchObject({
    text: "a",
    from: 10,
    to: 11,
    omittedBytes: 4,
    more: true,
  });
  expect(window(encode("a€b"), 10, { view: "head", maxBytes: 5 })).toMatchObject({ text: "a€b", to: 15, omittedBytes: 0, more: false });
});

test("head and tail tell what is between them", () => {
  const bytes = encode(`begin ${"x".repeat(100)}\nend\n`);
  const both = window(bytes, 0, { view: "headTail", maxBytes: 12 });
  expect(both.parts.map((part) => part.text)).toEqual(["begin ", "end\n"]);
  expect(both.omittedBytes).toBe(bytes.length - 10);
  expect(both.text).toBe(`begin ${omittedMarker(bytes.length - 10)}end\n`);
  expect(both).toMatchObject({ from: 0, to: bytes.length, more: false });
  expect(window(bytes, 0, { view: "headTail", maxBytes: bytes.length })).toMatchObject({ text: decodeText(bytes), omittedBytes: 0 });
});

test("a broken end is shown once nothing can follow", () => {
  const bytes = encode("a€").subarray(0, 3);
  expect(window(bytes, 0, { view: "delta", maxBytes: 10 })).toMatchObject({ text: "a", to: 1, more: false });
  expect(window(bytes, 0, { view: "delta", maxBytes: 10, final: true })).toMatchObject({ text: "a\u{fffd}", to: 3 });
});

test("a budget smaller than a character still gets on, and none stays where it is", () => {
  expect(window(encode("🚀b"), 0, { view: "delta", maxBytes: 1 })).toMatchObject({ text: "🚀", to: 4, more: true });
  expect(window(encode("🚀b"), 0, { view: "delta", maxBytes: 0 })).toMatchObject({ text: "", to: 0, more: true });
});
