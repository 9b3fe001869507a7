import fc from "fast-check";
import { expect, test } from "vitest";
import {
  gapsOf,
  headBytes,
  keptBytes,
  overLimit,
  readPlan,
  type Segment,
  segmentBytesFor,
  segmentName,
  segmentStart,
  segmentsToDrop,
  splitWrite,
  tailBytes,
} from "./retention.ts";

const kib = 1024;
const mib = kib * kib;

test("a segment's name is its offset, and sorts as the offset does", () => {
  expect(segmentName(0)).toBe("00000000000000000000.log");
  expect(segmentName(262_144)).toBe("00000000000000262144.log");
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.maxSafeNat(), (a, b) => {
      expect(segmentStart(segmentName(a))).toBe(a);
      expect(Math.sign(a - b)).toBe(segmentName(a) < segmentName(b) ? -1 : segmentName(a) > segmentName(b) ? 1 : 0);
    }),
  );
});

test("other names are no segment", () => {
  const names = [
    "",
    "0.log",
    "00000000000000000000",
    "00000000000000000000.log.corrupt",
    "99999999999999999999.log",
    "-0000000000000000001.log",
  ];
  expect(names.map(segmentStart)).toEqual(names.map(() => null));
});

test("segments are a sixteenth of the limit, in pages, within bounds", () => {
  expect(segmentBytesFor(64 * mib)).toBe(4 * mib);
  expect(segmentBytesFor(1024 * mib)).toBe(4 * mib);
  expect(segmentBytesFor(16 * mib)).toBe(mib);
  expect(segmentBytesFor(65_536)).toBe(65_536);
  fc.assert(
    fc.property(fc.integer({ min: 65_536, max: 2 ** 40 }), (max) => {
      const bytes = segmentBytesFor(max);
      expect(bytes % 4096).toBe(0);
      expect(bytes).toBeGreaterThanOrEqual(65_536);
      expect(bytes).toBeLessThanOrEqual(4 * mib);
    }),
  );
});

test("writes go on in the open segment and begin a new one at its end", () => {
  const size = 65_536;
  expect(splitWrite({ segment: null, end: 0 }, 10, size)).toEqual([{ segmentStart: 0, length: 10 }]);
  expect(splitWrite({ segment: { start: 0, size: 10 }, end: 10 }, 5, size)).toEqual([{ segmentStart: 0, length: 5 }]);
  expect(splitWrite({ segment: { start: 0, size: headBytes - 1 }, end: headBytes - 1 }, size + 2, size)).toEqual([
    { segmentStart: 0, length: 1 },
    { segmentStart: headBytes, length: size },
    { segmentStart: headBytes + size, length: 1 },
  ]);
  expect(splitWrite({ segment: { start: headBytes, size }, end: headBytes + size }, 1, size)).toEqual([
    { segmentStart: headBytes + size, length: 1 },
  ]);
  expect(splitWrite({ segment: { start: 0, size: 10 }, end: 10 }, 0, size)).toEqual([]);
});

test("behind a gap a new segment begins, and the head still ends where it must", () => {
  const size = 65_536;
  expect(splitWrite({ segment: { start: 0, size: 10 }, end: 50 }, 5, size)).toEqual([{ segmentStart: 50, length: 5 }]);
  expect(splitWrite({ segment: { start: 0, size: 10 }, end: headBytes - 5 }, 10, size)).toEqual([
    { segmentStart: headBytes - 5, length: 5 },
    { segmentStart: headBytes, length: 5 },
  ]);
  expect(splitWrite({ segment: { start: 300_000, size: 10 }, end: 300_020 }, size, size)).toEqual([
    { segmentStart: 300_020, length: size },
  ]);
});

/** What a folder holds after these writes and losses, with the retention a keeper runs. */
function written(chunks: readonly { length: number; lost: boolean }[], outputBytesMax: number, drop: boolean) {
  const segmentBytes = segmentBytesFor(outputBytesMax);
  let segments: { start: number; size: number }[] = [];
  let end = 0;
  for (const chunk of chunks) {
    if (chunk.lost) {
      end += chunk.length;
      continue;
    }
    for (const piece of splitWrite({ segment: segments.at(-1) ?? null, end }, chunk.length, segmentBytes)) {
      const last = segments.at(-1);
      if (last?.start === piece.segmentStart) last.size += piece.length;
      else segments.push({ start: piece.segmentStart, size: piece.length });
      end += piece.length;
    }
    if (drop) {
      const gone = new Set(segmentsToDrop(segments, outputBytesMax));
      segments = segments.filter((segment) => !gone.has(segment.start));
    }
  }
  return { segments, end, segmentBytes };
}

const chunks = fc.array(
  fc.record({
    length: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 200_000 })),
    lost: fc.nat(9).map((n) => n === 0),
  }),
  { maxLength: 60 },
);
const limits = fc.constantFrom(65_536, 100_000, 2 * mib);

