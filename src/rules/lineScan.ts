/** How much of one line is looked at: what comes behind these bytes of it is skipped over. */
export const lineBytesMax = 65_536;

const lineFeed = 0x0a;
const carriageReturn = 0x0d;

/** Whole lines of the stream, with their ends; the last one has none when a gap or the end of the output ended it. */
export type LineBlock = {
  /** Absolute offset of the first byte, which is where a line begins: the key of that line. */
  readonly offset: number;
  readonly bytes: Uint8Array;
};

/** Where a scan stands, as JSON. Feeding a new scan of this state from `line` on goes on as if nothing had happened. */
export type LineScanState = {
  /** Absolute offset at which the open line begins: the first byte that has to be read again. */
  readonly line: number;
  /** The open line has been counted already, so its completion does not count. */
  readonly counted: boolean;
};

/**
 * Divides output that comes in pieces into lines. A line ends with `\n`, `\r\n` or a lone `\r`: what a progress bar draws over itself was
 * seen by people one redraw after the other, so each redraw is a line, and a bar that never prints `\n` is matched while it runs. Empty
 * lines are none (and so `\r\n` needs no care). A gap ends the open line; what comes behind it begins a new one.
 *
 * Which lines there are depends on the bytes and their offsets alone, never on how they were cut into pieces.
 */
export type LineScan = {
  /**
   * Takes the bytes at an absolute offset and returns the lines they completed, in order. Bytes that were fed before are skipped; an offset
   * behind the expected one is a gap. The blocks may share memory with `bytes`: use them before `bytes` changes.
   */
  feed(bytes: Uint8Array, offset: number): LineBlock[];
  /** The line that has begun and not ended, or null when there is none or it has been counted. At most `lineBytesMax` bytes of it. */
  openLine(): LineBlock | null;
  /** The open line has been reported: it does not come again when it completes. */
  countOpenLine(): void;
  /** Nothing will follow: the open line is complete. */
  end(): LineBlock | null;
  /** Absolute offset of the next byte to be fed. */
  readonly next: number;
  state(): LineScanState;
};

export function createLineScan(state: LineScanState = { line: 0, counted: false }): LineScan {
  return new Scan(state);
}

class Scan implements LineScan {
  next: number;
  #line: number;
  #counted: boolean;
  /** The open line, as far as it is looked at. */
  #open: Uint8Array = new Uint8Array(0);
  #openSize = 0;

  constructor(state: LineScanState) {
    this.next = state.line;
    this.#line = state.line;
    this.#counted = state.counted;
  }

  feed(bytes: Uint8Array, offset: number): LineBlock[] {
    const blocks: LineBlock[] = [];
    let at = 0;
    if (offset > this.next) {
      this.#close(blocks, offset);
    } else {
      at = this.next - offset;
      if (at >= bytes.length) return blocks;
    }
    this.next = offset + bytes.length;
    const last = Math.max(bytes.lastIndexOf(lineFeed), bytes.lastIndexOf(carriageReturn));
    if (last < at) {
      this.#keep(bytes, at);
      return blocks;
    }
    if (this.#line < offset + at || this.#counted) {
      const first = firstEnd(bytes, at);
      this.#complete(blocks, bytes.subarray(at, first + 1));
      at = first + 1;
    }
    if (at <= last) blocks.push({ offset: offset + at, bytes: bytes.subarray(at, last + 1) });
    this.#begin(offset + last + 1);
    this.#keep(bytes, last + 1);
    return blocks;
  }

  openLine(): LineBlock | null {
    if (this.#counted || this.#openSize === 0) return null;
    return { offset: this.#line, bytes: this.#open.slice(0, this.#openSize) };
  }

  countOpenLine(): void {
    if (this.next > this.#line) this.#counted = true;
  }

  end(): LineBlock | null {
    const blocks: LineBlock[] = [];
    this.#close(blocks, this.next);
    return blocks[0] ?? null;
  }

  state(): LineScanState {
    return { line: this.#line, counted: this.#counted };
  }

  #begin(line: number): void {
    this.#line = line;
    this.#counted = false;
    this.#openSize = 0;
  }

  #close(blocks: LineBlock[], next: number): void {
    const open = this.openLine();
    if (open !== null) blocks.push(open);
    this.#begin(next);
    this.next = next;
  }

  /** Ends the open line with `rest`, which holds its end. */
  #complete(blocks: LineBlock[], rest: Uint8Array): void {
    if (this.#counted) return;
    // A line that is cut keeps no end: what is behind the cut is skipped, whatever it is.
    this.#keep(rest, 0);
    blocks.push({ offset: this.#line, bytes: this.#open.slice(0, this.#openSize) });
  }

  #keep(bytes: Uint8Array, from: number): void {
    const size = Math.min(bytes.length - from, lineBytesMax - this.#openSize);
    if (size <= 0 || this.#counted) return;
    const needed = this.#openSize + size;
    if (needed > this.#open.length) {
      const larger = new Uint8Array(Math.min(lineBytesMax, Math.max(256, needed * 2)));
      larger.set(this.#open.subarray(0, this.#openSize));
      this.#open = larger;
    }
    this.#open.set(bytes.subarray(from, from + size), this.#openSize);
    this.#openSize = needed;
  }
}

function firstEnd(bytes: Uint8Array, from: number): number {
  const feed = bytes.indexOf(lineFeed, from);
  const end = feed === -1 ? bytes.length : feed;
  // Looked for in front of the line feed only: a stream without returns is not read to its end for each piece.
  const back = bytes.subarray(from, end).indexOf(carriageReturn);
  return back === -1 ? end : from + back;
}
