import type { Cli } from "../cli.ts";
import { type LimitOptions, limitsOf } from "../limitOptions.ts";
import { limitsText } from "../limitText.ts";
import { output } from "../output.ts";

/** `herma limit`: changes what a live process may use; without an option it tells what holds. */
export async function limit(cli: Cli, words: readonly string[], options: LimitOptions): Promise<number> {
  const change = limitsOf(options);
  const registry = await cli.registry();
  const id = registry.resolve(words[0]!);
  const asked = Object.keys(change).length > 0;
  const limits = asked ? await registry.updateLimits(id, change) : registry.get(id).limits;
  if (cli.json) output.json({ id, limits });
  else output.line(`${id}: ${limitsText(limits) ?? "no limits"}`);
  return 0;
}
