import fc from "fast-check";
import { expect, test } from "vitest";
import { createLineScan, type LineBlock, type LineScan, lineBytesMax } from "./lineScan.ts";

const encode = (text: string) => new TextEncoder().encode(text);

/** Lines as `[offset, bytes as latin1]`, without their ends, taken apart byte by byte. */
function linesOf(blocks: readonly LineBlock[]): [number, string][] {
  const lines: [number, string][] = [];
  for (const block of blocks) {
    let from = 0;
    for (let at = 0; at <= block.bytes.length; at++) {
      if (at < block.bytes.length && block.bytes[at] !== 0x0a && block.bytes[at] !== 0x0d) continue;
      if (at > from)
        lines.push([block.offset + from, Buffer.from(block.bytes.subarray(from, at)).toString("latin1").slice(0, lineBytesMax)]);
      from = at + 1;
    }
  }
  return lines;
}

/** What the lines of a whole stream are, by definition. */
function linesByDefinition(bytes: Uint8Array, offset = 0): [number, string][] {
  return linesOf([{ offset, bytes }]);
}

function feedAll(scan: LineScan, bytes: Uint8Array, cuts: readonly number[], offset = 0): LineBlock[] {
  const blocks: LineBlock[] = [];
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    // The piece is overwritten afterwards: a scan may not hold on to it.
    const piece = bytes.slice(from, to);
    for (const block of scan.feed(piece, offset + from)) blocks.push({ offset: block.offset, bytes: block.bytes.slice() });
    piece.fill(0x21);
    from = to;
  }
  return blocks;
}

const stream = fc
  .array(
    fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom("a", "bc", "é", "🚀", "\x1b[31m", "50%") },
      { weight: 3, arbitrary: fc.constantFrom("\n", "\r\n", "\r", "\n\n", "\r\r\n") },
    ),
    { maxLength: 40 },
  )
  .map((parts) => encode(parts.join("")));

function cutsFrom(picks: readonly number[], length: number): number[] {
  return picks.map((pick) => pick % (length + 1)).sort((a, b) => a - b);
}

test("every cut of a stream gives the same lines [peer 9]", () => {
  fc.assert(
    fc.property(stream, fc.array(fc.nat(200), { maxLength: 12 }), fc.nat(1_000_000), (bytes, picks, offset) => {
      const scan = createLineScan({ line: offset, counted: false });
      const blocks = feedAll(scan, bytes, cutsFrom(picks, bytes.length), offset);
      const rest = scan.end();
      if (rest !== null) blocks.push(rest);
      expect(linesOf(blocks)).toEqual(linesByDefinition(bytes, offset));
      expect(scan.next).toBe(offset + bytes.length);
    }),
    { numRuns: 2000 },
  );
});

test("a stream cut in two at each of its bytes gives the same lines", () => {
  const bytes = encode("one\r\ntwo €\rthree 🚀\n\n\r\nfour");
  for (let cut = 0; cut <= bytes.length; cut++) {
    const scan = createLineScan();
    const blocks = feedAll(scan, bytes, [cut]);
    const rest = scan.end();
    expect(linesOf(rest === null ? blocks : [...blocks, rest])).toEqual(linesByDefinition(bytes));
  }
});

test("a scan that is begun again from its state misses nothing and repeats nothing", () => {
  fc.assert(
    fc.property(
      stream,
      fc.array(fc.nat(200), { maxLength: 6 }),
      fc.array(fc.record({ at: fc.nat(200), counts: fc.boolean() }), { maxLength: 4 }),
      (bytes, picks, stops) => {
        const found: [number, string][] = [];
        let scan = createLineScan();
        let fedTo = 0;
        for (const { at, counts } of [...stops].sort((a, b) => a.at - b.at)) {
          const to = Math.max(fedTo, at % (bytes.length + 1));
          found.push(...linesOf(feedAll(scan, bytes.slice(fedTo, to), cutsFrom(picks, to - fedTo), fedTo)));
          const open = scan.openLine();
          if (counts && open !== null) {
            // The open line was matched after some quiet: it is told with its key, and never again.
            found.push([open.offset, "counted"]);
            scan.countOpenLine();
            expect(scan.openLine()).toBeNull();
          }
          const state = JSON.parse(JSON.stringify(scan.state()));
          scan = createLineScan(state);
          fedTo = state.line;
        }
        found.push(...linesOf(feedAll(scan, bytes.slice(fedTo), cutsFrom(picks, bytes.length - fedTo), fedTo)));
        const rest = scan.end();
        if (rest !== null) found.push(...linesOf([rest]));
        expect(found.map(([offset]) => offset)).toEqual(linesByDefinition(bytes).map(([offset]) => offset));
        for (const [offset, text] of found) {
          if (text !== "counted") expect([offset, text]).toEqual(linesByDefinition(bytes).find(([key]) => key === offset));
        }
      },
    ),
    { numRuns: 2000 },
  );
});

