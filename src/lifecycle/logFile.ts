import { basename, dirname } from "node:path";
import { type Clock, type Files, lookAtNames } from "../system/index.ts";

/** Where an older log stands once its file has begun anew. */
export function olderLog(path: string): string {
  return `${path}.1`;
}

/** Bytes at the end of the file in which the newest lines are looked for. */
const tailBytesMax = 1_048_576;
const chunkBytesMax = 65_536;
/** The file is watched; it is also looked at this often, where watching does not work. */
const lookMs = 1_000;
const newline = 0x0a;

/** A place in a log that may begin anew: in which file, and how far. */
type Place = { readonly ino: number; readonly offset: number };

/** A log file that its writer renames (see {@link olderLog}) and begins anew when it is full. */
export class LogFile {
  readonly #files: Files;
  readonly #path: string;
  #place: Place | null = null;

  constructor(files: Files, path: string) {
    this.#files = files;
    this.#path = path;
  }

  /** The newest lines, also those before it began anew; null without such a file. {@link next} goes on behind them. */
  lastLines(lines: number): Buffer | null {
    const newest = this.#end(this.#path);
    if (newest === null) return null;
    this.#place = newest.place;
    const part = lastLinesOf(newest.bytes, lines);
    const missing = lines - countLines(part);
    if (missing === 0 || newest.bytes.length < newest.place.offset) return part;
    const older = this.#end(olderLog(this.#path));
    return older === null ? part : Buffer.concat([lastLinesOf(older.bytes, missing), part]);
  }

  /** What was written since, a part at a time; null when that is all for now. */
  next(): Buffer | null {
    for (;;) {
      const stat = this.#files.stat(this.#path);
      // The file is just being renamed.
      if (stat === null) return null;
      this.#place ??= { ino: stat.ino, offset: 0 };
      const { ino, offset } = this.#place;
      const anew = stat.ino !== ino || stat.size < offset;
      const bytes = this.#read(anew ? olderLog(this.#path) : this.#path, this.#place);
      if (bytes !== null && bytes.length > 0) {
        this.#place = { ino, offset: offset + bytes.length };
        return bytes;
      }
      if (anew) this.#place = { ino: stat.ino, offset: 0 };
      // Null: it has begun anew just now.
      else if (bytes !== null) return null;
    }
  }

  /** Null when another file stands at the path. */
  #read(path: string, { ino, offset }: Place): Buffer | null {
    const bytes = this.#files.readRange(path, offset, chunkBytesMax);
    return this.#files.stat(path)?.ino === ino ? bytes : null;
  }

  #end(path: string): { readonly bytes: Buffer; readonly place: Place } | null {
    for (;;) {
      const stat = this.#files.stat(path);
      if (stat === null) return null;
      const bytes = this.#files.readRange(path, Math.max(0, stat.size - tailBytesMax), Math.min(stat.size, tailBytesMax));
      if (bytes !== null && this.#files.stat(path)?.ino === stat.ino) return { bytes, place: { ino: stat.ino, offset: stat.size } };
    }
  }
}

/** Hands on the newest lines of a log file and then all that comes, until `signal`; while a promise that `output` returned is open, it waits. */
export async function followLogFile(
  system: { readonly clock: Pick<Clock, "after">; readonly files: Files },
  path: string,
  options: {
    readonly lines: number;
    readonly signal: AbortSignal;
    readonly output: (bytes: Uint8Array) => Promise<void> | undefined;
  },
): Promise<void> {
  const { lines, signal, output } = options;
  const log = new LogFile(system.files, path);
  let rung = Promise.withResolvers<void>();
  const ring = (): void => rung.resolve();
  // Also the name that its old file gets: what was written last stands there.
  const names = [path, olderLog(path)].map((each) => basename(each));
  const close = lookAtNames(system, { folder: dirname(path), names, look: ring, againMs: () => lookMs });
  signal.addEventListener("abort", ring);
  try {
    await output(log.lastLines(lines) ?? Buffer.alloc(0));
    while (!signal.aborted) {
      rung = Promise.withResolvers();
      for (let bytes = log.next(); bytes !== null && !signal.aborted; bytes = log.next()) await output(bytes);
      if (!signal.aborted) await rung.promise;
    }
  } finally {
    signal.removeEventListener("abort", ring);
    close();
  }
}

/** Text behind the last line break counts as a line. */
function countLines(bytes: Buffer): number {
  let lines = bytes.length > 0 && bytes.at(-1) !== newline ? 1 : 0;
  for (let at = bytes.indexOf(newline); at !== -1; at = bytes.indexOf(newline, at + 1)) lines += 1;
  return lines;
}

function lastLinesOf(bytes: Buffer, lines: number): Buffer {
  let from = bytes.length;
  for (let line = 0; line < lines && from > 0; line += 1) from = from < 2 ? 0 : bytes.lastIndexOf(newline, from - 2) + 1;
  return bytes.subarray(from);
}
