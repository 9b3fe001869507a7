/**
 * The one place through which commands and output leave for views (lists, reads, notices). What is executed and the raw bytes in the folder
 * never pass here.
 */
export function shown(text: string): string {
  return text;
}

/** A command as it may be shown. */
export function shownCommand(command: string | readonly string[]): string | string[] {
  return typeof command === "string" ? shown(command) : command.map((word) => shown(word));
}
