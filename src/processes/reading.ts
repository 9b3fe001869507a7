import { HermaError, type ProcessId, type ReadResult } from "../contract/index.ts";
import { budgetBytes } from "../rules/index.ts";
import type { Context } from "./context.ts";
import { readLines } from "./lines.ts";
import { requireFolder } from "./list.ts";
import { type PlainRead, readProcess } from "./read.ts";
import { acknowledged, checkReader } from "./readers.ts";
import { readScreen } from "./screen.ts";
import { searchOutput } from "./search.ts";
import type { ReadOptions } from "./types.ts";

/** See `Registry.read`: finds out which kind of read is meant, for whom, and from where. */
export function readAny(context: Context, id: ProcessId, options: ReadOptions = {}): ReadResult {
  const { reader, view, search, lines, maxTokens, ...rest } = options;
  if (reader !== undefined) checkReader(reader);
  if ([search !== undefined, lines !== undefined, view === "screen"].filter(Boolean).length > 1) {
    throw new HermaError("BAD_REQUEST", "search, lines and view: screen are three different reads: take one");
  }
  if (maxTokens !== undefined && !(maxTokens >= 1)) throw new HermaError("BAD_REQUEST", "maxTokens is 1 or more");
  requireFolder(context, id);
  const since = sinceOf(context, id, options);
  const forModel = reader !== undefined || maxTokens !== undefined;
  const plain: PlainRead = {
    ...withoutUndefined({ until: rest.until, raw: rest.raw, maxBytes: rest.maxBytes }),
    ...(since === undefined ? {} : { since }),
    ...(forModel ? { maxBytes: budgetBytes({ maxTokens, maxBytes: rest.maxBytes }), fold: true } : {}),
  };
  const result = ((): ReadResult => {
    if (search !== undefined) return searchOutput(context, id, search, plain);
    if (lines !== undefined) return readLines(context, id, { ...lines, fromHead: view === "head" || options.since === "start" }, plain);
    if (view === "screen") return readScreen(context, id, plain);
    return readProcess(context, id, view === undefined ? plain : { ...plain, view });
  })();
  if (reader === undefined) return result;
  // Only a window over what comes next leaves nothing out that the reader has not seen.
  const goesOn = search === undefined && lines === undefined && view !== "screen" && result.from <= acknowledged(context, id, reader);
  return { ...result, reader, acknowledge_to: goesOn ? result.to : null };
}

function sinceOf(context: Context, id: ProcessId, { since, reader, view, lines }: ReadOptions): number | "start" | undefined {
  if (since === "last" && reader === undefined) throw new HermaError("BAD_REQUEST", "since: last goes with the reader's name");
  if (reader === undefined || (since !== undefined && since !== "last")) return since === "last" ? undefined : since;
  // A page or a screen is the same for everybody, unless it is asked for otherwise.
  if (since === undefined && (lines !== undefined || view === "screen")) return undefined;
  return acknowledged(context, id, reader);
}

function withoutUndefined<T extends object>(values: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}
