import type { Command } from "commander";

/** The words that call a command, without the program's name: `gateway run`. */
export function pathOf(command: Command): string {
  return command.parent === null || command.parent.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}
