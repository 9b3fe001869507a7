import type { TerminalSize } from "../contract/index.ts";
import { TerminalQueries } from "../rules/index.ts";
import type { ByteHandler, TerminalChild } from "../system/index.ts";

/**
 * Answers the questions that a program asks its terminal, whether or not anybody is attached: the output is kept as it was written, and
 * whoever shows it elsewhere leaves the questions out (`herma attach` does).
 */
export class AnsweringTerminal {
  readonly handler: ByteHandler;
  readonly #queries: TerminalQueries;
  #child: TerminalChild | null = null;

  constructor(size: TerminalSize, output: ByteHandler) {
    this.#queries = new TerminalQueries(size);
    this.handler = {
      bytes: (chunk) => {
        const answers = this.#queries.answersTo(chunk);
        output.bytes(chunk);
        // A program that does not read its terminal cannot have wanted to know.
        if (answers !== "") this.#child?.write(Buffer.from(answers));
      },
      end: (error) => output.end(error),
    };
  }

  /** The terminal as its process's keeper uses it, from when there is one. */
  over(child: TerminalChild): TerminalChild {
    this.#child = child;
    const queries = this.#queries;
    return {
      pid: child.pid,
      identity: child.identity,
      write: (bytes) => child.write(bytes),
      resize: (size) => {
        child.resize(size);
        queries.resize(size);
      },
      state: () => child.state(),
      pause: () => child.pause(),
      resume: () => child.resume(),
      close: () => child.close(),
    };
  }
}
