import { plainText } from "../rules/index.ts";

/** Characters of one unfinished line that are held; a longer one is shown in pieces. */
const lineCharactersMax = 65_536;

type Mask = (lines: string, options: { readonly open: boolean }) => string;

/**
 * Turns output as it comes into plain text for people: whole lines when they complete, and what stands of an unfinished line (a prompt, a
 * progress bar) when the caller says that nothing more came for a moment.
 */
export class LineRenderer {
  #decoder = new TextDecoder();
  #open = "";
  #shown = "";
  #overwrite: string;
  #mask: Mask;

  /**
   * `overwrite` goes before a line that replaces the part already shown: `"\r\x1b[K"` on a terminal, a line break elsewhere. `mask` gets plain
   * lines in their order and gives what may be shown of them (the registry's `lineMask`).
   */
  constructor(overwrite: string, mask: Mask = (lines) => lines) {
    this.#overwrite = overwrite;
    this.#mask = mask;
  }

  /** Text to show for these bytes: the lines they complete. */
  push(bytes: Uint8Array): string {
    const text = this.#open + this.#decoder.decode(bytes, { stream: true });
    const lineEnd = text.lastIndexOf("\n") + 1;
    this.#open = text.slice(lineEnd);
    let shown = lineEnd === 0 ? "" : this.#line(text.slice(0, lineEnd), true);
    if (this.#open.length > lineCharactersMax) {
      shown += this.#line(this.#open, true);
      this.#open = "";
    }
    return shown;
  }

  /** Text to show for the unfinished line as it stands now. */
  quiet(): string {
    return this.#open === "" ? "" : this.#line(this.#open, false);
  }

  /** What is left when the stream ends or breaks off. */
  end(): string {
    this.#open += this.#decoder.decode();
    const rest = this.quiet();
    this.#open = "";
    this.#shown = "";
    return rest;
  }

  #line(text: string, complete: boolean): string {
    const plain = this.#mask(plainText(text), { open: !complete });
    const before = this.#shown;
    this.#shown = complete ? "" : plain;
    if (plain.startsWith(before)) return plain.slice(before.length);
    return this.#overwrite + plain;
  }
}
