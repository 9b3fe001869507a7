import fc from "fast-check";
import * as re2 from "re2js";
import { expect, test } from "vitest";
import { HermaError, type WatchRule } from "../contract/index.ts";
import type { LineMatch, WatchMatcher } from "./lineMatcher.ts";
import { createLineScan, lineBytesMax } from "./lineScan.ts";
import { cutText, lineCharactersMax } from "./lineText.ts";
import { createPatternEngine } from "./patterns.ts";
import { plainText } from "./plainText.ts";
import { decodeText } from "./text.ts";
import { compileWatchRules, patternText, type WatchedRule, watchRulesMax } from "./watchRules.ts";

const engine = createPatternEngine(re2);
const encode = (text: string) => new TextEncoder().encode(text);
const every = (match: WatchRule["match"]): WatchedRule => ({ rule: { match, mode: "every" } });
const once = (match: WatchRule["match"]): WatchedRule => ({ rule: { match, mode: "once" } });

function matchText(watched: readonly WatchedRule[], text: string): [number, number, string][] {
  return compileWatchRules(watched, engine)
    .match({ offset: 0, bytes: encode(text) })
    .map(({ rule, offset, text: line }) => [rule, offset, line]);
}

test("a line counts once, for the first rule that matches it", () => {
  const rules = [every("second"), every({ re2: "fi.st|second" }), every("line")];
  expect(matchText(rules, "first line\nsecond line\nthird line\nother\n")).toEqual([
    [1, 0, "first line"],
    [0, 11, "second line"],
    [2, 23, "third line"],
  ]);
});

test("a rule that matches once is switched off, and the rules behind it get their turn", () => {
  const matcher = compileWatchRules([once("go"), every("go"), once({ re2: "^never" })], engine);
  const found = matcher.match({ offset: 0, bytes: encode("go 1\ngo 2\ngo 3\n") });
  expect(found.map(({ rule, text }) => [rule, text])).toEqual([
    [0, "go 1"],
    [1, "go 2"],
    [1, "go 3"],
  ]);
  expect([0, 1, 2, 3].map((rule) => matcher.isActive(rule))).toEqual([false, true, true, false]);
  matcher.setActive(1, false);
  expect(matcher.active).toBe(true);
  matcher.setActive(2, false);
  expect(matcher.active).toBe(false);
  expect(matcher.match({ offset: 15, bytes: encode("go 4\nnever\n") })).toEqual([]);
  matcher.setActive(0, true);
  expect(matcher.match({ offset: 15, bytes: encode("go 5\n") })).toEqual([{ rule: 0, offset: 15, text: "go 5" }]);
});

test("a rule that is switched on later is looked for from then on", () => {
  const matcher = compileWatchRules(
    [every("one"), { ...every("two"), active: false }, { ...every({ re2: "\\d{3}" }), active: false }],
    engine,
  );
  const bytes = encode("one two\ntwo\n123\n");
  expect(matcher.match({ offset: 0, bytes }).map(({ rule }) => rule)).toEqual([0]);
  matcher.setActive(1, true);
  expect(matcher.match({ offset: 16, bytes }).map(({ rule }) => rule)).toEqual([0, 1]);
  matcher.setActive(2, true);
  matcher.setActive(0, false);
  expect(matcher.match({ offset: 32, bytes }).map(({ rule }) => rule)).toEqual([1, 1, 2]);
});

test("a rule about silence takes no line from another, and is not ended by a match", () => {
  const silence: WatchedRule = { rule: { match: "beat", mode: "once", negative_seconds: 60 } };
  expect(matchText([silence, every("heart")], "heart beat\nbeat\n")).toEqual([
    [1, 0, "heart beat"],
    [0, 0, "heart beat"],
    [0, 11, "beat"],
  ]);
});

test("output before a rule's offset does not count, and of a line on both sides the part behind it does", () => {
  const rule = (from: number): WatchedRule => ({ ...every("$ "), from });
  const text = "$ ls\n$ cat\n$ ";
  expect(matchText([rule(0)], text).map(([, offset]) => offset)).toEqual([0, 5, 11]);
  expect(matchText([rule(5)], text).map(([, offset]) => offset)).toEqual([5, 11]);
  expect(matchText([rule(6)], text).map(([, offset]) => offset)).toEqual([11]);
  expect(matchText([rule(13)], text)).toEqual([]);
  expect(matchText([{ ...every({ re2: "^w" }), from: 6 }], "stale www\n")).toEqual([[0, 0, "www"]]);
});

