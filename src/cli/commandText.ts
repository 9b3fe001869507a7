import type { ProcessView } from "../contract/index.ts";

/** A command as one would type it: a shell string as it is, an argv with the words quoted that need it. */
export function commandText(command: ProcessView["command"]): string {
  return typeof command === "string" ? command : command.map(quoted).join(" ");
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
