import nodeProcess from "node:process";
import { version } from "../../contract/index.ts";
import type { Cli } from "../cli.ts";

/** `herma mcp`: serves the client that has started it, over standard input and output. */
export async function mcp(cli: Cli, _words: readonly string[], _options: object): Promise<number> {
  const [{ serveMcp }, registry, system] = await Promise.all([import("../../server/index.ts"), cli.registry(), cli.system()]);
  const reader = `mcp:${Buffer.from(system.random(6)).toString("hex")}`;
  const options = { registry, clock: system.clock, version, reader, cwd: nodeProcess.cwd() };
  await serveMcp(options, nodeProcess.stdin, nodeProcess.stdout);
  return 0;
}
