import { join } from "node:path";
import { HermaError, type Loss, timestampOf } from "../contract/index.ts";
import { overLimit, type Segment, segmentBytesFor, segmentName, segmentStart, segmentsToDrop, splitWrite } from "../rules/index.ts";
import type { Appender, System } from "../system/index.ts";

/** As many as state.json and exit.json hold. */
const lossesMax = 64;

/** What became of a chunk. */
export type Heard = "kept" | "lossBegan" | "lossGrew";

export type SpoolOptions = {
  readonly system: Pick<System, "files" | "clock">;
  /** The process's `output` folder. */
  readonly folder: string;
  /** Bytes of tail kept besides the head. */
  readonly outputBytesMax: number;
  /** False: nothing is dropped at the limit (the policies `pause` and `kill`, which stop the flow instead) until {@link Spool.dropOld}. */
  readonly dropOld: boolean;
};

/**
 * Output bytes on disk: segment files named by their absolute start offset. An offset is a byte's address for ever; a hole between segment
 * names is the exact record of what is not kept, whether retention dropped it or the disk refused it.
 */
export class Spool {
  readonly #options: SpoolOptions;
  readonly #segmentBytes: number;
  #outputBytesMax: number;
  #segments: Segment[];
  #appender: Appender | null = null;
  #end: number;
  #dropsOld: boolean;
  #losses: Loss[] = [];

  constructor(options: SpoolOptions, losses: readonly Loss[] = []) {
    this.#options = options;
    this.#segmentBytes = segmentBytesFor(options.outputBytesMax);
    this.#outputBytesMax = options.outputBytesMax;
    this.#dropsOld = options.dropOld;
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
    return overLimit(this.#segments, this.#outputBytesMax);
  }

  /** Another limit; what is over it goes with the next new segment, or stops the flow at the next chunk. */
  limit(outputBytesMax: number, dropOld: boolean): void {
    this.#outputBytesMax = outputBytesMax;
    this.#dropsOld = dropOld;
  }

  /** From now on the oldest of the tail goes when the limit is passed. */
  dropOld(): void {
    this.#dropsOld = true;
  }

  /** Bytes may be missing at the end as it is now, nobody knows how many: whoever read them died before writing them. */
  loseUnknown(reason: Loss["reason"]): void {
    this.#record({ reason, from: this.#end, bytes: null, at: timestampOf(this.#options.system.clock.wallMs()) });
  }

  /**
   * Appends a chunk. Never throws: bytes the disk refuses are counted as a loss, and the next bytes begin a new segment behind the hole.
   * Tells whether there was a loss, and whether it began here or went on, so that the caller can record it.
   */
  append(chunk: Uint8Array): Heard {
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
    return "kept";
  }

  close(): void {
    const appender = this.#appender;
    this.#appender = null;
    try {
      appender?.close();
    } catch {
      // why: its bytes were taken when they were written; a descriptor that will not close can be helped by nobody.
    }
  }

  #write(start: number, bytes: Uint8Array): { bytes: number; error: HermaError | null } {
    let segment: Segment;
    try {
      segment = this.#open(start);
    } catch (error) {
      this.close();
      return { bytes: 0, error: asFault(error) };
    }
    try {
      this.#appender?.write(bytes);
      this.#grow(segment, bytes.length);
      return { bytes: bytes.length, error: null };
    } catch (error) {
      const taken = Math.max(0, (this.#appender?.size ?? segment.size) - segment.size);
      this.#grow(segment, taken);
      this.close();
      return { bytes: taken, error: asFault(error) };
    }
  }

  /** The segment that begins at `start`: the one that is being written, or a new file. Throws what the disk says; then nothing has changed. */
  #open(start: number): Segment {
    const last = this.#segments.at(-1);
    if (last !== undefined && last.start === start) {
      this.#appender ??= this.#options.system.files.appender(this.#path(start));
      return last;
    }
    this.close();
    this.#appender = this.#options.system.files.appender(this.#path(start));
    const segment = { start, size: 0 };
    this.#segments.push(segment);
    this.#forgetEmpty();
    if (this.#dropsOld) this.#dropOldest();
    return segment;
  }

  #grow(segment: Segment, bytes: number): void {
    const grown = { start: segment.start, size: segment.size + bytes };
    this.#segments[this.#segments.length - 1] = grown;
  }

  /** Before a new segment fills: what is over the limit goes, oldest of the tail first, so that disk use never passes the limit by more than one segment. */
  #dropOldest(): void {
    for (const start of segmentsToDrop(this.#segments, this.#outputBytesMax)) {
      try {
        this.#options.system.files.remove(this.#path(start));
        this.#segments = this.#segments.filter((segment) => segment.start !== start);
      } catch {
        // why: a segment that cannot be removed stays kept and counted; the next new segment tries again.
      }
    }
  }

  /** The segments before the newest that hold nothing: their place is told by a later name. */
  #forgetEmpty(): void {
    for (const segment of this.#segments.slice(0, -1)) {
      if (segment.size > 0) continue;
      this.#segments = this.#segments.filter((other) => other !== segment);
      try {
        this.#options.system.files.remove(this.#path(segment.start));
      } catch {
        // why: an empty file left behind claims no bytes.
      }
    }
  }

  #lose(from: number, bytes: number, error: HermaError): Heard {
    const reason = error.code === "DISK_FULL" ? "disk_full" : "disk_error";
    const at = timestampOf(this.#options.system.clock.wallMs());
    const last = this.#losses.at(-1);
    let heard: Heard = "lossBegan";
    if (last !== undefined && last.reason === reason && last.bytes !== null && last.from + last.bytes === from) {
      this.#losses[this.#losses.length - 1] = { ...last, bytes: last.bytes + bytes };
      heard = "lossGrew";
    } else this.#record({ reason, from, bytes, at });
    // A name takes no room where bytes do: an empty segment keeps the end on disk, so that no later keeper goes back behind it.
    try {
      this.#open(this.#end);
    } catch {
      // why: without it the end is in state.json, which follows.
    }
    return heard;
  }

  /** At the cap the newest entry takes in the next: the sum stays right, and the holes between segment names stay exact in any case. */
  #record(loss: Loss): void {
    const last = this.#losses.at(-1);
    if (last === undefined || this.#losses.length < lossesMax) {
      this.#losses.push(loss);
      return;
    }
    const bytes = last.bytes === null || loss.bytes === null ? null : last.bytes + loss.bytes;
    this.#losses[this.#losses.length - 1] = { ...last, bytes };
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
