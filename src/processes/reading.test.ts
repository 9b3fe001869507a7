import { existsSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { homePaths, ReadResult } from "../contract/index.ts";
import { openTestRegistry } from "./testing/openTestRegistry.ts";
import { putEnded, putFolder } from "./testing/records.ts";

const numbered = (count: number): string => Array.from({ length: count }, (_, index) => `line ${index}\n`).join("");

test("a named reader gets what it has not acknowledged, again and again until it does; readers do not know of each other", () => {
  const { home, registry } = openTestRegistry();
  const id = putEnded(home, 1, { output: { 0: "one\ntwo\n" } });
  const first = registry.read(id, { reader: "a" });
  expect(ReadResult.parse(first)).toMatchObject({ text: "one\ntwo\n", reader: "a", from: 0, to: 8, acknowledge_to: 8 });
  // Nothing is made by looking.
  expect(existsSync(homePaths(home).store)).toBe(false);
  expect(registry.read(id, { reader: "a", since: "last" })).toMatchObject({ text: "one\ntwo\n" });
  registry.acknowledge(id, { reader: "a", to: 4 });
  expect(registry.read(id, { reader: "a" })).toMatchObject({ text: "two\n", from: 4, acknowledge_to: 8 });
  registry.acknowledge(id, { reader: "a", to: 8 });
  // Late news of an old read moves nothing back.
  registry.acknowledge(id, { reader: "a", to: 4 });
  expect(registry.read(id, { reader: "a" })).toMatchObject({ text: "", from: 8, to: 8, more: false, acknowledge_to: 8 });
  expect(registry.read(id, { reader: "b" })).toMatchObject({ text: "one\ntwo\n", reader: "b" });
  expect(registry.read(id)).toMatchObject({ text: "one\ntwo\n", reader: null, acknowledge_to: null });
});

test("another registry of the home goes on where the reader was, as after a restart", () => {
  const { home, registry } = openTestRegistry();
  const id = putEnded(home, 1, { output: { 0: "abcdef" } });
  registry.acknowledge(id, { reader: "agent", to: 3 });
  const { registry: next } = openTestRegistry({}, { home });
  expect(next.read(id, { reader: "agent" })).toMatchObject({ text: "def", from: 3 });
});

test("only a read that left nothing out can be acknowledged", () => {
  const { home, registry } = openTestRegistry();
  const id = putEnded(home, 1, { output: { 0: numbered(100) } });
  expect(registry.read(id, { reader: "a", since: 200 }).acknowledge_to).toBeNull();
  expect(registry.read(id, { reader: "a", search: { pattern: "line 7" } }).acknowledge_to).toBeNull();
  expect(registry.read(id, { reader: "a", lines: { limit: 3 } }).acknowledge_to).toBeNull();
  // A tail of what is new tells how much it leaves out, so all of it counts as told.
  const tail = registry.read(id, { reader: "a", view: "tail", maxBytes: 20 });
  expect(tail).toMatchObject({ from: 0, to: 790, acknowledge_to: 790 });
  expect(tail.omitted_bytes).toBeGreaterThan(700);
});

test("deltas of a reader that dies at any moment give every byte, and after an acknowledgement none twice", () => {
  const { home, registry } = openTestRegistry();
  let number = 0;
  fc.assert(
    fc.property(fc.array(fc.record({ bytes: fc.integer({ min: 4, max: 40 }), dies: fc.boolean() }), { maxLength: 30 }), (reads) => {
      number += 1;
      const text = `${"äöü€😀 ".repeat(40)}\n`;
      const id = putEnded(home, number, { output: { 0: text } });
      let seen = "";
      for (const { bytes, dies } of reads) {
        const read = registry.read(id, { reader: "r", maxBytes: bytes });
        if (dies) continue;
        seen += read.text;
        registry.acknowledge(id, { reader: "r", to: read.acknowledge_to ?? -1 });
      }
      expect(text.startsWith(seen)).toBe(true);
      const at = registry.read(id, { reader: "r" }).from;
      expect(Buffer.byteLength(seen)).toBe(at);
    }),
    { numRuns: 60 },
  );
});

test("budgets in tokens: a default for named readers, a largest one for all; long runs of one line are folded", () => {
  const { home, registry } = openTestRegistry();
  const id = putEnded(home, 1, { output: { 0: numbered(20_000) } });
  const size = (options: Parameters<typeof registry.read>[1]) => Buffer.byteLength(registry.read(id, options).text);
  expect(size({ reader: "a" })).toBe(8000);
  expect(size({ since: 0, maxTokens: 100 })).toBe(400);
  expect(size({ since: 0, maxTokens: 1_000_000 })).toBe(40_000);
  expect(size({ since: 0, maxTokens: 100, maxBytes: 40 })).toBe(40);
  const same = putEnded(home, 2, { output: { 0: `start\n${"the same\n".repeat(500)}end\n` } });
  expect(registry.read(same, { reader: "a" }).text).toBe("start\nthe same\n[… the same line 499 more times …]\nend\n");
  expect(registry.read(same, { since: 0 }).text).toHaveLength(4510);
});

test("pages of lines: the last ones by default, others by number, the head when it is asked for", () => {
  const { home, registry } = openTestRegistry();
  const id = putEnded(home, 1, { output: { 0: numbered(1000) } });
  const page = (lines: { offset?: number; limit?: number }, more: object = {}) => registry.read(id, { lines, ...more });
  const last = page({});
  expect(last.total_lines).toBe(1000);
  expect(last.text.split("\n")).toHaveLength(201);
  expect(last.text).toMatch(/^line 800\n[\s\S]*line 999\n$/);
  expect(page({ limit: 2 }).text).toBe("line 998\nline 999\n");
  expect(page({ offset: 0, limit: 2 }).text).toBe("line 998\nline 999\n");
  expect(page({ offset: 10, limit: 2 }).text).toBe("line 10\nline 11\n");
  expect(page({ limit: 2 }, { view: "head" }).text).toBe("line 0\nline 1\n");
  expect(page({ limit: 2 }, { since: "start" }).text).toBe("line 0\nline 1\n");
  expect(page({ offset: 999, limit: 5 }).text).toBe("line 999\n");
  expect(page({ offset: 5000 })).toMatchObject({ text: "", total_lines: 1000 });
});

test("pages of what has gaps, an open last line, or nothing", () => {
  const { home, registry } = openTestRegistry();
  const gaps = putEnded(home, 1, { output: { 0: "a\nb", 10: "c\nd\ne" } });
  expect(registry.read(gaps, { lines: {} })).toMatchObject({ total_lines: 5, lost_bytes: 7 });
  expect(registry.read(gaps, { lines: { offset: 1, limit: 2 } })).toMatchObject({ text: "bc\n", from: 2, to: 12 });
  expect(registry.read(gaps, { lines: { limit: 1 } }).text).toBe("e");
  const nothing = putEnded(home, 2, { output: {} });
  expect(registry.read(nothing, { lines: {} })).toMatchObject({ text: "", total_lines: 0 });
});

test("search: matches with their numbers and surroundings, through colours, and behind every border of chunks and segments", () => {
  const { home, registry } = openTestRegistry();
  const output = `${numbered(40_000)}\u001B[31mer\u001B[1mror\u001B[0m: bad\nafter\n${numbered(10)}`;
  for (const [number, cut] of [1000, 262_144, 450_000, output.length - 20].entries()) {
    const id = putEnded(home, number + 1, { output: { 0: output.slice(0, cut), [cut]: output.slice(cut) } });
    const found = ReadResult.parse(registry.read(id, { search: { pattern: "error: bad", contextLines: 1 } }));
    expect(found.matches).toEqual([
      {
        offset: output.indexOf("\u001B[31m"),
        line_number: 40_001,
        line: "error: bad",
        before: ["line 39999"],
        after: ["after"],
      },
    ]);
    expect(found).toMatchObject({ matches_total: 1, more: false, text: "40000-line 39999\n40001:error: bad\n40002-after" });
  }
});

test("search: as many as asked for, and `to` leads to the rest, without one missing or twice", () => {
  const { home, registry } = openTestRegistry();
  const id = putEnded(home, 1, { output: { 0: numbered(1000) } });
  const seen: number[] = [];
  let since = 0;
  for (let turn = 0; ; turn += 1) {
    expect(turn).toBeLessThan(20);
    const found = registry.read(id, { since, search: { pattern: "^line \\d*7$", re2: true, matchesMax: 9 } });
    seen.push(...(found.matches ?? []).map((match) => match.line_number - 1));
    if (!found.more) break;
    expect(found.to).toBeGreaterThan(since);
    since = found.to;
  }
  expect(seen).toEqual(Array.from({ length: 100 }, (_, index) => index * 10 + 7));
  const few = registry.read(id, { search: { pattern: "line" }, maxBytes: 50 });
  expect(few.more).toBe(true);
  expect(Buffer.byteLength(few.text)).toBeLessThanOrEqual(50);
  expect(few.matches_total).toBe(1000);
});

test("search: surroundings that touch are shown once; a bar's redraws are one line; nothing found is no failure", () => {
  const { home, registry } = openTestRegistry();
  const id = putEnded(home, 1, { output: { 0: "a\nhit 1\nb\nhit 2\nc\nd\ne\nhit 3\n10%\r50%\r100% done\n" } });
  const text = (pattern: string, contextLines = 1) => registry.read(id, { search: { pattern, contextLines } }).text;
  expect(text("hit")).toBe("1-a\n2:hit 1\n3-b\n4:hit 2\n5-c\n--\n7-e\n8:hit 3\n9-100% done");
  expect(registry.read(id, { search: { pattern: "%" } })).toMatchObject({ matches_total: 1, text: "9:100% done" });
  expect(registry.read(id, { search: { pattern: "absent" } })).toMatchObject({ matches: [], matches_total: 0, more: false, text: "" });
});

test("search: secrets stay masked, in lines that match and around them", () => {
  const { home, registry } = openTestRegistry();
  const secret = `ghp_${"a1B2c3D4e5F6".repeat(3)}`;
  const id = putEnded(home, 1, { output: { 0: `one\ntoken ${secret}\ntwo\n` } });
  expect(registry.read(id, { search: { pattern: "token" } }).text).not.toContain(secret);
  expect(registry.read(id, { search: { pattern: "two", contextLines: 2 } }).text).not.toContain(secret);
});

test("screen: what a terminal shows after all that was painted, with its size and cursor", () => {
  const { home, registry } = openTestRegistry();
  const painted = `\u001B[?1049h\u001B[2J\u001B[Htitle\u001B[3;5Hbody\u001B[10;1Hfoot\u001B[5;1Hcount 42\u001B[6;3H`;
  const id = putFolder(home, 1, {
    spec: { tty: { rows: 10, cols: 40 } },
    state: { tty: { rows: 10, cols: 40 } },
    output: { 0: painted },
  });
  const read = ReadResult.parse(registry.read(id, { view: "screen" }));
  expect(read.screen).toEqual({ rows: 10, cols: 40, cursor: { row: 5, col: 2 }, alternate: true });
  expect(read.text.split("\n")).toEqual(["title", "", "    body", "", "count 42", "", "", "", "", "foot"]);
  const piped = putEnded(home, 2);
  expect(() => registry.read(piped, { view: "screen" })).toThrow(expect.objectContaining({ code: "NO_TERMINAL" }));
});

test("screen: more than a MiB was painted, and the cut goes through a sequence", () => {
  const { home, registry } = openTestRegistry();
  const size = { rows: 5, cols: 20 };
  for (let shift = 0; shift < 12; shift += 1) {
    const frames = `${"x".repeat(shift)}${"\u001B[31;1mfr\u00E4me\u001B[0m\r\n".repeat(70_000)}last`;
    const id = putFolder(home, shift + 1, { spec: { tty: size }, state: { tty: size }, output: { 0: frames } });
    const { text, from } = registry.read(id, { view: "screen" });
    expect(from).toBeGreaterThan(0);
    expect(text).toBe("främe\nfräme\nfräme\nfräme\nlast");
  }
});

test.each([
  [{ since: "last" }, "reader"],
  [{ reader: "" }, "reader"],
  [{ reader: "x".repeat(201) }, "reader"],
  [{ maxTokens: 0 }, "maxTokens"],
  [{ lines: { limit: 0 } }, "limit"],
  [{ lines: { limit: 1e9 } }, "limit"],
  [{ lines: { offset: -1 } }, "offset"],
  [{ search: { pattern: "" } }, "pattern"],
  [{ search: { pattern: "(", re2: true } }, "RE2"],
  [{ search: { pattern: "x", contextLines: 11 } }, "contextLines"],
  [{ search: { pattern: "x", matchesMax: 0 } }, "matchesMax"],
  [{ search: { pattern: "x" }, lines: {} }, "take one"],
])("%j is refused with a sentence", (options, word) => {
  const { home, registry } = openTestRegistry();
  const id = putEnded(home, 1);
  expect(() => registry.read(id, options as Parameters<typeof registry.read>[1])).toThrow(
    expect.objectContaining({ code: "BAD_REQUEST", message: expect.stringContaining(word) }),
  );
});

test.each([
  [{ reader: "a", to: -1 }, "BAD_REQUEST"],
  [{ reader: "a", to: 1.5 }, "BAD_REQUEST"],
  [{ reader: "a", to: 100 }, "BAD_REQUEST"],
  [{ reader: "", to: 0 }, "BAD_REQUEST"],
])("an acknowledgement of %j is refused", (options, code) => {
  const { home, registry } = openTestRegistry();
  const id = putEnded(home, 1, { output: { 0: "abc" } });
  expect(() => registry.acknowledge(id, options)).toThrow(expect.objectContaining({ code }));
});
