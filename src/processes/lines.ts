import { HermaError, type ProcessId, type ReadResult } from "../contract/index.ts";
import { bytesPerToken, tokensMax } from "../rules/index.ts";
import type { Context } from "./context.ts";
import { type Kept, keptOutput } from "./kept.ts";
import { type PlainRead, readProcess } from "./read.ts";

const linesDefault = 200;
const linesMax = 10_000;
const lineFeed = 0x0a;

export type LinePage = { readonly offset?: number; readonly limit?: number; readonly fromHead: boolean };

/**
 * A page of the kept lines, as the original pages them: offset 0 is the tail, unless the head is asked for. Lines end with `\n`; a gap ends one
 * too. What does not fit into the budget is reported as omitted (from the front of a tail, from the end of a head).
 */
export function readLines(context: Context, id: ProcessId, page: LinePage, plain: PlainRead): ReadResult {
  const { offset = 0, limit = linesDefault } = page;
  if (!Number.isSafeInteger(offset) || offset < 0) throw new HermaError("BAD_REQUEST", "offset is a number of lines, 0 or more");
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > linesMax) {
    throw new HermaError("BAD_REQUEST", `limit is a number of lines from 1 to ${linesMax}`);
  }
  const kept = keptOutput(context, id);
  const tail = offset === 0 && !page.fromHead;
  const found = tail ? lastLines(kept, limit) : linesFrom(kept, offset, limit);
  const result = readProcess(context, id, {
    maxBytes: tokensMax * bytesPerToken,
    ...plain,
    since: found.from,
    until: found.to,
    view: tail ? "tail" : "head",
  });
  return { ...result, total_lines: found.total };
}

type Found = { readonly from: number; readonly to: number; readonly total: number };

/** Offsets at which lines begin. */
function* lineStarts(kept: Kept): Generator<number, void, void> {
  let expected = -1;
  let open = false;
  for (const { offset, bytes } of kept.chunks(0, kept.end)) {
    if (!open || offset !== expected) yield offset;
    expected = offset + bytes.length;
    open = true;
    for (let at = bytes.indexOf(lineFeed); at !== -1; at = bytes.indexOf(lineFeed, at + 1)) {
      if (at + 1 < bytes.length) yield offset + at + 1;
      // What comes next begins a line, if anything does.
      else open = false;
    }
  }
}

function lastLines(kept: Kept, limit: number): Found {
  const starts: number[] = [];
  let total = 0;
  for (const start of lineStarts(kept)) {
    starts[total % limit] = start;
    total += 1;
  }
  const from = total === 0 ? kept.end : (starts[total <= limit ? 0 : total % limit] as number);
  return { from, to: kept.end, total };
}

function linesFrom(kept: Kept, first: number, limit: number): Found {
  let total = 0;
  let from = kept.end;
  let to = kept.end;
  for (const start of lineStarts(kept)) {
    if (total === first) from = start;
    if (total === first + limit) to = start;
    total += 1;
  }
  return { from, to, total };
}
