import type { ExitFile } from "../contract/index.ts";
import type { Redactor } from "../rules/index.ts";

/**
 * Masks secrets in all commands, output and endings that are shown (lists, reads, starts, waits, kills). What is executed, the bytes on disk and reads
 * that ask for raw bytes (`raw`, a follow) are not masked: those are the owner's own.
 */
export type Shown = {
  command(command: string | readonly string[]): string | string[];
  /** Where a process runs, what is wrong with it, and other short texts. */
  text(text: string): string;
  exit<T extends ExitFile | null>(exit: T): T;
  /** Plain output of a process with this command. */
  output(plain: string, command: Command): string;
  /**
   * A window over output, not yet plain. Masks also the parts of secrets that the borders of the window cut, for which it needs the text around it:
   * `before` and `after`. `after: ""`: nothing follows yet.
   */
  window(window: { readonly before: string; readonly text: string; readonly after: string }, command: Command): string;
};
type Command = string | readonly string[] | undefined;

/** A longer window is looked at only near its borders; {@link Shown.output} masks the rest. */
const borderCharacters = 8192;
/** A line that was overwritten may have been a secret whose end still shows. */
const goesBack = /\r(?!\n)|\x08/;

export function shownBy(redactor: Redactor): Shown {
  return {
    command: (command) => redactor.command(command),
    text: (text) => redactor.text(text),
    exit: (exit) => redactor.deep(exit),
    output: (plain, command) => redactor.text(plain, { command }),
    window: ({ before, text, after }, command) => {
      if (text.length <= 2 * borderCharacters || goesBack.test(text)) return redactor.piece({ before, text, after }, { command });
      const head = text.slice(0, borderCharacters);
      const middle = text.slice(borderCharacters, -borderCharacters);
      const tail = text.slice(-borderCharacters);
      const next = text.slice(borderCharacters, 2 * borderCharacters);
      const last = text.slice(-2 * borderCharacters, -borderCharacters);
      return (
        redactor.piece({ before, text: head, after: next }, { command }) +
        middle +
        redactor.piece({ before: last, text: tail, after }, { command })
      );
    },
  };
}
