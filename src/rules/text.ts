/** How a window shows a range that is longer than its budget. */
export type View = "head" | "tail" | "headTail" | "delta";

export type WindowOptions = {
  readonly view: View;
  /** Budget in bytes of the original stream; the marker of `headTail` comes on top. */
  readonly maxBytes: number;
  /** Nothing will ever follow the range: an incomplete character at its end is shown (as U+FFFD) instead of waiting for its rest. Default false. */
  readonly final?: boolean;
};

/** A part of a window: the text of the bytes `[from, to)`, absolute offsets. */
export type TextPart = { readonly text: string; readonly from: number; readonly to: number };

export type TextWindow = {
  /** What to show: the parts, with a marker that tells the bytes omitted between them. */
  readonly text: string;
  /** Absolute offset of the first byte shown. */
  readonly from: number;
  /** Absolute offset behind the last byte shown: where the next delta goes on. */
  readonly to: number;
  /** Bytes of the range that are not shown and will not come with the next delta. */
  readonly omittedBytes: number;
  /** Bytes behind `to` can be shown right away by another window. */
  readonly more: boolean;
  readonly parts: readonly TextPart[];
};

const lineFeed = 0x0a;
/** The byte order mark stays, as any other character: a stream that was cut in front of one must read the same as the whole. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Bytes as UTF-8; each invalid sequence becomes one U+FFFD, as the encoding standard says. */
export function decodeText(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** The first character border at or behind `at`. Invalid sequences have borders around them; the end is always one. */
export function utf8Start(bytes: Uint8Array, at: number): number {
  return characterAround(bytes, at)?.end ?? within(bytes, at);
}

/**
 * The last character border at or before `at`. At the end of `bytes` an incomplete character counts as cut: the border is in front of it,
 * since its rest may still come.
 */
export function utf8End(bytes: Uint8Array, at: number): number {
  return characterAround(bytes, at)?.start ?? within(bytes, at);
}

function within(bytes: Uint8Array, at: number): number {
  return Math.min(Math.max(0, at), bytes.length);
}

/** The character or part of one that a cut at `at` would divide, or null when it is a border. */
function characterAround(bytes: Uint8Array, at: number): { start: number; end: number } | null {
  if (at <= 0 || at > bytes.length) return null;
  for (let start = at - 1; start >= Math.max(0, at - 3); start--) {
    const byte = bytes[start] as number;
    if (byte >= 0x80 && byte < 0xc0) continue;
    const { end, open } = sequenceAt(bytes, start);
    return end > at || (open && end === at) ? { start, end } : null;
  }
  return null;
}

/**
 * The longest sequence from a lead byte on that is a character or could become one: what a decoder replaces by a single U+FFFD when it is
 * broken off. `open`: the bytes end before it is decided.
 */
function sequenceAt(bytes: Uint8Array, start: number): { end: number; open: boolean } {
  const lead = bytes[start] as number;
  const length = lead >= 0xc2 && lead < 0xe0 ? 2 : lead >= 0xe0 && lead < 0xf0 ? 3 : lead >= 0xf0 && lead < 0xf5 ? 4 : 1;
  for (let index = 1; index < length; index++) {
    const byte = bytes[start + index];
    if (byte === undefined) return { end: start + index, open: true };
    // Overlong forms, surrogates and what lies behind U+10FFFF show in the second byte.
    const low = index > 1 ? 0x80 : lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
    const high = index > 1 ? 0xbf : lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
    if (byte < low || byte > high) return { end: start + index, open: false };
  }
  return { end: start + length, open: false };
}

/**
 * A piece of a range of output as text, never cutting a character.
 * - `delta`: from the start, as far as the budget goes; the next one begins at `to`. A budget of at least 1 always gets on, even when one
 *   character is longer than it.
 * - `head`: the same, but what does not fit is given up.
 * - `tail`: the last bytes, beginning at a line's start where there is one in the window.
 * - `headTail`: half of the budget from each end, with a marker between.
 * @param bytes the range
 * @param absoluteFrom the stream's offset of its first byte
 */
export function window(bytes: Uint8Array, absoluteFrom: number, options: WindowOptions): TextWindow {
  const end = options.final === true ? bytes.length : utf8End(bytes, bytes.length);
  const budget = Math.max(0, Math.floor(options.maxBytes));
  const part = (from: number, to: number): TextPart => ({
    text: decodeText(bytes.subarray(from, to)),
    from: absoluteFrom + from,
    to: absoluteFrom + to,
  });
  const whole = end <= budget;
  switch (options.view) {
    case "delta": {
      const to = whole ? end : cutAfter(bytes, end, budget);
      return windowOf([part(0, to)], 0, to < end);
    }
    case "head": {
      const to = whole ? end : Math.min(end, utf8End(bytes, budget));
      return windowOf([part(0, to)], end - to, to < end);
    }
    case "tail": {
      const from = whole ? 0 : tailStart(bytes, end, budget);
      return windowOf([part(from, end)], from, false);
    }
    case "headTail": {
      if (whole) return windowOf([part(0, end)], 0, false);
      const headEnd = utf8End(bytes, Math.floor(budget / 2));
      const tailFrom = Math.max(headEnd, tailStart(bytes, end, budget - headEnd));
      return windowOf([part(0, headEnd), part(tailFrom, end)], tailFrom - headEnd, false);
    }
  }
}

/** What stands in place of bytes left out between two parts. */
export function omittedMarker(bytes: number): string {
  return `\n[… ${bytes} bytes omitted …]\n`;
}

function windowOf(parts: readonly TextPart[], omittedBytes: number, more: boolean): TextWindow {
  const [first, last] = [parts[0] as TextPart, parts.at(-1) as TextPart];
  const text =
    parts.length === 1 || omittedBytes === 0
      ? parts.map((part) => part.text).join("")
      : first.text + omittedMarker(omittedBytes) + last.text;
  return { text, from: first.from, to: last.to, omittedBytes, more, parts };
}

/** Where a delta of at most `budget` bytes ends: one character at least, or a reader with a tiny budget would never get on. */
function cutAfter(bytes: Uint8Array, end: number, budget: number): number {
  const cut = utf8End(bytes, budget);
  if (cut > 0 || budget === 0) return Math.min(cut, end);
  return Math.min(utf8Start(bytes, budget), end);
}

/** Where the last `budget` bytes before `end` begin, moved on to a character and to the start of a line if there is one before `end`. */
function tailStart(bytes: Uint8Array, end: number, budget: number): number {
  const start = Math.min(end, utf8Start(bytes, Math.max(0, end - budget)));
  if (start === 0 || start >= end || bytes[start - 1] === lineFeed) return start;
  const lineEnd = bytes.subarray(start, end).indexOf(lineFeed);
  const lineStart = start + lineEnd + 1;
  return lineEnd === -1 || lineStart >= end ? start : lineStart;
}
