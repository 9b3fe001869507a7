import nodeProcess from "node:process";
import { version } from "../../contract/index.ts";
import type { Cli } from "../cli.ts";
import { output } from "../output.ts";
import { ownFolder } from "../userHome.ts";

let told = false;

/** The protocol uses standard output, so problems go to standard error; only the first, because the same is tried again and again. */
function tellOnce(problem: unknown): void {
  if (told) return;
  told = true;
  output.note(`herma: watches cannot be looked after: ${problem instanceof Error ? problem.message : String(problem)}; trying again`);
}

/** `herma mcp`: serves the client that has started it, over standard input and output. */
export async function mcp(cli: Cli, _words: readonly string[], _options: object): Promise<number> {
  const [{ serveMcp }, registry, system] = await Promise.all([import("../../server/index.ts"), cli.registry(), cli.system()]);
  const reader = `mcp:${Buffer.from(system.random(6)).toString("hex")}`;
  const foregroundSeconds = (await cli.settings())?.tools.terminal_timeout_seconds;
  const options = {
    ...{ registry, clock: system.clock, version, reader, cwd: ownFolder() ?? "/" },
    ...(foregroundSeconds === undefined ? {} : { foregroundSeconds }),
  };
  // Where no gateway runs, this program evaluates watches and tells of ends.
  await registry.watching.start({ onProblem: tellOnce });
  await serveMcp(options, nodeProcess.stdin, nodeProcess.stdout);
  return 0;
}
