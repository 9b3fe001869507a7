import nodeProcess from "node:process";
import { HermaError, type ProcessView } from "../../contract/index.ts";
import type { Registry } from "../../processes/index.ts";
import type { Cli } from "../cli.ts";
import { endingSentence, exitCodeOf, waitForEnd } from "../endings.ts";
import { follow } from "../follow.ts";
import { forwardInput } from "../forwardInput.ts";
import { InputPump } from "../inputPump.ts";
import { startOfLastLines } from "../lastLines.ts";
import { output } from "../output.ts";
import { isInteractive } from "../terminalSize.ts";

/** Lines of earlier output that are shown for a process without a screen. */
const linesBefore = 50;

/**
 * `herma attach`: the process's terminal on ours. For a process without a terminal, or when we have none, its output is shown as it comes and
 * lines of standard input are sent.
 */
export async function attach(cli: Cli, words: readonly string[], _options: object): Promise<number> {
  if (cli.json)
    throw new HermaError("BAD_REQUEST", "attach is for people; it has no JSON form", {
      hint: "Use `herma logs -f --json` and `herma send --json`.",
    });
  const registry = await cli.registry();
  const id = registry.resolve(words[0]!);
  const view = registry.get(id);
  if (view.exit !== null) {
    throw new HermaError("PROCESS_ENDED", `${id} ${endingSentence(view.exit)}`, {
      hint: `\`herma logs ${view.name ?? id}\` shows what it printed.`,
    });
  }
  if (view.tty !== null && isInteractive()) {
    const { attachTerminal } = await import("../terminalSession.ts");
    return await attachTerminal(cli, registry, view, { fromStart: false });
  }
  return await attachLines(cli, registry, view);
}

async function attachLines(cli: Cli, registry: Registry, view: ProcessView): Promise<number> {
  const takesInput = view.tty !== null || view.stdin === "open";
  if (nodeProcess.stderr.isTTY) {
    const name = view.name ?? view.id;
    output.note(
      output.noteStyle(
        "dim",
        `herma: ${takesInput ? `lines typed here go to ${name}` : `${name} takes no input; only watching`}; Ctrl-C leaves, it runs on`,
      ),
    );
  }
  const since = await startOfLastLines(registry, view.id, view.output.end, linesBefore);
  const pump = new InputPump(registry, (await cli.system()).clock, view.id);
  // The end of our input is not the end of the process's: somebody else may want to write to it.
  if (takesInput) void forwardInput(pump, { closeAtEnd: false });
  await follow(registry, view.id, { since, gaps: true, bytes: output.write });
  pump.stop();
  const { exit } = await waitForEnd(registry, view);
  output.note(`herma: ${view.name ?? view.id} ${endingSentence(exit)}`);
  return exitCodeOf(exit);
}
