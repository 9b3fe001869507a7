/** A terminal sends Ctrl-\ as one byte, or as an escape sequence when the program asked for the newer keyboard protocols. */
const spellings = ["\x1c", "\x1b[92;5u", "\x1b[27;5;92~"];

/**
 * Finds the detach keys, Ctrl-\ twice in a row, in what is typed. A first Ctrl-\ is held back until it is known not to be followed by a
 * second one: the caller releases it with {@link release} after a moment, so that a single Ctrl-\ still reaches the program.
 */
export class DetachKeys {
  #held = "";

  /** Bytes typed, as a latin-1 string (one character a byte). */
  feed(typed: string): { forward: string; detach: boolean } {
    let forward = "";
    for (let at = 0; at < typed.length; ) {
      const spelling = spellings.find((each) => typed.startsWith(each, at));
      if (spelling === undefined) {
        forward += this.release() + typed[at];
        at += 1;
        continue;
      }
      if (this.#held !== "") {
        this.#held = "";
        return { forward, detach: true };
      }
      this.#held = spelling;
      at += spelling.length;
    }
    return { forward, detach: false };
  }

  /** True while a first Ctrl-\ is held back. */
  get holding(): boolean {
    return this.#held !== "";
  }

  /** Gives back what is held. */
  release(): string {
    const held = this.#held;
    this.#held = "";
    return held;
  }
}
