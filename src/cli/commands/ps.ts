import type { ProcessView } from "../../contract/index.ts";
import { formatBytes, formatDuration } from "../../rules/index.ts";
import type { Cli } from "../cli.ts";
import { commandText } from "../commandText.ts";
import { phaseWord } from "../endings.ts";
import { output } from "../output.ts";
import { printTable } from "../printTable.ts";
import type { Column } from "../table.ts";

export type PsOptions = { readonly all?: boolean };

/** `herma ps`: reads folders only; a keeper is asked (and started) only when a live process may have lost its own. */
export async function ps(cli: Cli, options: PsOptions): Promise<number> {
  const registry = await cli.registry();
  const all = options.all === true;
  let processes = registry.list({ all });
  if (processes.some((view) => view.exit === null && view.problem !== null)) {
    await registry.recover();
    processes = registry.list({ all });
  }
  if (cli.json) {
    output.json({ processes });
    return 0;
  }
  if (processes.length === 0 && output.columns() !== null) {
    output.note(all ? "No processes." : "No live processes. `herma ps --all` shows ended ones, `herma run -d -- COMMAND` starts one.");
    return 0;
  }
  printTable(columnsAt(Date.now()), processes, { isDim: (view) => view.exit !== null });
  for (const view of processes) if (view.problem !== null) output.note(`${view.id}: ${view.problem}`);
  return 0;
}

function columnsAt(nowMs: number): Column<ProcessView>[] {
  return [
    { title: "ID", value: (view) => view.id },
    { title: "NAME", value: (view) => view.name ?? "-" },
    { title: "PHASE", value: phaseWord },
    { title: "PID", value: (view) => (view.exit === null && view.pid !== null ? String(view.pid) : "-"), align: "right" },
    { title: "UPTIME/ENDED", value: (view) => age(view, nowMs) },
    { title: "OUTPUT", value: (view) => formatBytes(view.output.end), align: "right" },
    { title: "COMMAND", value: (view) => commandText(view.command), shrinks: true },
  ];
}

function age(view: ProcessView, nowMs: number): string {
  if (view.ended_at !== null) return `${formatDuration(Math.max(0, nowMs - Date.parse(view.ended_at)))} ago`;
  return view.uptime_seconds === null ? "-" : formatDuration(view.uptime_seconds * 1000);
}
