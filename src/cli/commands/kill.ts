import { type ExitFile, errorCatalogue, HermaError, isHermaError, type Survivor } from "../../contract/index.ts";
import type { KillResult, Registry } from "../../processes/index.ts";
import { parseDuration, signalNumber } from "../../rules/index.ts";
import type { Cli } from "../cli.ts";
import { endingSentence } from "../endings.ts";
import { output } from "../output.ts";
import { badOption, reportFailure } from "../report.ts";

export type KillCommandOptions = { readonly all?: boolean; readonly grace?: string; readonly signal?: string };

/** One line of the answer: keys are those of the keeper's verdict; `signalled` with `--signal`, `error` when it failed. */
type Line = {
  readonly id: string;
  readonly verdict: KillResult["verdict"] | "signalled" | "failed";
  readonly survivors: readonly Survivor[];
  readonly exit: ExitFile | null;
  readonly error?: HermaError;
};

/** `herma kill`: a verdict for each process. Exit 7 when something survived, else that of the first failure, else 0. */
export async function kill(cli: Cli, words: readonly string[], options: KillCommandOptions): Promise<number> {
  if (words.length > 0 === (options.all === true)) {
    throw new HermaError("BAD_REQUEST", options.all ? "give ids, or --all, not both" : "kill what?", {
      hint: "Give ids or names, or --all.",
    });
  }
  const graceMs = options.grace === undefined ? undefined : parseDuration(options.grace);
  if (graceMs === null) throw badOption("--grace", options.grace!, "a time such as 3s or 500ms");
  const signal = options.signal === undefined ? undefined : signalName(options.signal);
  const registry = await cli.registry();
  const wish = { source: options.all ? "kill_all" : "process.kill", ...(graceMs === undefined ? {} : { graceMs }) };
  let lines: Line[];
  if (signal !== undefined) {
    const references = options.all ? registry.list().map((view) => view.id) : words;
    lines = await Promise.all(references.map((reference) => signalOne(registry, reference, signal)));
  } else if (options.all) {
    lines = (await registry.killAll(wish)).map(lineOf);
  } else {
    lines = await Promise.all(words.map((word) => killOne(registry, word, wish)));
  }
  tell(cli, lines);
  if (lines.some((line) => line.verdict === "survivors")) return errorCatalogue.KILL_SURVIVORS.exit;
  return lines.find((line) => line.error !== undefined)?.error?.row.exit ?? 0;
}

function signalName(text: string): string {
  const upper = text.toUpperCase();
  const name = upper.startsWith("SIG") ? upper : `SIG${upper}`;
  if (signalNumber(name) === null) throw badOption("--signal", text, "the name of a signal, such as INT, HUP or USR1");
  return name;
}

async function signalOne(registry: Registry, reference: string, signal: string): Promise<Line> {
  return await asLine(reference, async () => {
    const id = registry.resolve(reference);
    await registry.signal(id, { signal });
    return { id, verdict: "signalled", survivors: [], exit: null };
  });
}

async function killOne(registry: Registry, reference: string, wish: { source: string; graceMs?: number }): Promise<Line> {
  return await asLine(reference, async () => {
    const id = registry.resolve(reference);
    try {
      return lineOf(await registry.kill(id, wish));
    } catch (error) {
      if (!isHermaError(error, "KILL_SURVIVORS")) throw error;
      return { id, verdict: "survivors", survivors: (error.data?.survivors ?? []) as Survivor[], exit: null, error };
    }
  });
}

async function asLine(reference: string, act: () => Promise<Line>): Promise<Line> {
  try {
    return await act();
  } catch (error) {
    if (!isHermaError(error)) throw error;
    return { id: reference, verdict: "failed", survivors: [], exit: null, error };
  }
}

function lineOf(result: KillResult): Line {
  return { id: result.process.id, verdict: result.verdict, survivors: result.survivors, exit: result.exit };
}

function tell(cli: Cli, lines: readonly Line[]): void {
  if (cli.json) {
    output.json({ results: lines.map(({ error, ...line }) => (error === undefined ? line : { ...line, error: error.toBody() })) });
    return;
  }
  if (lines.length === 0) output.note("No live processes.");
  for (const line of lines) {
    if (line.verdict === "failed") reportFailure(line.error, false);
    else output.line(`${line.id} ${sentence(line)}`);
  }
}

function sentence(line: Line): string {
  switch (line.verdict) {
    case "survivors":
      return `survived: ${line.survivors.map((each) => `${each.pid} (${each.name})`).join(", ")} still live`;
    case "already_exited":
      return `had ended before${line.exit === null ? "" : `: it ${endingSentence(line.exit)}`}`;
    case "signalled":
      return "signalled";
    default:
      return line.exit === null ? "was killed" : endingSentence(line.exit);
  }
}
