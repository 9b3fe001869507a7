import type { Command } from "commander";
import { makeProgram } from "../../src/cli/program.ts";
import { codeBlock, generatedFrom } from "./markdown.ts";

/** `docs/cli.md`: the help of every command, as the program prints it. */
export function cliMarkdown(): string {
  const program = makeProgram();
  const parts = [
    `${codeBlock(helpOf(program))}`,
    ...commandsBelow(program).map((command) => `## ${nameOf(command)}\n\n${codeBlock(helpOf(command))}`),
  ];
  return `${generatedFrom("src/cli/program.ts")}\n\n# Command line\n\n${parts.join("\n\n")}\n`;
}

function commandsBelow(command: Command): Command[] {
  const visible = command
    .createHelp()
    .visibleCommands(command)
    .filter((child) => child.name() !== "help");
  return visible.flatMap((child) => (child.commands.length > 0 ? commandsBelow(child) : [child]));
}

function nameOf(command: Command): string {
  return command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`;
}

function helpOf(command: Command): string {
  let text = "";
  command.configureOutput({
    writeOut: (more) => {
      text += more;
    },
    getOutHelpWidth: () => 100,
    getOutHasColors: () => false,
  });
  command.outputHelp();
  return text;
}
