import { join } from "node:path";
import { HermaError, type Loss, timestampOf } from "../contract/index.ts";
import { overLimit, type Segment, segmentBytesFor, segmentName, segmentStart, segmentsToDrop, splitWrite } from "../rules/index.ts";
import type { Appender, System } from "../system/index.ts";

export type SpoolOptions = {
  readonly system: Pick<System, "files" | "clock">;
  /** The process's `output` folder. */
  readonly folder: string;
  /** Bytes of tail kept besides the head. */
  readonly outputBytesMax: number;
  /** False: nothing is dropped at the limit (the policies `pause` and `kill`, which stop the flow instead). */
  readonly dropOld: boolean;
};

/**
 * Output bytes on disk: segment files named by their absolute start offset. An offset is a byte's address for ever; a hole between segment
 * names is the exact record of what is not kept, whether retention dropped it or the disk refused it.
 */
export class Spool {
  readonly #options: SpoolOptions;
  readonly #segmentBytes: number;
  #segments: Segment[];
  #appender: Appender | null = null;
  #end: number;
  #losses: Loss[] = [];

  constructor(options: SpoolOptions, losses: readonly Loss[] = []) {
    this.#options = options;
    this.#segmentBytes = segmentBytesFor(options.outputBytesMax);
    this.#losses = [...losses];
    this.#segments = readSegments(options.system, options.folder);
    const last = this.#segments.at(-1);
    const lossEnd = Math.max(0, ...losses.map((loss) => loss.from + (loss.bytes ?? 0)));
    this.#end = Math.max(last === undefined ? 0 : last.start + last.size, lossEnd);
  }

  /** Absolute offset behind the last byte that was produced, kept or not. */
  get end(): number {
    return this.#end;
  }

  get losses(): readonly Loss[] {
    return this.#losses;
  }

  /** True when the tail has reached the limit: the policies `pause` and `kill` act on it. */
  get full(): boolean {
    return overLimit(this.#segments, this.#options.outputBytesMax);
  }

  /**
   * Appends a chunk. Never throws: bytes the disk refuses are counted as a loss and the next bytes begin a new segment behind the hole.
   * Returns true when a loss began, so that the caller can record it.
   */
  append(chunk: Uint8Array): boolean {
    const at = { segment: this.#segments.at(-1) ?? null, end: this.#end };
    let offset = 0;
    for (const piece of splitWrite(at, chunk.length, this.#segmentBytes)) {
      const bytes = chunk.subarray(offset, offset + piece.length);
      const written = this.#write(piece.segmentStart, bytes);
      offset += bytes.length;
      this.#end += bytes.length;
      if (written.error !== null) {
        const rest = bytes.length - written.bytes + (chunk.length - offset);
        const from = this.#end - bytes.length + written.bytes;
        this.#end += chunk.length - offset;
        return this.#lose(from, rest, written.error);
      }
    }
    return false;
  }

  close(): void {
    this.#appender?.close();
    this.#appender = null;
  }

  #write(start: number, bytes: Uint8Array): { bytes: number; error: HermaError | null } {
    const before = this.#segments.at(-1);
    try {
      const segment = this.#open(start);
      try {
        this.#appender?.write(bytes);
        segment.size += bytes.length;
        return { bytes: bytes.length, error: null };
      } catch (error) {
        const size = this.#appender?.size ?? segment.size;
        const taken = Math.max(0, size - segment.size);
        segment.size += taken;
        this.close();
        if (segment.size === 0) this.#forget(segment);
        return { bytes: taken, error: asFault(error) };
      }
    } catch (error) {
      // The segment could not even be made; the old one must not be appended to, its name would no longer tell the offset.
      this.close();
      if (before !== undefined && this.#segments.at(-1) !== before) this.#segments.pop();
      return { bytes: 0, error: asFault(error) };
    }
  }

  #open(start: number): { start: number; size: number } {
    const last = this.#segments.at(-1) as { start: number; size: number } | undefined;
    if (last !== undefined && last.start === start) {
      this.#appender ??= this.#options.system.files.appender(this.#path(start));
      return last;
    }
    this.close();
    this.#appender = this.#options.system.files.appender(this.#path(start));
    const segment = { start, size: 0 };
    this.#segments.push(segment);
    if (this.#options.dropOld) this.#dropOld();
    return segment;
  }

  /** Before a new segment fills: what is over the limit goes, oldest of the tail first, so that disk use never passes the limit by more than one segment. */
  #dropOld(): void {
    for (const start of segmentsToDrop(this.#segments, this.#options.outputBytesMax)) {
      try {
        this.#options.system.files.remove(this.#path(start));
        this.#segments = this.#segments.filter((segment) => segment.start !== start);
      } catch {
        // why: a segment that cannot be removed stays kept and counted; the next new segment tries again.
      }
    }
  }

  #forget(segment: Segment): void {
    this.#segments = this.#segments.filter((other) => other !== segment);
    try {
      this.#options.system.files.remove(this.#path(segment.start));
    } catch {
      // why: an empty file left behind claims no bytes.
    }
  }

  #lose(from: number, bytes: number, error: HermaError): boolean {
    const reason = error.code === "DISK_FULL" ? "disk_full" : "disk_error";
    const last = this.#losses.at(-1);
    if (last !== undefined && last.reason === reason && last.bytes !== null && last.from + last.bytes === from) {
      this.#losses[this.#losses.length - 1] = { ...last, bytes: last.bytes + bytes };
      return false;
    }
    // At the cap the newest entry swallows the rest; the holes between segment names stay exact in any case.
    if (this.#losses.length >= 64) this.#losses.pop();
    this.#losses.push({ reason, from, bytes, at: timestampOf(this.#options.system.clock.wallMs()) });
    return true;
  }

  #path(start: number): string {
    return join(this.#options.folder, segmentName(start));
  }
}

function readSegments(system: Pick<System, "files">, folder: string): Segment[] {
  const segments: Segment[] = [];
  for (const name of system.files.list(folder)) {
    const start = segmentStart(name);
    if (start === null) continue;
    const stat = system.files.stat(join(folder, name));
    if (stat?.kind === "file") segments.push({ start, size: stat.size });
  }
  return segments.sort((a, b) => a.start - b.start);
}

function asFault(error: unknown): HermaError {
  return error instanceof HermaError ? error : new HermaError("IO", String(error), { cause: error });
}
