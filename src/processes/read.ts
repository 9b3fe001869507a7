import { HermaError, type ProcessId, processPaths, type ReadResult } from "../contract/index.ts";
import { foldRepeats, omittedMarker, plainText, type Range, readPlan, type Segment, type View, window } from "../rules/index.ts";
import type { Context } from "./context.ts";
import { lossesOf } from "./folder.ts";
import { requireFolder } from "./list.ts";
import { readOutput, readSegment } from "./output.ts";

/** A window over the output, from an offset. */
export type PlainRead = {
  readonly since?: number | "start";
  readonly until?: number;
  readonly view?: View;
  readonly maxBytes?: number;
  readonly raw?: boolean;
  /** Long runs of one line are made short. */
  readonly fold?: boolean;
};

const maxBytesDefault = 8192;
const maxBytesMax = 1_048_576;
/** Bytes read around a cut: enough to see a whole character and the end of the line before. */
const around = 4;
/** Bytes around a window that are searched for secrets which its borders cut: longer than any token, and than most keys. */
const neighbourBytes = 4096;
/** Retention may drop a segment between the look and the read; a second look then tells the gap. */
const looksMax = 3;

/** Contiguous bytes of the stream. */
type Run = { readonly from: number; readonly bytes: Buffer };
type Shown = { readonly text: string; readonly from: number; readonly to: number; readonly more: boolean };

/** See `Registry.read`. */
export function readProcess(context: Context, id: ProcessId, options: PlainRead = {}): ReadResult {
  const view = options.view ?? (options.since === undefined ? "tail" : "delta");
  const maxBytes = options.maxBytes ?? maxBytesDefault;
  if (!Number.isSafeInteger(maxBytes) || maxBytes < 1 || maxBytes > maxBytesMax) {
    throw new HermaError("BAD_REQUEST", `maxBytes is a whole number from 1 to ${maxBytesMax}`);
  }
  for (const name of ["since", "until"] as const) {
    const offset = options[name];
    if (typeof offset === "number" && (!Number.isSafeInteger(offset) || offset < 0)) {
      throw new HermaError("BAD_REQUEST", `${name} is an absolute byte offset, 0 or more`);
    }
  }
  const since = options.since === "start" ? 0 : options.since;
  for (let look = 1; ; look += 1) {
    const asked = { view, maxBytes, since, until: options.until, raw: options.raw === true, fold: options.fold === true };
    const result = readOnce(context, id, asked, look === looksMax);
    if (result !== null) return result;
  }
}

type Asked = {
  readonly view: View;
  readonly maxBytes: number;
  readonly since: number | undefined;
  readonly until: number | undefined;
  readonly raw: boolean;
  readonly fold: boolean;
};

/** Null when a segment was removed during the read. At the last look it is reported as a gap instead. */
function readOnce(context: Context, id: ProcessId, asked: Asked, last: boolean): ReadResult | null {
  const { files } = context.system;
  // The ending is read first: whatever it says was printed is then found in the files.
  const folder = requireFolder(context, id);
  const path = processPaths(context.home, id).output;
  const losses = lossesOf(folder);
  const { segments, end } = readOutput(files, path, { losses, outputEnd: folder.exit?.output_end ?? 0 });
  const reader = new RangeReader((start, offset, length) => readSegment(files, path, start, offset, length), segments);
  const from = Math.min(asked.since ?? 0, end);
  const to = Math.max(from, Math.min(asked.until ?? end, end));
  const whole = to === end && folder.exit !== null;
  const window = windowOf(reader, {
    ...asked,
    from,
    to,
    whole,
    render: (part) => rendered(context.shown, reader, part, folder.spec?.command),
  });
  if (reader.vanished && !last) return null;
  const { gaps } = readPlan(reader.segments, window.from, window.to);
  return {
    id,
    text: window.text,
    from: window.from,
    to: window.to,
    end,
    omitted_bytes: window.omitted,
    lost_bytes: bytesIn(gaps),
    gaps,
    more: window.more,
    phase: folder.exit !== null ? "ended" : (folder.state?.phase ?? "starting"),
    exit: context.shown.exit(folder.exit),
    reader: null,
    acknowledge_to: null,
  };
}

type Window = { readonly text: string; readonly from: number; readonly to: number; readonly omitted: number; readonly more: boolean };
/** `whole`: nothing will ever follow `to`, so an incomplete character there is shown as what it is. */
type Place = Asked & {
  readonly from: number;
  readonly to: number;
  readonly whole: boolean;
  readonly render: (part: Shown) => string;
};

function windowOf(reader: RangeReader, place: Place): Window {
  const render = (part: Shown): string => {
    if (place.raw) return part.text;
    return place.fold ? foldRepeats(place.render(part)) : place.render(part);
  };
  const { from, to, maxBytes, whole } = place;
  if (place.view === "delta" || place.view === "head" || reader.keptIn(from, to) <= maxBytes) {
    const part = forward(reader, { from, to, whole }, maxBytes);
    return { text: render(part), from: part.from, to: part.to, omitted: 0, more: part.more };
  }
  if (place.view === "tail") {
    const part = backward(reader, { from, to, whole }, maxBytes);
    // A read from an offset reports what it leaves out. A read of the tail does not: its `from` tells.
    const since = place.since === undefined ? part.from : from;
    return { text: render(part), from: since, to: part.to, omitted: reader.keptIn(since, part.from), more: false };
  }
  const head = forward(reader, { from, to, whole }, Math.max(1, Math.floor(maxBytes / 2)));
  const tail = backward(reader, { from: head.to, to, whole }, Math.max(1, maxBytes - Math.floor(maxBytes / 2)));
  const omitted = reader.keptIn(head.to, tail.from);
  const between = omitted === 0 ? "" : omittedMarker(omitted);
  return { text: render(head) + between + render(tail), from: head.from, to: tail.to, omitted, more: false };
}

