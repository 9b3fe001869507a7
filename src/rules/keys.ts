/** Names of keys, as `herma send --key` and the tools of models take them, and the bytes a terminal sends for them. */

const named: Readonly<Record<string, string>> = {
  enter: "\r",
  tab: "\t",
  space: " ",
  escape: "\x1b",
  esc: "\x1b",
  backspace: "\x7f",
  delete: "\x1b[3~",
  insert: "\x1b[2~",
  up: "\x1b[A",
  down: "\x1b[B",
  right: "\x1b[C",
  left: "\x1b[D",
  home: "\x1b[H",
  end: "\x1b[F",
  "page-up": "\x1b[5~",
  "page-down": "\x1b[6~",
  "shift-tab": "\x1b[Z",
  f1: "\x1bOP",
  f2: "\x1bOQ",
  f3: "\x1bOR",
  f4: "\x1bOS",
  f5: "\x1b[15~",
  f6: "\x1b[17~",
  f7: "\x1b[18~",
  f8: "\x1b[19~",
  f9: "\x1b[20~",
  f10: "\x1b[21~",
  f11: "\x1b[23~",
  f12: "\x1b[24~",
};

/** Names for help and completion; besides them `ctrl-` with a letter or one of `@[\]^_?`, and `alt-` with any character or key. */
export const keyNames: readonly string[] = [...Object.keys(named), "ctrl-c", "ctrl-d", "ctrl-z", "ctrl-l", "ctrl-u", "ctrl-\\"];

/** Keys that mean something only to a terminal's line discipline; a pipe would carry them as plain bytes. */
const terminalOnly = new Set(["\x03", "\x04", "\x1a", "\x1c"]);

/** The bytes of a key, or null for a name that is none. Letter case does not matter, except for the character behind `alt-`. */
export function keyBytes(name: string): string | null {
  const lower = name.toLowerCase();
  if (Object.hasOwn(named, lower)) return named[lower]!;
  const control = /^(?:ctrl|control|c)-(.)$/.exec(lower);
  if (control !== null) return controlByte(control[1]!);
  const alt = /^(?:alt|meta|m)-(.+)$/i.exec(name);
  if (alt !== null) {
    const rest = [...alt[1]!].length === 1 ? alt[1]! : keyBytes(alt[1]!);
    return rest === null ? null : `\x1b${rest}`;
  }
  return null;
}

function controlByte(character: string): string | null {
  if (character === "?") return "\x7f";
  const code = character.toUpperCase().charCodeAt(0);
  return code >= 0x40 && code <= 0x5f ? String.fromCharCode(code & 0x1f) : null;
}

/** True when the bytes act on a process only through a terminal (Ctrl-C, Ctrl-D, Ctrl-Z, Ctrl-\). */
export function needsTerminal(bytes: string): boolean {
  return terminalOnly.has(bytes);
}