test("a gap ends the open line, and the next one begins behind it", () => {
  const scan = createLineScan();
  expect(linesOf(scan.feed(encode("one\ntw"), 0))).toEqual([[0, "one"]]);
  expect(linesOf(scan.feed(encode("ee\nfour\nfi"), 100))).toEqual([
    [4, "tw"],
    [100, "ee"],
    [103, "four"],
  ]);
  expect(scan.state()).toEqual({ line: 108, counted: false });
  expect(linesOf([scan.end() as LineBlock])).toEqual([[108, "fi"]]);
});

test("a gap ends a line that was counted without telling it again", () => {
  const scan = createLineScan();
  scan.feed(encode("Password: "), 0);
  scan.countOpenLine();
  expect(linesOf(scan.feed(encode("x\n"), 50))).toEqual([[50, "x"]]);
});

test("bytes that were fed before are skipped", () => {
  const scan = createLineScan();
  const bytes = encode("one\ntwo\nthree\n");
  expect(linesOf(scan.feed(bytes.slice(0, 6), 0))).toEqual([[0, "one"]]);
  expect(linesOf(scan.feed(bytes.slice(0, 5), 0))).toEqual([]);
  expect(linesOf(scan.feed(bytes, 0))).toEqual([
    [4, "two"],
    [8, "three"],
  ]);
});

test("the open line is shown until it is counted, and again as the next one [compat 14]", () => {
  const scan = createLineScan();
  expect(scan.openLine()).toBeNull();
  scan.feed(encode("done\nname? "), 0);
  expect(linesOf([scan.openLine() as LineBlock])).toEqual([[5, "name? "]]);
  scan.countOpenLine();
  expect(scan.openLine()).toBeNull();
  expect(scan.state()).toEqual({ line: 5, counted: true });
  expect(linesOf(scan.feed(encode("Ann\nage? "), 11))).toEqual([]);
  expect(linesOf([scan.openLine() as LineBlock])).toEqual([[15, "age? "]]);
});

test("counting without an open line does nothing", () => {
  const scan = createLineScan();
  scan.feed(encode("one\n"), 0);
  scan.countOpenLine();
  expect(linesOf(scan.feed(encode("two\n"), 4))).toEqual([[4, "two"]]);
});

test("a progress bar that never ends its line is told redraw by redraw", () => {
  const scan = createLineScan();
  expect(linesOf(scan.feed(encode("10%\r20%\r30"), 0))).toEqual([
    [0, "10%"],
    [4, "20%"],
  ]);
});

test("of a line without an end no more than its beginning is kept", () => {
  const scan = createLineScan();
  const piece = new Uint8Array(100_000).fill(0x61);
  for (let index = 0; index < 50; index++) expect(scan.feed(piece, index * piece.length)).toEqual([]);
  expect(scan.openLine()?.bytes.length).toBe(lineBytesMax);
  const [block] = scan.feed(encode("\nnext\n"), 5_000_000);
  expect(block?.offset).toBe(0);
  expect(block?.bytes.length).toBe(lineBytesMax);
  expect(scan.state().line).toBe(5_000_006);
});

test("a line that arrives byte by byte takes time in proportion to its length", () => {
  const scan = createLineScan();
  const byte = Uint8Array.of(0x61);
  for (let offset = 0; offset < 200_000; offset++) scan.feed(byte, offset);
  expect(linesOf(scan.feed(encode("\n"), 200_000))[0]?.[1].length).toBe(lineBytesMax);
});