test("whatever is written, every byte has one place and every name tells the truth", () => {
  fc.assert(
    fc.property(chunks, limits, (list, max) => {
      const { segments, end, segmentBytes } = written(list, max, false);
      const lost = list.filter((chunk) => chunk.lost).reduce((sum, chunk) => sum + chunk.length, 0);
      expect(keptBytes(segments) + lost).toBe(end);
      const gaps = gapsOf(segments, end);
      expect(gaps.reduce((sum, gap) => sum + gap.to - gap.from, 0)).toBe(lost);
      let at = 0;
      for (const segment of segments) {
        expect(segment.start).toBeGreaterThanOrEqual(at);
        expect(segment.size).toBeGreaterThan(0);
        at = segment.start + segment.size;
        if (segment.start < headBytes) expect(at).toBeLessThanOrEqual(headBytes);
        else expect(segment.size).toBeLessThanOrEqual(segmentBytes);
      }
    }),
  );
});

test("with retention the head stays, the newest stays, and the tail is bounded", () => {
  fc.assert(
    fc.property(chunks, limits, (list, max) => {
      const full = written(list, max, false);
      const { segments, end } = written(list, max, true);
      expect(end).toBe(full.end);
      expect(segments.filter((segment) => segment.start < headBytes)).toEqual(full.segments.filter((segment) => segment.start < headBytes));
      expect(segments.at(-1)).toEqual(full.segments.at(-1));
      expect(tailBytes(segments) <= max || segments.filter((segment) => segment.start >= headBytes).length === 1).toBe(true);
      // No more is dropped than needed: with the segment dropped last, the tail would be too long.
      const kept = new Set(segments.map((segment) => segment.start));
      const lastDropped = full.segments.findLast((segment) => !kept.has(segment.start));
      if (lastDropped !== undefined) expect(tailBytes(segments) + lastDropped.size).toBeGreaterThan(max - segmentBytesFor(max));
    }),
  );
});

test("[peer 15] the oldest of the tail go first, never the newest", () => {
  const segments: Segment[] = [
    { start: 0, size: headBytes },
    { start: headBytes, size: 100 },
    { start: headBytes + 100, size: 100 },
    { start: headBytes + 200, size: 100 },
  ];
  expect(segmentsToDrop(segments, 300)).toEqual([]);
  expect(segmentsToDrop(segments, 299)).toEqual([headBytes]);
  expect(segmentsToDrop(segments, 100)).toEqual([headBytes, headBytes + 100]);
  expect(segmentsToDrop(segments, 1)).toEqual([headBytes, headBytes + 100]);
  expect(segmentsToDrop(segments.slice(0, 1), 1)).toEqual([]);
  expect([overLimit(segments, 301), overLimit(segments, 300), overLimit(segments, 299)]).toEqual([false, true, true]);
  expect(overLimit(segments.slice(0, 1), 1)).toBe(false);
});

test("gaps are told at the beginning, in the middle and before the end", () => {
  expect(gapsOf([], 0)).toEqual([]);
  expect(gapsOf([], 5)).toEqual([{ from: 0, to: 5 }]);
  const segments = [
    { start: 10, size: 5 },
    { start: 15, size: 5 },
    { start: 30, size: 5 },
  ];
  expect(gapsOf(segments, 40)).toEqual([
    { from: 0, to: 10 },
    { from: 20, to: 30 },
    { from: 35, to: 40 },
  ]);
  expect(gapsOf(segments, 35)).toHaveLength(2);
});

test("a read knows where its bytes lie", () => {
  const segments = [
    { start: 0, size: 10 },
    { start: 20, size: 10 },
  ];
  expect(readPlan(segments, 5, 25)).toEqual({
    pieces: [
      { segmentStart: 0, offsetInSegment: 5, length: 5, absolute: 5 },
      { segmentStart: 20, offsetInSegment: 0, length: 5, absolute: 20 },
    ],
    gaps: [{ from: 10, to: 20 }],
  });
  expect(readPlan(segments, 12, 14)).toEqual({ pieces: [], gaps: [{ from: 12, to: 14 }] });
  expect(readPlan(segments, 8, 8)).toEqual({ pieces: [], gaps: [] });
  expect(readPlan(segments, 9, 3)).toEqual({ pieces: [], gaps: [] });
});

test("pieces and gaps cover a range once, in order", () => {
  fc.assert(
    fc.property(
      chunks,
      limits,
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (list, max, a, b) => {
        const { segments, end } = written(list, max, true);
        const [from, to] = [Math.floor(Math.min(a, b) * end), Math.floor(Math.max(a, b) * end)];
        const { pieces, gaps } = readPlan(segments, from, to);
        const parts = [...pieces.map((piece) => ({ from: piece.absolute, to: piece.absolute + piece.length })), ...gaps];
        parts.sort((x, y) => x.from - y.from);
        let at = from;
        for (const part of parts) {
          expect(part.from).toBe(at);
          expect(part.to).toBeGreaterThan(part.from);
          at = part.to;
        }
        expect(at).toBe(Math.max(from, to));
        for (const piece of pieces) {
          const segment = segments.find((each) => each.start === piece.segmentStart);
          expect(piece.offsetInSegment).toBe(piece.absolute - piece.segmentStart);
          expect(piece.offsetInSegment + piece.length).toBeLessThanOrEqual(segment?.size ?? -1);
        }
      },
    ),
  );
});
