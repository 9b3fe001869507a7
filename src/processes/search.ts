import { HermaError, type ProcessId, type ReadResult, type SearchMatch } from "../contract/index.ts";
import { createLineScan, type LineBlock, type LineMatch, type WatchMatcher } from "../rules/index.ts";
import type { Context } from "./context.ts";
import { type Kept, keptOutput } from "./kept.ts";
import { aroundBytesMax, aroundLine, shownLine } from "./matchedLine.ts";
import { compilePattern } from "./patterns.ts";
import { type PlainRead, readProcess } from "./read.ts";
import type { ReadOptions } from "./types.ts";

const matchesDefault = 20;
const matchesLimit = 200;
const contextLinesMax = 10;
/** Bytes searched in one call, so that a search does not hold up others; `more` and `to` lead to the rest. */
const searchBytesMax = 33_554_432;
/** Milliseconds for the same: bytes that are no text take ten times as long as lines. */
const searchMsMax = 500;
const textBytesDefault = 8192;
const lineFeed = 0x0a;

/**
 * Looks for lines that match in what is kept, in time proportional to it. Matching is by line of what a person sees, as in waits and watches, so
 * colours and the borders of writes hide nothing.
 */
export function searchOutput(context: Context, id: ProcessId, search: NonNullable<ReadOptions["search"]>, plain: PlainRead): ReadResult {
  const { contextLines = 0, matchesMax = matchesDefault } = search;
  whole("contextLines", contextLines, 0, contextLinesMax);
  whole("matchesMax", matchesMax, 1, matchesLimit);
  const matcher = compilePattern(search.pattern, search.re2 === true).matcher();
  const kept = keptOutput(context, id);
  const since = plain.since === "start" ? 0 : (plain.since ?? 0);
  const from = Math.min(since, kept.end);
  const to = Math.max(from, Math.min(plain.until ?? kept.end, kept.end));
  const finder = new Finder(kept, matcher, matchesMax);
  const { clock } = context.system;
  const overMs = clock.monotonicMs() + searchMsMax;
  const stopped = finder.run(from, to, () => clock.monotonicMs() >= overMs);
  const shown = finder.found.map((match) => shownMatch(context, id, { kept, matcher, contextLines }, match));
  const fitting = withinBudget(shown, plain.maxBytes ?? textBytesDefault);
  const next = shown[fitting.count]?.offset ?? finder.next ?? stopped;
  // Everything but the text and the matches is as in an empty window at the place that the search has reached.
  const window = readProcess(context, id, { since: next, until: next, view: "delta" });
  return {
    ...window,
    text: fitting.text,
    from,
    to: next,
    more: next < to,
    matches: shown.slice(0, fitting.count),
    matches_total: finder.total,
  };
}

function whole(name: string, value: number, min: number, max: number): void {
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    throw new HermaError("BAD_REQUEST", `${name} is a whole number from ${min} to ${max}`);
  }
}

type Hit = LineMatch & { readonly lineNumber: number };

/** One pass over the output: the first matches, how many there are, and the number of each one's line. */
class Finder {
  readonly found: Hit[] = [];
  /** Lines that match. */
  total = 0;
  /** Where the first match begins that is not in `found`. */
  next: number | null = null;
  readonly #kept: Kept;
  readonly #matcher: WatchMatcher;
  readonly #max: number;
  #lastLine = 0;
  /** Number of the line that stands where the ends of lines have been counted up to. */
  #lineNumber = 1;
  #countedTo = 0;
  /** Output behind that, as far as it has ends of lines. */
  #uncounted: { readonly offset: number; readonly bytes: Buffer }[] = [];

  constructor(kept: Kept, matcher: WatchMatcher, max: number) {
    this.#kept = kept;
    this.#matcher = matcher;
    this.#max = max;
  }

