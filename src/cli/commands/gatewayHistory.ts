import { type GatewayRunView, gatewayRuns } from "../../lifecycle/index.ts";
import { formatDuration } from "../../rules/index.ts";
import type { Cli } from "../cli.ts";
import { gatewayView } from "../gatewayView.ts";
import { output } from "../output.ts";
import { printTable } from "../printTable.ts";
import { badOption } from "../report.ts";
import { type Column, harmless } from "../table.ts";

export type GatewayHistoryOptions = { readonly lines?: string };

const linesDefault = 20;

/** `runningPid`: of the gateway that holds the home now; null when none does, or nothing tells. */
const columnsOf = (runningPid: number | null): Column<GatewayRunView>[] => [
  { title: "STARTED", value: (run) => shortTime(run.started_at) },
  { title: "ENDED", value: (run) => shortTime(run.ended_at) },
  { title: "FOR", value: (run) => (run.uptime_s === null ? "-" : formatDuration(run.uptime_s * 1000)), align: "right" },
  { title: "PID", value: (run) => String(run.pid ?? "-"), align: "right" },
  { title: "CODE", value: (run) => String(run.exit_code ?? "-"), align: "right" },
  { title: "WHY", value: (run) => harmless(whyOf(run, runningPid)), shrinks: true },
];

/** `herma gateway history`: how each gateway of this home came and went, newest first. Works with none running. */
export async function gatewayHistory(cli: Cli, _words: readonly string[], options: GatewayHistoryOptions): Promise<number> {
  const count = options.lines === undefined ? linesDefault : Number(options.lines);
  if (!Number.isInteger(count) || count < 1 || count > 10_000) throw badOption("--lines", options.lines ?? "", "a number from 1 to 10000");
  const system = await cli.system();
  const runs = gatewayRuns(system, cli.home).slice(0, count);
  if (cli.json) output.json({ runs });
  else if (runs.length === 0) output.note("No gateway has run in this home yet.");
  else {
    const view = gatewayView(system, cli.home);
    printTable(columnsOf(view.running === false ? null : view.pid), runs);
  }
  return 0;
}

function whyOf(run: GatewayRunView, runningPid: number | null): string {
  if (run.word === null && run.pid === runningPid) return "runs";
  if (run.word === null) return "ended without a word; the next start looks why";
  return `${run.word.replaceAll("_", " ")}: ${run.detail ?? ""}`;
}

function shortTime(at: string | null): string {
  return at === null ? "-" : at.slice(0, 19).replace("T", " ");
}
