/**
 * A terminal sends Ctrl-\ as one byte, or as an escape sequence when the program asked for a newer keyboard protocol: xterm's (27;MODIFIERS;92~)
 * or kitty's (92:OTHER:KEYS;MODIFIERS:EVENT;TEXT u).
 */
const spelling = /\x1c|\x1b\[27;(\d{1,3});92~|\x1b\[92(?::\d*){0,2};(\d{1,3})(?::(\d))?(?:;[\d:]*)?u/y;
/** Modifiers are sent plus one: Ctrl, whatever the two locks say (Caps Lock is 64, Num Lock 128). */
const locks = 64 + 128;
const ctrl = 4;
const letGo = "3";

/** What stands at `at`: Ctrl-\ pressed, or let go of again, which some programs ask to be told. */
function keyAt(typed: string, at: number): { readonly text: string; readonly pressed: boolean } | null {
  spelling.lastIndex = at;
  const found = spelling.exec(typed);
  if (found === null) return null;
  const [text, xterm, kitty, event] = found;
  const modifiers = xterm ?? kitty;
  if (modifiers !== undefined && ((Number(modifiers) - 1) & ~locks) !== ctrl) return null;
  return { text, pressed: event !== letGo };
}

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
      const key = keyAt(typed, at);
      if (key === null) {
        forward += this.release() + typed[at];
        at += 1;
        continue;
      }
      if (key.pressed && this.#held !== "") {
        this.#held = "";
        return { forward, detach: true };
      }
      // That it was let go of belongs to what is held, or to nothing that is.
      if (key.pressed || this.#held !== "") this.#held += key.text;
      else forward += key.text;
      at += key.text.length;
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