  /** Returns the offset up to which it has looked. At least one piece of output is looked at, whatever the time. */
  run(from: number, to: number, isLate: () => boolean): number {
    for (const { bytes } of this.#kept.chunks(0, from)) this.#lineNumber += countEnds(bytes, 0, bytes.length);
    const scan = createLineScan({ line: from, counted: false });
    let at = from;
    let left = searchBytesMax;
    for (const { offset, bytes } of this.#kept.chunks(from, to)) {
      if (bytes.includes(lineFeed)) this.#uncounted.push({ offset, bytes });
      for (const block of scan.feed(bytes, offset)) this.#take(block);
      // No match before this line comes any more.
      this.#numberOf(scan.state().line);
      at = offset + bytes.length;
      left -= bytes.length;
      if ((left > 0 && !isLate()) || at >= to) continue;
      // The next call begins at the start of a line, if one begins here. Of a longer line, the beginning has been searched.
      const { line } = scan.state();
      return line > from ? line : at;
    }
    const rest = scan.end();
    if (rest !== null) this.#take(rest);
    return to;
  }

  #take(block: LineBlock): void {
    for (const match of this.#matcher.match(block)) {
      const lineNumber = this.#numberOf(match.offset);
      // To the matcher each redraw is a line of its own; in line numbers all redraws of a line count as one.
      if (lineNumber === this.#lastLine) continue;
      this.#lastLine = lineNumber;
      this.total += 1;
      if (this.found.length < this.#max) this.found.push({ ...match, lineNumber });
      else this.next ??= match.offset;
    }
  }

  /** Offsets asked for never go back. */
  #numberOf(offset: number): number {
    for (let chunk = this.#uncounted[0]; chunk !== undefined && chunk.offset < offset; chunk = this.#uncounted[0]) {
      const from = Math.max(0, this.#countedTo - chunk.offset);
      const to = Math.min(chunk.bytes.length, offset - chunk.offset);
      this.#lineNumber += countEnds(chunk.bytes, from, to);
      if (to < chunk.bytes.length) break;
      this.#uncounted.shift();
    }
    this.#countedTo = Math.max(this.#countedTo, offset);
    return this.#lineNumber;
  }
}

/** Where every other byte is an end of a line, looking at each is faster than searching for them. */
function countEnds(bytes: Buffer, from: number, to: number): number {
  let count = 0;
  for (let at = from; at < to; at += 1) if (bytes[at] === lineFeed) count += 1;
  return count;
}

type Around = { readonly kept: Kept; readonly matcher: WatchMatcher; readonly contextLines: number };

/** A match with its surroundings, as it may be shown: what a reader of these lines would see, secrets masked. */
function shownMatch(context: Context, id: ProcessId, { kept, matcher, contextLines }: Around, hit: Hit): SearchMatch {
  const place = { offset: hit.offset, line_number: hit.lineNumber };
  const around = aroundLine(kept, hit.offset);
  const { before, after } = around;
  const alone = { ...place, line: shownLine(context, kept.command, hit.text, around), before: [], after: [] };
  const first = hit.offset - before.length + startOfLast(before, contextLines);
  const last = hit.offset + endOfFirst(after, contextLines + 1);
  const above = countEnds(before, before.length - (hit.offset - first), before.length);
  const { text } = readProcess(context, id, { since: first, until: last, view: "head", maxBytes: Math.max(1, last - first) });
  const lines = text.replace(/\n$/, "").split("\n");
  const line = lines[above];
  // Masking may have joined lines, and an overwritten line no longer shows what matched: then the matched line is shown alone.
  if (line === undefined || matcher.match({ offset: 0, bytes: Buffer.from(line) }).length === 0) return alone;
  return { ...place, line, before: lines.slice(0, above), after: lines.slice(above + 1) };
}

/** Where the last `lines` whole lines begin, together with the part of a line that follows them. */
function startOfLast(bytes: Buffer, lines: number): number {
  let at = bytes.length;
  for (let left = lines + 1; left > 0; left -= 1) {
    const end = at === 0 ? -1 : bytes.lastIndexOf(lineFeed, at - 1);
    if (end === -1) return left === lines + 1 || bytes.length < aroundBytesMax ? 0 : at + 1;
    if (left === 1) return end + 1;
    at = end;
  }
  return at;
}

/** Behind the end of the first `lines` lines. */
function endOfFirst(bytes: Buffer, lines: number): number {
  let at = 0;
  for (let left = lines; left > 0; left -= 1) {
    const end = bytes.indexOf(lineFeed, at);
    if (end === -1) return bytes.length;
    at = end + 1;
  }
  return at;
}

/** As `grep -n` prints it: `12:` before a line that matches, `11-` before one around it, `--` between what is apart. At least one match. */
function withinBudget(matches: readonly SearchMatch[], bytesMax: number): { readonly text: string; readonly count: number } {
  const lines: string[] = [];
  let bytes = 0;
  let printed = 0;
  for (const [index, match] of matches.entries()) {
    const first = match.line_number - match.before.length;
    const nextMatch = matches[index + 1]?.line_number ?? Number.POSITIVE_INFINITY;
    const added: string[] = printed > 0 && first > printed + 1 ? ["--"] : [];
    let last = printed;
    for (const [number, mark, text] of numbered(match)) {
      // A line around this match may also be shown with another match; each is shown once.
      if (number <= printed || number >= nextMatch) continue;
      added.push(`${number}${mark}${text}`);
      last = number;
    }
    bytes += added.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0);
    if (bytes > bytesMax && index > 0) return { text: lines.join("\n"), count: index };
    lines.push(...added);
    printed = last;
  }
  return { text: lines.join("\n"), count: matches.length };
}

function* numbered({ line_number, before, line, after }: SearchMatch): Generator<[number, string, string], void, void> {
  for (const [index, text] of before.entries()) yield [line_number - before.length + index, "-", text];
  yield [line_number, ":", line];
  for (const [index, text] of after.entries()) yield [line_number + 1 + index, "-", text];
}
