import { HermaError } from "../../contract/index.ts";
import type { Cli } from "../cli.ts";
import { output } from "../output.ts";

export type HandOverOptions = { readonly to?: string; readonly task?: string; readonly purpose?: string };

/** `herma hand-over`: from now on another session owns the process, and is told of it. */
export async function handOver(cli: Cli, words: readonly string[], options: HandOverOptions): Promise<number> {
  const { to, task, purpose } = options;
  if (to === undefined || purpose === undefined) {
    throw new HermaError("BAD_REQUEST", `${to === undefined ? "--to" : "--purpose"} is missing`, {
      hint: "Say to which session, and what the process is for: herma hand-over dev --to SESSION --purpose 'the dev server'.",
    });
  }
  const registry = await cli.registry();
  const id = registry.resolve(words[0]!);
  const interest = registry.interest.handOver(id, { session: to, purpose, ...(task === undefined ? {} : { task }) });
  if (cli.json) output.json({ id, interest });
  else output.line(`${id} belongs to ${interest.session}${interest.task === null ? "" : ` / ${interest.task}`} now`);
  return 0;
}
