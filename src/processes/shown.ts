import type { ExitFile } from "../contract/index.ts";
import type { Redactor } from "../rules/index.ts";

/**
 * The one place through which commands, output and endings leave for views (lists, reads, starts, waits, kills). What is executed and the raw
 * bytes in the folder never pass here, and neither does what asks for the bytes as they are (`raw`, a follow): those are the owner's own.
 */
export type Shown = {
  command(command: string | readonly string[]): string | string[];
  /** Where a process runs, what is wrong with it, and other short texts. */
  text(text: string): string;
  exit<T extends ExitFile | null>(exit: T): T;
  /** Plain output of a process with this command. */
  output(plain: string, command: Command): string;
  /**
   * A window over output, not yet plain: what its borders cut of a secret is masked, which nothing that sees the window alone could do.
   * `before` and `after` are what stands around it; `after: ""`: nothing does, yet.
   */
  window(window: { readonly before: string; readonly text: string; readonly after: string }, command: Command): string;
};
type Command = string | readonly string[] | undefined;

/** A longer window is looked at near its borders alone; the rest is whole, and {@link Shown.output} sees it. */
const borderCharacters = 8192;
/** What is gone back over may have been a secret, of which the end still shows. */
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
