import tab, { type Command as Entry, type OptionHandler } from "@bomb.sh/tab";
import type { Command, Option } from "commander";
import { keyNames } from "../../rules/index.ts";
import type { Cli } from "../cli.ts";
import { pathOf } from "../commandPath.ts";
import { output } from "../output.ts";

/** `herma completion SHELL`: the script that asks `herma complete` at each Tab. */
export async function completion(_cli: Cli, words: readonly string[], _options: object): Promise<number> {
  const shell = words[0]!;
  if (shell === "bash") output.line(beforeBash);
  tab.setup("herma", "herma", shell);
  if (shell === "bash") output.line(afterBash);
  return 0;
}

/**
 * The script declares constants, which Bash refuses to do twice (a ~/.bashrc is read again now and then), and takes the words from a function of
 * the package bash-completion, which many machines do not have.
 */
const beforeBash = `if ! declare -F _get_comp_words_by_ref >/dev/null; then
    _get_comp_words_by_ref() {
        words=("\${COMP_WORDS[@]}") cword=$COMP_CWORD cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]}
    }
fi
if ! declare -F __herma_complete >/dev/null; then`;
const afterBash = "fi";

/** `herma complete -- WORDS`: what the last word may become, in the form the scripts read. */
export async function complete(cli: Cli, words: readonly string[], program: Command): Promise<void> {
  if (isPath(words)) {
    output.line(filesDirective);
    return;
  }
  const references = await processReferences(cli);
  addOptions(tab, program);
  for (const command of program.commands) addCommand(command, program, references);
  tab.parse([...words]);
}

/** Tells the shell to complete file names. */
const filesDirective = ":0";

/** True where a path or a command's own words are typed: the shell knows them better. */
function isPath(words: readonly string[]): boolean {
  const before = words.at(-2);
  return before === "--cwd" || before === "--file" || (words[0] === "run" && words.slice(1, -1).includes("--"));
}

type Reference = { readonly value: string; readonly about: string };

/** Names and ids of live processes. Completion never complains: what cannot be read is not offered. */
async function processReferences(cli: Cli): Promise<Reference[]> {
  try {
    const { commandText } = await import("../commandText.ts");
    const { harmless } = await import("../table.ts");
    const processes = (await cli.registry()).list();
    return processes.flatMap((view) => {
      const about = harmless(commandText(view.command)).slice(0, 60);
      return view.name === null
        ? [{ value: view.id, about }]
        : [
            { value: view.name, about },
            { value: view.id, about },
          ];
    });
  } catch {
    return [];
  }
}

function addCommand(command: Command, program: Command, references: readonly Reference[]): void {
  // `complete` itself is for scripts.
  if (!program.createHelp().visibleCommands(command.parent!).includes(command)) return;
  const entry = tab.command(pathOf(command), command.description());
  addOptions(entry, command);
  for (const argument of command.registeredArguments) {
    const choices = argument.argChoices;
    const offered = choices?.map((value) => ({ value, about: "" })) ?? (argument.name() === "id" ? references : []);
    entry.argument(argument.name(), (offer) => offered.forEach((each) => void offer(each.value, each.about)), argument.variadic);
  }
  for (const child of command.commands) addCommand(child, program, references);
}

function addOptions(entry: Pick<Entry, "option">, command: Command): void {
  for (const option of command.createHelp().visibleOptions(command)) {
    if (option.long === undefined || option.long === null) continue;
    const name = option.long.slice(2);
    const alias = option.short?.slice(1);
    const handler = valuesOf(option);
    if (handler === null) entry.option(name, option.description, ...((alias === undefined ? [] : [alias]) as [string]));
    else entry.option(name, option.description, handler, alias);
  }
}

/** Null for an option without a value. */
function valuesOf(option: Option): OptionHandler | null {
  if (!option.required && !option.optional) return null;
  const values = option.long === "--key" ? keyNames : (option.argChoices ?? []);
  return (offer) => values.forEach((value) => void offer(value, ""));
}