test.each([
  ["\x1b[1mready\x1b[0m in 1 s\n", "ready in"],
  ["rea\x1b[32mdy\n", "ready"],
  ["\x1b]0;title\x07ready\n", "ready"],
  ["reax\bdy\n", "ready"],
  ["rea\x00dy\n", "ready"],
  ["10%\rready\r\n", "ready"],
  ["rea\u009b1mdy\n", "ready"],
  ["© ready ©\n", "© ready"],
])("%j is matched as a person sees it", (text, wanted) => {
  expect(matchText([every(wanted)], text)).toHaveLength(1);
  expect(matchText([every({ re2: wanted.replace("d", "[d]") })], text)).toHaveLength(1);
});

test.each([
  ["\x1b]0;ready\x07\n", "ready"],
  ["ready\b\b\b\b\bother\n", "ready"],
  ["rea\ndy\n", "ready"],
  ["rea\rdy\n", "ready"],
  ["\x1b[31mred\n", "31m"],
])("in %j nobody sees %j", (text, wanted) => {
  expect(matchText([every(wanted)], text)).toEqual([]);
});

test("colours copied with a text do not keep it from being found", () => {
  expect(matchText([every("\x1b[31mFAIL\x1b[0m 3")], "\x1b[33mFAIL 3 tests\n")).toHaveLength(1);
});

test("a long line is matched on its first 10,000 characters", () => {
  const long = `${"x".repeat(lineCharactersMax - 4)}pass${"y".repeat(200_000)}late\n`;
  expect(matchText([every("pass")], long)).toHaveLength(1);
  expect(matchText([every("passy")], long)).toEqual([]);
  expect(matchText([every("late"), every({ re2: "l[a]te" })], `${long}late\n`).map(([, offset]) => offset)).toEqual([long.length]);
});

test("the open line is matched like any other", () => {
  const matcher = compileWatchRules([once({ re2: "[Pp]assword: ?$" })], engine);
  const scan = createLineScan();
  scan.feed(encode("hello\nPassword: "), 0);
  const open = scan.openLine();
  expect(open && matcher.match(open)).toEqual([{ rule: 0, offset: 6, text: "Password: " }]);
});

test.each<[WatchRule["match"], string]>([
  [{ re2: "(" }, "missing closing )"],
  [{ re2: ".*" }, "fits an empty line"],
  [{ re2: "^$" }, "fits an empty line"],
  [{ re2: "x.{900}y" }, "repeats too much"],
  ["a\nb", "line break"],
  ["a\r", "line break"],
  ["\x1b[31m", "no character that could be seen"],
])("%j is refused: %s", (match, words) => {
  const attempt = () => compileWatchRules([every(match)], engine);
  expect(attempt).toThrow(HermaError);
  expect(attempt).toThrow(words);
});

test("too many rules are refused", () => {
  const rules = Array.from({ length: watchRulesMax + 1 }, (_, index) => every(`rule ${index}`));
  expect(() => compileWatchRules(rules, engine)).toThrow("at most 64");
  expect(compileWatchRules(rules.slice(1), engine).active).toBe(true);
  expect(compileWatchRules([], engine).active).toBe(false);
});

test("a rule is named by its text or its source", () => {
  expect([patternText({ match: "a" }), patternText({ match: { re2: "b+" } })]).toEqual(["a", "b+"]);
});

/** The matches of a whole stream, by definition: no prefilter, no groups, no blocks. */
function matchesByDefinition(bytes: Uint8Array, watched: readonly WatchedRule[]): LineMatch[] {
  const found: LineMatch[] = [];
  const on = watched.map(({ active }) => active !== false);
  const tests = watched.map(({ rule: { match } }) => {
    if (typeof match === "string") return (text: string) => text.includes(match);
    const pattern = re2.RE2JS.compile(match.re2);
    return (text: string) => pattern.test(text);
  });
  const shown = (from: number, to: number) =>
    cutText(plainText(decodeText(bytes.subarray(from, Math.min(to, from + lineBytesMax)))), lineCharactersMax);
  for (let from = 0, to = 0; to <= bytes.length; to++) {
    if (to < bytes.length && bytes[to] !== 0x0a && bytes[to] !== 0x0d) continue;
    if (to > from) {
      const matching = watched.flatMap((watch, rule) => {
        const start = Math.max(from, watch.from ?? 0);
        if (!on[rule] || start >= to) return [];
        const text = shown(start, to);
        return tests[rule]?.(text) ? [{ rule, offset: from, text }] : [];
      });
      const negative = (match: LineMatch) => watched[match.rule]?.rule.negative_seconds !== undefined;
      const first = matching.find((match) => !negative(match));
      if (first !== undefined) {
        found.push(first);
        if (watched[first.rule]?.rule.mode === "once") on[first.rule] = false;
      }
      found.push(...matching.filter(negative));
    }
    from = to + 1 > from && to < bytes.length ? to + 1 : from;
  }
  return found;
}

