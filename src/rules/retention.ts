/** Bytes from the beginning of the stream that are kept whatever comes later. */
export const headBytes = 262_144;

/** A file of output: its name is the absolute offset of its first byte. */
export type Segment = {
  /** Absolute offset of the first byte. */
  readonly start: number;
  /** Bytes in the file. */
  readonly size: number;
};

/** A range of absolute offsets, `to` excluded. */
export type Range = { readonly from: number; readonly to: number };

const pageBytes = 4096;
const segmentBytesMin = 65_536;
const segmentBytesMax = 4_194_304;
const digits = 20;

/** The file name of the segment that begins at this absolute offset: 20 digits, so that names sort as offsets do. */
export function segmentName(start: number): string {
  return `${String(start).padStart(digits, "0")}.log`;
}

/** The start offset a file name tells, or null when it is no segment's name. */
export function segmentStart(name: string): number | null {
  const match = /^(\d{20})\.log$/.exec(name);
  if (match === null) return null;
  const start = Number(match[1]);
  return Number.isSafeInteger(start) ? start : null;
}

/**
 * How many bytes a segment of the tail holds before the next one begins: a sixteenth of what is kept (what is dropped at once), 64 KiB to
 * 4 MiB, in whole pages.
 */
export function segmentBytesFor(outputBytesMax: number): number {
  const bytes = Math.min(segmentBytesMax, Math.max(segmentBytesMin, outputBytesMax / 16));
  return Math.floor(bytes / pageBytes) * pageBytes;
}

/**
 * Cuts `length` new bytes into the pieces that go to one segment each, in order. A new segment begins when there is none, when the last one
 * is full, and behind a gap (`end` is not the last one's end), so that every name keeps telling the offset. The pieces' lengths add up to `length`.
 * @param at the newest segment and the absolute offset at which the new bytes begin
 */
export function splitWrite(
  at: { readonly segment: Segment | null; readonly end: number },
  length: number,
  segmentBytes: number,
): { segmentStart: number; length: number }[] {
  const pieces: { segmentStart: number; length: number }[] = [];
  const { segment } = at;
  let start = segment !== null && segment.start + segment.size === at.end ? segment.start : at.end;
  let offset = at.end;
  let left = length;
  while (left > 0) {
    let room = segmentEndMax(start, segmentBytes) - offset;
    if (room <= 0) {
      start = offset;
      room = segmentEndMax(start, segmentBytes) - offset;
    }
    const taken = Math.min(left, room);
    pieces.push({ segmentStart: start, length: taken });
    offset += taken;
    left -= taken;
  }
  return pieces;
}

/** Segments that begin inside the head end with it, so that a file's name alone tells whether it belongs to the head or to the tail. */
function segmentEndMax(start: number, segmentBytes: number): number {
  return start < headBytes ? headBytes : start + Math.max(1, segmentBytes);
}

/** Bytes kept behind the head. Head segments are those that begin before `headBytes`. */
export function tailBytes(segments: readonly Segment[]): number {
  return keptBytes(segments.filter((segment) => segment.start >= headBytes));
}

/** Bytes kept, head and tail. */
export function keptBytes(segments: readonly Segment[]): number {
  return segments.reduce((sum, segment) => sum + segment.size, 0);
}

/** True when the tail has reached the limit: then the policies `pause` and `kill` act. */
export function overLimit(segments: readonly Segment[], outputBytesMax: number): boolean {
  return tailBytes(segments) >= outputBytesMax;
}

/**
 * Starts of the oldest tail segments to remove so that the tail fits into the limit again. Never the newest segment, which is being written.
 * @param segments sorted by start
 */
export function segmentsToDrop(segments: readonly Segment[], outputBytesMax: number): number[] {
  const tail = segments.filter((segment) => segment.start >= headBytes);
  const dropped: number[] = [];
  let left = keptBytes(tail);
  for (const segment of tail.slice(0, -1)) {
    if (left <= outputBytesMax) break;
    dropped.push(segment.start);
    left -= segment.size;
  }
  return dropped;
}

/**
 * The ranges between 0 and `end` that no segment holds: dropped by retention, or refused by the disk.
 * @param segments sorted by start
 */
export function gapsOf(segments: readonly Segment[], end: number): Range[] {
  return readPlan(segments, 0, end).gaps;
}

/** A part of a read: `length` bytes at `offsetInSegment` of the file that begins at `segmentStart`; `absolute` is their place in the stream. */
export type ReadPiece = {
  readonly segmentStart: number;
  readonly offsetInSegment: number;
  readonly length: number;
  readonly absolute: number;
};

/**
 * Where the bytes of the range `[from, to)` lie, and which of them are not there. Pieces and gaps together cover the range once, in order;
 * what lies behind the last segment counts as a gap, so ask no further than the stream's end.
 * @param segments sorted by start
 */
export function readPlan(segments: readonly Segment[], from: number, to: number): { readonly pieces: ReadPiece[]; readonly gaps: Range[] } {
  const pieces: ReadPiece[] = [];
  const gaps: Range[] = [];
  let at = Math.max(0, from);
  for (const segment of segments) {
    const segmentEnd = segment.start + segment.size;
    if (segmentEnd <= at) continue;
    if (segment.start >= to || at >= to) break;
    if (segment.start > at) {
      gaps.push({ from: at, to: segment.start });
      at = segment.start;
    }
    const length = Math.min(segmentEnd, to) - at;
    pieces.push({ segmentStart: segment.start, offsetInSegment: at - segment.start, length, absolute: at });
    at += length;
  }
  if (at < to) gaps.push({ from: at, to });
  return { pieces, gaps };
}