/** As plain text, with secrets masked: those that the window's borders cut, and then those that control sequences had divided. */
function rendered(shown: Context["shown"], reader: RangeReader, part: Shown, command: string | readonly string[] | undefined): string {
  const before = reader.read(Math.max(0, part.from - neighbourBytes), part.from).at(-1);
  const after = reader.read(part.to, part.to + neighbourBytes)[0];
  const text = shown.window(
    {
      before: before !== undefined && before.from + before.bytes.length === part.from ? before.bytes.toString() : "",
      text: part.text,
      after: after?.from === part.to ? after.bytes.toString() : "",
    },
    command,
  );
  return shown.output(plainText(text), command);
}

/** As many bytes as the budget allows from the front, whole characters, across gaps. */
function forward(reader: RangeReader, range: { from: number; to: number; whole: boolean }, budget: number): Shown {
  const cut = reader.forwardCut(range.from, range.to, budget);
  const runs = reader.read(range.from, Math.min(range.to, cut + around));
  let left = budget;
  let text = "";
  let at = range.from;
  for (const [index, run] of runs.entries()) {
    if (left <= 0) break;
    const runEnd = run.from + run.bytes.length;
    // A character that a gap or the stream's end cuts will never be whole.
    const final = index < runs.length - 1 || (range.whole ? runEnd === range.to : false) || reader.gapAt(runEnd, range.to);
    const part = window(run.bytes, run.from, { view: "delta", maxBytes: left, final });
    text += part.parts[0]?.text ?? "";
    left -= part.to - run.from;
    at = part.to;
    if (part.to < runEnd) return { text, from: range.from, to: at, more: part.more || cut < range.to };
  }
  // What follows the last byte shown is a gap, and belongs to what was told; or the budget ended exactly here.
  const to = cut >= range.to ? range.to : at;
  return { text, from: range.from, to, more: to < range.to };
}

/** As many bytes as the budget allows before the end, from a line's start where there is one. */
function backward(reader: RangeReader, range: { from: number; to: number; whole: boolean }, budget: number): Shown {
  const cut = reader.backwardCut(range.from, range.to, budget);
  const runs = reader.read(Math.max(range.from, cut - around), range.to);
  let text = "";
  let from: number | null = null;
  let to = range.to;
  for (const [index, run] of runs.entries()) {
    const runEnd = run.from + run.bytes.length;
    if (runEnd <= cut) continue;
    const final = index < runs.length - 1 || range.whole || runEnd < range.to;
    const part = window(run.bytes, run.from, { view: "tail", maxBytes: runEnd - Math.max(cut, run.from), final });
    from ??= part.from;
    text += part.parts[0]?.text ?? "";
    to = runEnd === range.to ? part.to : range.to;
  }
  return { text, from: from ?? range.to, to, more: false };
}

function bytesIn(ranges: readonly Range[]): number {
  return ranges.reduce((sum, range) => sum + range.to - range.from, 0);
}

/** Ranges of the stream over its segments. */
class RangeReader {
  readonly #read: (segmentStart: number, offset: number, length: number) => Buffer | null;
  #segments: readonly Segment[];
  /** Something that was listed could not be read. */
  vanished = false;

  constructor(read: (segmentStart: number, offset: number, length: number) => Buffer | null, segments: readonly Segment[]) {
    this.#read = read;
    this.#segments = segments;
  }

  /** What there is; segments that turned out to be gone are left out. */
  get segments(): readonly Segment[] {
    return this.#segments;
  }

  keptIn(from: number, to: number): number {
    return readPlan(this.#segments, from, to).pieces.reduce((sum, piece) => sum + piece.length, 0);
  }

  /** True when a gap begins at `at`. */
  gapAt(at: number, to: number): boolean {
    return readPlan(this.#segments, at, to).gaps[0]?.from === at;
  }

  /** The offset behind the first `budget` kept bytes of the range; the range's end when all fit. */
  forwardCut(from: number, to: number, budget: number): number {
    let left = budget;
    for (const piece of readPlan(this.#segments, from, to).pieces) {
      if (piece.length > left) return piece.absolute + left;
      left -= piece.length;
    }
    return to;
  }

  /** The offset of the first of the last `budget` kept bytes of the range. */
  backwardCut(from: number, to: number, budget: number): number {
    let left = budget;
    for (const piece of readPlan(this.#segments, from, to).pieces.toReversed()) {
      if (piece.length > left) return piece.absolute + piece.length - left;
      left -= piece.length;
    }
    return from;
  }

  read(from: number, to: number): Run[] {
    const runs: { from: number; chunks: Buffer[]; end: number }[] = [];
    for (const piece of readPlan(this.#segments, from, to).pieces) {
      const bytes = this.#read(piece.segmentStart, piece.offsetInSegment, piece.length) ?? Buffer.alloc(0);
      if (bytes.length < piece.length) this.#lose(piece.segmentStart, piece.offsetInSegment + bytes.length);
      if (bytes.length === 0) continue;
      const last = runs.at(-1);
      if (last !== undefined && last.end === piece.absolute) {
        last.chunks.push(bytes);
        last.end += bytes.length;
      } else runs.push({ from: piece.absolute, chunks: [bytes], end: piece.absolute + bytes.length });
    }
    return runs.map((run) => ({ from: run.from, bytes: run.chunks.length === 1 ? (run.chunks[0] as Buffer) : Buffer.concat(run.chunks) }));
  }

  #lose(segmentStart: number, size: number): void {
    this.vanished = true;
    this.#segments = this.#segments
      .map((segment) => (segment.start === segmentStart ? { ...segment, size } : segment))
      .filter((segment) => segment.size > 0);
  }
}
