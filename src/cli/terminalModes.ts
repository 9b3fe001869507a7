/** Private modes that are on in a fresh terminal; everything else is off. */
const onAtFirst = new Set([7, 25]);
const alternateScreens = new Set([47, 1047, 1049]);
/** Characters kept from one piece to the next, so that a sequence cut between them is seen. */
const carryCharacters = 64;
const modesMax = 256;
const keyboardsMax = 16;

/**
 * Watches a program's output for modes it switches on in the terminal (mouse reports, bracketed paste, the alternate screen …), and tells what
 * brings another terminal into the same modes, or this one back, whenever the program goes away or is left behind.
 */
export class TerminalModes {
  #changed = new Set<number>();
  /** Flags of the keyboard protocol the program has pushed, innermost last. */
  #keyboards: string[] = [];
  #applicationKeypad = false;
  #carry = "";

  /** Output as a latin-1 string (one character a byte). */
  feed(output: string): void {
    const text = this.#carry + output;
    let end = 0;
    for (const match of text.matchAll(/\x1b(?:\[\?([\d;]{1,48})([hl])|\[>(\d{0,4})u|\[<(\d{0,2})u|([=>])|(c))/g)) {
      end = match.index + match[0].length;
      const [, modes, onOff, pushed, popped, keypad] = match;
      if (modes !== undefined) for (const mode of modes.split(";")) this.#set(Number(mode), onOff === "h");
      else if (pushed !== undefined) this.#keyboards = [...this.#keyboards, pushed].slice(-keyboardsMax);
      else if (popped !== undefined) this.#keyboards.splice(-Math.max(1, Number(popped)));
      else if (keypad !== undefined) this.#applicationKeypad = keypad === "=";
      else this.#forget();
    }
    this.#carry = text.slice(Math.max(end, text.length - carryCharacters));
  }

  #set(mode: number, on: boolean): void {
    if (on === onAtFirst.has(mode)) this.#changed.delete(mode);
    else if (this.#changed.size < modesMax) this.#changed.add(mode);
  }

  #forget(): void {
    this.#changed.clear();
    this.#keyboards = [];
    this.#applicationKeypad = false;
  }

  /** What brings a fresh terminal into these modes, but for the alternate screen, which comes with the screen's content. */
  applying(): string {
    const modes = [...this.#changed].filter((mode) => !alternateScreens.has(mode));
    const keypad = this.#applicationKeypad ? "\x1b=" : "";
    return (
      keypad +
      modes.map((mode) => `\x1b[?${mode}${onAtFirst.has(mode) ? "l" : "h"}`).join("") +
      this.#keyboards.map((flags) => `\x1b[>${flags}u`).join("")
    );
  }

  /** What to write so that the terminal is as it was: modes back, colours off, the alternate screen left last. */
  restoring(): string {
    const modes = [...this.#changed].sort((a, b) => Number(alternateScreens.has(a)) - Number(alternateScreens.has(b)));
    const keyboard = this.#keyboards.length > 0 ? `\x1b[<${this.#keyboards.length}u` : "";
    const keypad = this.#applicationKeypad ? "\x1b>" : "";
    return `${keyboard}${keypad}\x1b[0m${modes.map((mode) => `\x1b[?${mode}${onAtFirst.has(mode) ? "h" : "l"}`).join("")}`;
  }
}
