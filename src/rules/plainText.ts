const bell = 0x07;
const backspace = 0x08;
const tab = 0x09;
const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const escapeCode = 0x1b;
const cancel = 0x18;
const substitute = 0x1a;
const backslash = 0x5c;

/**
 * Output as a person sees it on a screen: control sequences are gone, and what a carriage return or a backspace went back over is
 * overwritten. Of the cursor's other moves only "to the line's start" and "clear the line" are followed, which is what progress bars use;
 * for a program that paints the screen, ask for its screen.
 *
 * Each line stands for itself: a sequence that is broken off ends with its line, so the text of lines rendered one by one is that of the
 * whole. Takes time in proportion to the text, whatever it holds.
 */
export function plainText(text: string): string {
  if (!hasControls(text)) return text;
  const line = new Line();
  let shown = "";
  let at = 0;
  while (at < text.length) {
    const code = text.codePointAt(at) as number;
    if (code === lineFeed) {
      shown += `${line.take()}\n`;
      at += 1;
    } else if (code === escapeCode || (code >= 0x80 && code <= 0x9f)) {
      at = sequence(text, at, code, line);
    } else {
      const width = code > 0xffff ? 2 : 1;
      if (code === carriageReturn) line.column = 0;
      else if (code === backspace) line.column = Math.max(0, line.column - 1);
      else if (code === tab || (code >= 0x20 && code !== 0x7f)) line.put(width === 1 ? (text[at] as string) : text.slice(at, at + 2));
      at += width;
    }
  }
  return shown + line.take();
}

/**
 * Long runs of one line made short: the line once, then how often it came again. Runs of up to `linesMax` lines stay as they are, empty
 * ones too.
 */
export function foldRepeats(text: string, linesMax = 3): string {
  const lines = text.split("\n");
  const folded: string[] = [];
  for (let at = 0; at < lines.length; ) {
    const line = lines[at] as string;
    let next = at + 1;
    while (next < lines.length && lines[next] === line) next += 1;
    const count = next - at;
    if (count > linesMax && line !== "") folded.push(line, `[… the same line ${count - 1} more times …]`);
    else for (let index = 0; index < count; index++) folded.push(line);
    at = next;
  }
  return folded.join("\n");
}

/** One line of cells. The column never lies behind the last cell, so no input can make it longer than itself. */
class Line {
  column = 0;
  #cells: string[] = [];

  put(cell: string): void {
    this.#cells[this.column] = cell;
    this.column += 1;
  }

  /** Forgets everything from the column on. */
  cut(): void {
    this.#cells.length = this.column;
  }

  clear(): void {
    this.#cells = [];
    this.column = 0;
  }

  /** The line's text; an empty line is left. */
  take(): string {
    const text = this.#cells.join("");
    this.clear();
    return text;
  }
}

function hasControls(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if ((code < 0x20 && code !== lineFeed && code !== tab) || (code >= 0x7f && code <= 0x9f)) return true;
  }
  return false;
}

/** Passes over the control sequence that begins at `at`; returns the place behind it, which is always further on. */
function sequence(text: string, at: number, code: number, line: Line): number {
  if (code !== escapeCode) return introduced(text, at + 1, code, line);
  const next = text.charCodeAt(at + 1);
  // ESC and a letter stand for a C1 control.
  if (next >= 0x40 && next <= 0x5f) return introduced(text, at + 2, next + 0x40, line);
  let end = at + 1;
  while (inRange(text, end, 0x20, 0x2f)) end += 1;
  return inRange(text, end, 0x30, 0x7e) ? end + 1 : end;
}

/** What follows a C1 control; `at` is the place behind it. */
function introduced(text: string, at: number, control: number, line: Line): number {
  switch (control) {
    case 0x9b:
      return controlSequence(text, at, line);
    case 0x9d: // operating system command
      return controlString(text, at, true);
    case 0x90: // device control
    case 0x98: // start of string
    case 0x9e: // privacy message
    case 0x9f: // application command
      return controlString(text, at, false);
    default:
      return at;
  }
}

function controlSequence(text: string, at: number, line: Line): number {
  let end = at;
  while (inRange(text, end, 0x30, 0x3f)) end += 1;
  const parameters = text.slice(at, end);
  const simple = end;
  while (inRange(text, end, 0x20, 0x2f)) end += 1;
  // Broken off: what broke it is read on its own.
  if (!inRange(text, end, 0x40, 0x7e)) return end;
  if (end === simple) {
    const final = text[end];
    if (final === "K" && (parameters === "" || parameters === "0")) line.cut();
    else if (final === "K" && parameters === "2") line.clear();
    else if (final === "G" && (parameters === "" || parameters === "0" || parameters === "1")) line.column = 0;
  }
  return end + 1;
}

/** A string runs to its terminator. Any other control breaks it off where it stands, and so does the line's end. */
function controlString(text: string, at: number, bellEnds: boolean): number {
  for (let end = at; end < text.length; end++) {
    const code = text.charCodeAt(end);
    if (code === 0x9c || code === cancel || code === substitute || (bellEnds && code === bell)) return end + 1;
    if (code === escapeCode) return text.charCodeAt(end + 1) === backslash ? end + 2 : end;
    if (code === lineFeed || (code >= 0x80 && code <= 0x9f)) return end;
  }
  return text.length;
}

function inRange(text: string, at: number, low: number, high: number): boolean {
  const code = text.charCodeAt(at);
  return code >= low && code <= high;
}
