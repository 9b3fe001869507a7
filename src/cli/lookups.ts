import type { ProcessId } from "../contract/index.ts";
import type { Registry } from "../processes/index.ts";
import type { Cli } from "./cli.ts";
import { output } from "./output.ts";
import { badOption } from "./report.ts";

const matchesAtOnce = 200;
const bytesAtOnce = 1_048_576;
const contextLinesMax = 10;
/** As grep: nothing was found. */
const nothingFoundExit = 1;

export type SearchWish = { readonly search: string; readonly re2?: boolean; readonly context?: string };

/** `herma logs --search`: every line that matches, as `grep -n` prints it. */
export async function showFound(cli: Cli, registry: Registry, id: ProcessId, wish: SearchWish): Promise<number> {
  const { search: pattern, re2 = false, context = "0" } = wish;
  if (!/^\d{1,2}$/.test(context) || Number(context) > contextLinesMax) {
    throw badOption("--context", context, `a whole number up to ${contextLinesMax}`);
  }
  const search = { pattern, re2, contextLines: Number(context), matchesMax: matchesAtOnce };
  let found = 0;
  for (let since = 0; ; ) {
    const result = registry.read(id, { since, search, maxBytes: bytesAtOnce });
    if (cli.json) output.json(result);
    else if (result.text !== "") {
      if (found > 0 && search.contextLines > 0) output.line("--");
      await output.write(`${result.text}\n`);
    }
    found += result.matches?.length ?? 0;
    if (!result.more || result.to <= since) return found === 0 ? nothingFoundExit : 0;
    since = result.to;
  }
}

/** `herma logs --screen`. */
export function showScreen(cli: Cli, registry: Registry, id: ProcessId): number {
  const result = registry.read(id, { view: "screen" });
  if (cli.json) output.json(result);
  else output.line(result.text);
  return 0;
}
