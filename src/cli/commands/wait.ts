import { HermaError, type ProcessView } from "../../contract/index.ts";
import { formatDuration, parseDuration } from "../../rules/index.ts";
import type { Cli } from "../cli.ts";
import { endingSentence, exitCodeOf } from "../endings.ts";
import { output } from "../output.ts";
import { badOption } from "../report.ts";

export type WaitOptions = { readonly any?: boolean; readonly timeout?: string };

/** Exit code when what was waited for did not come in time, as `timeout(1)` has it. */
const deadlineExit = 124;

/** `herma wait`: one process: its exit code; several: 0 when all that ended did so with 0, else 1; the deadline: 124. */
export async function wait(cli: Cli, words: readonly string[], options: WaitOptions): Promise<number> {
  const timeoutMs = options.timeout === undefined ? Number.POSITIVE_INFINITY : parseDuration(options.timeout);
  if (timeoutMs === null) throw badOption("--timeout", options.timeout!, "a time such as 30s, 5m or 1h30m");
  const registry = await cli.registry();
  const ids = [...new Set(words.map((word) => registry.resolve(word)))];
  const { reason, processes } = await registry.wait({ ids, mode: options.any ? "any" : "all", deadlineSeconds: timeoutMs / 1000 });
  const ended = processes.filter((view) => view.exit !== null);
  if (cli.json) output.json({ reason, processes });
  else {
    for (const view of ended) output.line(`${view.id} ${endingSentence(view.exit!)}${duration(view)}`);
    if (reason === "deadline") {
      const living = processes.filter((view) => view.exit === null).map((view) => view.id);
      throw new HermaError("DEADLINE", `${living.join(", ")} still run${living.length === 1 ? "s" : ""} after ${options.timeout}`);
    }
  }
  if (reason === "deadline") return deadlineExit;
  const codes = ended.map((view) => exitCodeOf(view.exit!));
  if (ids.length === 1) return codes[0]!;
  return codes.every((code) => code === 0) ? 0 : 1;
}

function duration(view: ProcessView): string {
  if (view.started_at === null || view.ended_at === null) return "";
  return ` after ${formatDuration(Math.max(0, Date.parse(view.ended_at) - Date.parse(view.started_at)))}`;
}