const noise = fc.constantFrom(
  "err",
  "or",
  "error",
  "ERROR",
  "ok",
  "k",
  "12",
  "3",
  " ",
  "é",
  "🚀",
  "\ufffd",
  "ready",
  "rea",
  "dy",
  "x",
  "\t",
  "\x1b[31m",
  "\x1b[0m",
  "\x1b[2K",
  "\x1b]0;ready\x07",
  "\x1b]0;",
  "\x07",
  "\b",
  "\x1b",
  "\x00",
  "\u009b1m",
  "©",
);
const part = fc.oneof({ weight: 6, arbitrary: noise }, { weight: 2, arbitrary: fc.constantFrom("\n", "\r\n", "\r", "\n\n") });
const stream = fc.oneof(
  fc.array(part, { maxLength: 60, size: "max" }).map((parts) => encode(parts.join(""))),
  // Broken characters in the middle of everything.
  fc
    .array(
      fc.oneof(
        part.map((text) => [...encode(text)]),
        fc.constantFrom([0xe2], [0x82], [0xff], [0xc3], [0xa9]),
      ),
      { maxLength: 40 },
    )
    .map((list) => Uint8Array.from(list.flat())),
);
const match = fc.constantFrom<WatchRule["match"]>(
  "error",
  "k",
  "ready",
  "é",
  "or",
  "\ufffd",
  "🚀",
  { re2: "(?i)error" },
  { re2: "err|read" },
  { re2: "\\d\\d" },
  { re2: "^ok" },
  { re2: "[a-z]{4}$" },
  { re2: "\\bready\\b" },
  { re2: "(?i)ok" },
  { re2: "[^a-z]x" },
  { re2: "\\Aerr" },
  { re2: "[er]\\w*: ?" },
  { re2: "(?i)[a-z]e\\b" },
);
const watch = fc
  .record({
    rule: fc.record({
      match,
      mode: fc.constantFrom("once" as const, "every" as const),
      negative_seconds: fc.constantFrom(undefined, undefined, undefined, 5),
    }),
    from: fc.constantFrom(0, 0, 0, 7, 40),
    active: fc.constantFrom(true, true, true, true, false),
  })
  .map(({ rule: { negative_seconds, ...rule }, ...rest }) => ({
    ...rest,
    rule: negative_seconds === undefined ? rule : { ...rule, negative_seconds },
  }));

function matchInPieces(bytes: Uint8Array, matcher: WatchMatcher, cuts: readonly number[]): LineMatch[] {
  const found: LineMatch[] = [];
  const scan = createLineScan();
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    for (const block of scan.feed(bytes.slice(from, to), from)) found.push(...matcher.match(block));
    from = to;
  }
  const rest = scan.end();
  if (rest !== null) found.push(...matcher.match(rest));
  return found;
}

test("however output arrives, the matches are those of its definition [W1, defect 6.1.6]", () => {
  let matched = 0;
  fc.assert(
    fc.property(
      stream,
      fc.array(watch, { minLength: 1, maxLength: 5 }),
      fc.array(fc.nat(400), { maxLength: 6 }),
      (bytes, watched, picks) => {
        const cuts = picks.map((pick) => pick % (bytes.length + 1)).sort((a, b) => a - b);
        const expected = matchesByDefinition(bytes, watched);
        matched += expected.length;
        expect(matchInPieces(bytes, compileWatchRules(watched, engine), cuts)).toEqual(expected);
      },
    ),
    { numRuns: 5000 },
  );
  expect(matched).toBeGreaterThan(3000);
});

test("a pattern cut at each of its bytes is found once", () => {
  const bytes = encode("before\nserver läuft 🚀 on 8080\nafter\n");
  for (let cut = 0; cut <= bytes.length; cut++) {
    const matcher = compileWatchRules([every("läuft 🚀"), every({ re2: "on \\d{4}" })], engine);
    expect(matchInPieces(bytes, matcher, [cut]).map(({ offset }) => offset)).toEqual([7]);
  }
});

test("groups of lines hide no line, at any place of a long stream", () => {
  const lines = Array.from({ length: 3000 }, (_, index) =>
    index % 611 === 610 ? `value ${index}\r` : `nothing in line number x${"-".repeat(index % 70)}`,
  );
  const watched = [every({ re2: "^value \\d+$" }), every({ re2: "\\d{9}" }), every("number y")];
  const bytes = encode(`${lines.join("\n")}\nnumber y\n`);
  const expected = matchesByDefinition(bytes, watched);
  expect(expected).toHaveLength(5);
  expect(matchInPieces(bytes, compileWatchRules(watched, engine), [])).toEqual(expected);
});
