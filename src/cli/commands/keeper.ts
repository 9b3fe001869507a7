import type { KeeperStatus } from "../../processes/index.ts";
import type { Cli } from "../cli.ts";
import { output } from "../output.ts";
import { printTable } from "../printTable.ts";
import type { Column } from "../table.ts";

const columns: Column<KeeperStatus>[] = [
  { title: "GENERATION", value: (keeper) => keeper.generation },
  { title: "STATE", value: (keeper) => keeper.state },
  { title: "PID", value: (keeper) => (keeper.pid === null ? "-" : String(keeper.pid)), align: "right" },
  { title: "HOLDS", value: (keeper) => (keeper.held === null ? "-" : String(keeper.held)), align: "right" },
  { title: "SURVIVAL", value: (keeper) => keeper.restart_survival ?? "-" },
  { title: "STARTED", value: (keeper) => keeper.started_at ?? "-" },
  { title: "SOCKET", value: (keeper) => keeper.socket, shrinks: true },
];

/** `herma keeper status`: every keeper the home knows. */
export async function keeperStatus(cli: Cli, _words: readonly string[], _options: object): Promise<number> {
  const keepers = await (await cli.registry()).keeper.status();
  if (cli.json) output.json({ keepers });
  else if (keepers.length === 0) output.note("No keeper has been started in this home; the first process brings one.");
  else printTable(columns, keepers);
  return 0;
}

/** `herma keeper stop`: ends every keeper of the home with its processes. */
export async function keeperStop(cli: Cli, _words: readonly string[], _options: object): Promise<number> {
  const registry = await cli.registry();
  const before = (await registry.keeper.status()).filter((keeper) => keeper.state !== "gone");
  if (before.length > 0) await registry.keeper.stop();
  if (cli.json) output.json({ stopped: before });
  else if (before.length === 0) output.note("No keeper is running.");
  else
    for (const keeper of before)
      output.line(`keeper ${keeper.pid ?? "?"} (${keeper.generation}) stopped, with ${keeper.held ?? "its"} processes`);
  return 0;
}
