import { HermaError, type ProcessId } from "../contract/index.ts";
import type { Context } from "./context.ts";
import { getProcess, requireFolder } from "./list.ts";

const nameCharactersMax = 200;

/** Checks a reader's name; throws BAD_REQUEST. */
export function checkReader(reader: string): void {
  if (typeof reader === "string" && reader !== "" && reader.length <= nameCharactersMax) return;
  throw new HermaError("BAD_REQUEST", `a reader's name has 1 to ${nameCharactersMax} characters`);
}

/** Offset up to which a reader has acknowledged; 0 when it never has. */
export function acknowledged(context: Context, id: ProcessId, reader: string): number {
  return context.store.ifThere()?.readers.acknowledged(id, reader) ?? 0;
}

/** See `Registry.acknowledge`. */
export function acknowledge(context: Context, id: ProcessId, { reader, to }: { readonly reader: string; readonly to: number }): void {
  checkReader(reader);
  if (!Number.isSafeInteger(to) || to < 0) throw new HermaError("BAD_REQUEST", "to is an absolute byte offset, 0 or more");
  requireFolder(context, id);
  const { end } = getProcess(context, id).output;
  if (to > end) throw new HermaError("BAD_REQUEST", `${id} has printed ${end} bytes, so nobody can have read ${to}`);
  // The reader had acknowledged as much before.
  if (to === 0) return;
  context.store.open().readers.acknowledge(id, reader, to);
}
