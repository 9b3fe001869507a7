import { join } from "node:path";
import { type Loss, type ProcessId, processPaths, type StateFile } from "../contract/index.ts";
import { type Segment, segmentName, segmentStart } from "../rules/index.ts";
import type { System } from "../system/index.ts";
import type { FollowChunk } from "./types.ts";

type Files = Pick<System["files"], "list" | "stat" | "readRange">;

/** What a process's `output` folder holds, by absolute offset. */
export type Output = {
  readonly segments: readonly Segment[];
  /** Absolute offset behind the last byte that was produced, kept or not. */
  readonly end: number;
};

/** Looks at the segments and at what is known to be lost behind them. Never throws. */
export function readOutput(files: Files, folder: string, known: { losses: readonly Loss[]; outputEnd: number }): Output {
  const segments = segmentsIn(files, folder);
  const last = segments.at(-1);
  const lost = known.losses.map((loss) => loss.from + (loss.bytes ?? 0));
  return { segments, end: Math.max(last === undefined ? 0 : last.start + last.size, known.outputEnd, ...lost) };
}

/** The offset behind what a live process has printed, by its files. Never throws. */
export function liveOutputEnd(files: Files, home: string, id: ProcessId, state: Pick<StateFile, "losses"> | null): number {
  return readOutput(files, processPaths(home, id).output, { losses: state?.losses ?? [], outputEnd: 0 }).end;
}

function segmentsIn(files: Files, folder: string): Segment[] {
  const segments: Segment[] = [];
  for (const start of startsIn(files, folder)) {
    const size = sizeOf(files, join(folder, segmentName(start)));
    const before = segments.at(-1);
    // No keeper writes segments that overlap. If there are some, the bytes of the earlier one count.
    if (size === null || (before !== undefined && before.start + before.size > start)) continue;
    segments.push({ start, size });
  }
  return segments;
}

function startsIn(files: Files, folder: string): number[] {
  try {
    // Files are opened without following links, but a link in place of their folder would be followed.
    if (files.stat(folder)?.kind !== "folder") return [];
    const starts = files.list(folder).map((name) => segmentStart(name));
    return starts.filter((start) => start !== null).sort((a, b) => a - b);
  } catch {
    return [];
  }
}

function sizeOf(files: Files, path: string): number | null {
  try {
    const stat = files.stat(path);
    return stat?.kind === "file" ? stat.size : null;
  } catch {
    return null;
  }
}

/** Reads bytes of one segment; null when it has gone or cannot be read. */
export function readSegment(files: Files, folder: string, start: number, offset: number, length: number): Buffer | null {
  try {
    return files.readRange(join(folder, segmentName(start)), offset, length);
  } catch {
    return null;
  }
}

/**
 * Reads a growing output from an offset on. A segment is only ever appended to, and a later one is begun only when the one before is whole:
 * so when a later one is listed first and the earlier one gives nothing more afterwards, what is between them is a gap.
 */
export class OutputCursor {
  readonly #files: Files;
  readonly #folder: string;
  #offset: number;
  /** Start of the segment that is being read. */
  #current: number | null = null;

  constructor(files: Files, folder: string, offset: number) {
    this.#files = files;
    this.#folder = folder;
    this.#offset = offset;
  }

  /** Absolute offset of the next byte. */
  get offset(): number {
    return this.#offset;
  }

  /** The next bytes (at most `bytesMax`) or the gap in their place; null when there is nothing yet. */
  next(bytesMax: number): FollowChunk | null {
    const more = this.#readCurrent(bytesMax);
    if (more !== null) return more;
    const starts = startsIn(this.#files, this.#folder);
    this.#current = starts.findLast((start) => start <= this.#offset) ?? null;
    const rest = this.#readCurrent(bytesMax);
    if (rest !== null) return rest;
    const later = starts.find((start) => start > this.#offset);
    return later === undefined ? null : this.skipTo(later);
  }

  /** Declares everything up to `to` a gap; null when the cursor is there already. */
  skipTo(to: number): FollowChunk | null {
    if (to <= this.#offset) return null;
    const gap: FollowChunk = { kind: "gap", from: this.#offset, to };
    this.#offset = to;
    return gap;
  }

  #readCurrent(bytesMax: number): FollowChunk | null {
    if (this.#current === null) return null;
    const bytes = readSegment(this.#files, this.#folder, this.#current, this.#offset - this.#current, bytesMax);
    if (bytes === null || bytes.length === 0) return null;
    const chunk: FollowChunk = { kind: "bytes", offset: this.#offset, bytes };
    this.#offset += bytes.length;
    return chunk;
  }
}
