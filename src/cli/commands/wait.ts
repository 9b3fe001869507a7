import { errorCatalogue, HermaError, type ProcessView, type WaitedProcess } from "../../contract/index.ts";
import type { Until, WaitResult } from "../../processes/index.ts";
import { formatDuration, parseDuration } from "../../rules/index.ts";
import type { Cli } from "../cli.ts";
import { endingSentence, exitCodeOf } from "../endings.ts";
import { output } from "../output.ts";
import { badOption } from "../report.ts";
import { metSentence, parseWaitFor } from "../waitFor.ts";

export type WaitOptions = { readonly any?: boolean; readonly timeout?: string; readonly for?: string; readonly after?: string };

/** Exit code when what was waited for did not come in time (124, as that of `timeout(1)`). */
const deadlineExit = errorCatalogue.DEADLINE.exit;
/** Exit code when a process ended before it did what was waited for (5). */
const endedExit = errorCatalogue.PROCESS_ENDED.exit;

/**
 * `herma wait`: one process: its exit code; several: 0 when all that ended did so with 0, else 1; the deadline: 124. With `--for`: 0 when it
 * happened, 5 when it cannot happen any more.
 */
export async function wait(cli: Cli, words: readonly string[], options: WaitOptions): Promise<number> {
  const timeoutMs = options.timeout === undefined ? Number.POSITIVE_INFINITY : parseDuration(options.timeout);
  if (timeoutMs === null) throw badOption("--timeout", options.timeout!, "a time such as 30s, 5m or 1h30m");
  const until = options.for === undefined ? "exit" : parseWaitFor(options.for);
  if (options.after !== undefined && !/^\d{1,15}$/.test(options.after)) throw badOption("--after", options.after, "a byte offset");
  const registry = await cli.registry();
  const ids = [...new Set(words.map((word) => registry.resolve(word)))];
  const result = await registry.wait({
    ids,
    until,
    ...(options.after === undefined ? {} : { after: Number(options.after) }),
    mode: options.any ? "any" : "all",
    deadlineSeconds: timeoutMs / 1000,
  });
  const { reason, processes } = result;
  if (until !== "exit") return tellWhatHappened(cli, result, until, options);
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

function tellWhatHappened(cli: Cli, result: WaitResult, until: Until, options: WaitOptions): number {
  const { reason, processes } = result;
  if (cli.json) output.json(result);
  else {
    for (const view of processes) if (view.met) output.line(`${view.id} ${metSentence(view, until)}`);
    for (const note of new Set(processes.map((view) => view.note))) if (note !== undefined) output.note(`herma: ${note}`);
  }
  if (reason === "deadline") {
    if (cli.json) return deadlineExit;
    const open = processes.filter((view) => view.settled_by === null).map((view) => view.id);
    throw new HermaError("DEADLINE", `${open.join(", ")}: no ${options.for} after ${options.timeout}`);
  }
  if (reason !== "exit") return 0;
  if (!cli.json) throw new HermaError("PROCESS_ENDED", processes.filter(endedBefore).map(endedSentence).join("; "));
  return endedExit;
}

function endedBefore(view: WaitedProcess): boolean {
  return view.settled_by === "exit" && !view.met;
}

function endedSentence(view: WaitedProcess): string {
  return `${view.id} ${view.exit === null ? "ended" : endingSentence(view.exit)} before that`;
}

function duration(view: ProcessView): string {
  if (view.started_at === null || view.ended_at === null) return "";
  return ` after ${formatDuration(Math.max(0, Date.parse(view.ended_at) - Date.parse(view.started_at)))}`;
}
