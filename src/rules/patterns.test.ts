import fc from "fast-check";
import * as re2 from "re2js";
import { expect, test } from "vitest";
import { HermaError } from "../contract/index.ts";
import { createPatternEngine } from "./patterns.ts";

const engine = createPatternEngine(re2);

function refusal(source: string): string {
  try {
    engine.compile(source);
  } catch (error) {
    expect(error).toBeInstanceOf(HermaError);
    expect((error as HermaError).code).toBe("BAD_REQUEST");
    return (error as HermaError).message;
  }
  return "";
}

test.each([
  ["(", "missing closing )"],
  ["[a", "missing closing ]"],
  ["*", "missing argument"],
  ["(?=x)", "no look-around"],
  ["(a)\\1", "no back-references"],
  ["a{1001}", "repeat count"],
  ["x.{500}$", "repeats too much"],
  ["((a{10}){10}){9}", "repeats too much"],
])("%j is refused in words: %s", (source, words) => {
  expect(refusal(source)).toContain(words);
  expect(refusal(source)).toContain(JSON.stringify(source));
});

test.each(["a", "[0-9a-f]{64}", "(?i)error|failed", "a".repeat(1000), "x{300}", "^\\s*at .+:\\d+$"])("%s is taken", (source) => {
  expect(refusal(source)).toBe("");
});

test.each<[string, string[] | null]>([
  ["exit code [1-9]", ["exit code "]],
  ["(timeout|deadline) after \\d+", ["timeout", "deadline"]],
  ["(?i)unhandled exception", ["unhandled exception"]],
  ["(?i)task stopped", ["topped"]],
  ["(?is)fatal.*end", ["fatal"]],
  ["(?i)ok", ["o"]],
  ["(?i)kk", null],
  ["(?i)a(?-i)b", null],
  ["\\d+", null],
  ["[a-z]+x?", null],
  ["a|\\d", null],
  ["\ufffdab", null],
  ["\ufffdab|cde", null],
  ["\ufffdab.cde", ["cde"]],
])("%s needs %j", (source, texts) => {
  expect(engine.compile(source).required?.map(({ text }) => text) ?? null).toEqual(texts);
});

const atom = fc.constantFrom(
  "a",
  "b",
  "ab",
  "K",
  "s",
  "é",
  ".",
  "[ab]",
  "[^a]",
  "\\d",
  "\\w",
  "\\b",
  "^",
  "$",
  "(?:a|b)",
  "(ab|s)",
  "x+",
  "(?i:ab)",
);
const piece = fc
  .tuple(atom, fc.constantFrom("", "", "", "?", "*", "+", "{2}", "{0,2}", "+?"))
  .map(([text, often]) => (often === "" ? text : `(?:${text})${often}`));
const sequence = fc.array(piece, { minLength: 1, maxLength: 4 }).map((pieces) => pieces.join(""));
const source = fc
  .tuple(fc.constantFrom("", "", "(?i)", "(?is)", "(?U)"), fc.array(sequence, { minLength: 1, maxLength: 3 }))
  .map(([flags, choices]) => flags + choices.join("|"));
const line = fc
  .array(fc.constantFrom("a", "b", "A", "B", "ab", "x", "k", "K", "\u212a", "s", "ſ", "é", "É", "1", " "), { maxLength: 12 })
  .map((parts) => parts.join(""));

function standsIn(text: string, required: { text: string; fold: boolean }): boolean {
  const lower = (word: string) => word.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  return required.fold ? lower(text).includes(lower(required.text)) : text.includes(required.text);
}

test("what matches a pattern holds one of the texts it needs", () => {
  let needed = 0;
  fc.assert(
    fc.property(source, line, (pattern, text) => {
      const compiled = engine.compile(pattern);
      if (compiled.required === null || !compiled.test(text)) return;
      needed += 1;
      expect(compiled.required.some((required) => standsIn(text, required))).toBe(true);
    }),
    { numRuns: 20_000 },
  );
  expect(needed).toBeGreaterThan(500);
});

test("patterns put together see every line that one of them matches", () => {
  let seen = 0;
  fc.assert(
    fc.property(fc.array(source, { minLength: 1, maxLength: 3 }), fc.array(line, { maxLength: 4 }), (patterns, lines) => {
      const together = engine.anyOf(patterns);
      if (together === null) return;
      const matches = lines.some((text) => patterns.some((pattern) => engine.compile(pattern).test(text)));
      if (!matches) return;
      seen += 1;
      expect(together(lines.join("\n"))).toBe(true);
    }),
    { numRuns: 10_000 },
  );
  expect(seen).toBeGreaterThan(1000);
});

test("patterns that do not go together are not put together", () => {
  expect(engine.anyOf(["\\Aready"])).toBeNull();
  expect(engine.anyOf(["done\\z"])).toBeNull();
  expect(engine.anyOf(["(?-m:^)x"])).toBeNull();
  expect(engine.anyOf(["\\Qa", "b\\E"])).toBeNull();
  expect(engine.anyOf(["(?P<n>a)", "(?P<n>b)"])).toBeNull();
  expect(engine.anyOf(Array.from({ length: 10 }, (_, index) => `[0-9]{29${index}}x`))).toBeNull();
  expect(engine.anyOf(["^\\d+$", "x"])?.("a\n12\nb")).toBe(true);
  expect(engine.anyOf(["^\\d+$", "x"])?.("a\n1 2\nb")).toBe(false);
});

test("a source is compiled once, and old ones are let go", () => {
  const calls: string[] = [];
  const counting = createPatternEngine({
    RE2JS: new Proxy(re2.RE2JS, {
      get: (target, key) =>
        key === "compile"
          ? (text: string, flags?: number) => {
              calls.push(text);
              return re2.RE2JS.compile(text, flags);
            }
          : Reflect.get(target, key),
    }),
  });
  counting.compile("first");
  counting.compile("first");
  expect(calls).toEqual(["first"]);
  for (let index = 0; index < 300; index++) counting.compile(`other ${index}`);
  counting.compile("first");
  expect(calls.filter((text) => text === "first")).toHaveLength(2);
});

test("what the library does not tell in the known form is not used", () => {
  const odd = (prefilter: unknown) =>
    createPatternEngine({
      RE2JS: { compile: () => ({ programSize: () => 1, test: () => false, re2: () => ({ prefilter }) }) } as never,
    }).compile("abc").required;
  expect(odd({ type: 1, str: "abc" })).toEqual([{ text: "abc", fold: false }]);
  for (const prefilter of [
    undefined,
    null,
    1,
    {},
    { type: 1 },
    { type: 1, str: "" },
    { type: 9, subs: [{ type: 1, str: "a" }] },
    { type: 3, subs: [] },
  ]) {
    expect(odd(prefilter)).toBeNull();
  }
});
