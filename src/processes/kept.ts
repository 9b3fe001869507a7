import { type ProcessId, processPaths } from "../contract/index.ts";
import { type ReadPiece, readPlan, type Segment } from "../rules/index.ts";
import type { Context } from "./context.ts";
import { lossesOf } from "./folder.ts";
import { requireFolder } from "./list.ts";
import { readOutput, readSegment } from "./output.ts";

const chunkBytes = 262_144;

/** What is kept of an output, to go through from one end to the other. */
export type Kept = {
  readonly segments: readonly Segment[];
  /** Absolute offset behind the last byte. */
  readonly end: number;
  readonly command: string | readonly string[] | undefined;
  /** The kept bytes of a range, in order, in pieces that each are contiguous. What vanishes under the reading is left out. */
  chunks(from: number, to: number): Generator<{ readonly offset: number; readonly bytes: Buffer }, void, void>;
};

export function keptOutput(context: Context, id: ProcessId): Kept {
  const folder = requireFolder(context, id);
  const { files } = context.system;
  const path = processPaths(context.home, id).output;
  const losses = lossesOf(folder);
  const { segments, end } = readOutput(files, path, { losses, outputEnd: folder.exit?.output_end ?? 0 });
  return {
    segments,
    end,
    command: folder.spec?.command,
    *chunks(from, to) {
      for (const piece of readPlan(segments, from, to).pieces) {
        for (const { absolute, offset, length } of parts(piece)) {
          const bytes = readSegment(files, path, piece.segmentStart, offset, length);
          if (bytes === null || bytes.length === 0) break;
          yield { offset: absolute, bytes };
        }
      }
    },
  };
}

function* parts(piece: ReadPiece): Generator<{ absolute: number; offset: number; length: number }, void, void> {
  for (let at = 0; at < piece.length; at += chunkBytes) {
    yield { absolute: piece.absolute + at, offset: piece.offsetInSegment + at, length: Math.min(chunkBytes, piece.length - at) };
  }
}
