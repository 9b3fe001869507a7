import type { TerminalSize } from "../contract/index.ts";

/** A sequence longer than this is no question. */
const sequenceBytesMax = 64;
const escapeByte = 0x1b;
const bell = 0x07;
const foreground = "rgb:ffff/ffff/ffff";
const background = "rgb:0000/0000/0000";

const vertical: Readonly<Record<string, number>> = { A: -1, B: 1 };
const horizontal: Readonly<Record<string, number>> = { C: 1, D: -1 };

type Reading = "text" | "escape" | "control" | "command" | "string";

/**
 * Answers the questions that programs ask their terminal, because no real terminal may be attached: without an answer some programs wait, and others
 * report that their terminal is broken (peers 4, item 16). It knows only what the answers need of the screen: its size, and where the cursor is, as
 * far as that follows from plain text and cursor moves.
 */
export class TerminalQueries {
  #size: TerminalSize;
  #row = 1;
  #col = 1;
  #reading: Reading = "text";
  #sequence: number[] = [];

  constructor(size: TerminalSize) {
    this.#size = size;
  }

  resize(size: TerminalSize): void {
    this.#size = size;
    this.#moveTo(this.#row, this.#col);
  }

  /** What is to be typed in answer to the next bytes of output. */
  answersTo(bytes: Uint8Array): string {
    return this.#feed(bytes, null);
  }

  /** The next bytes of output without the questions: for a real terminal, which would answer them a second time. */
  withoutQuestions(bytes: Uint8Array): Uint8Array {
    const shown: number[] = [];
    this.#feed(bytes, shown);
    return Uint8Array.from(shown);
  }

  #feed(bytes: Uint8Array, shown: number[] | null): string {
    let answers = "";
    for (const byte of bytes) {
      if (this.#reading === "text" && byte !== escapeByte) {
        this.#print(byte);
        shown?.push(byte);
        continue;
      }
      this.#sequence.push(byte);
      if (!this.#isComplete(byte)) continue;
      const answer = this.#answerTo(String.fromCharCode(...this.#sequence));
      if (answer === "") shown?.push(...this.#sequence);
      answers += answer;
      this.#sequence = [];
      this.#reading = "text";
    }
    return answers;
  }

  /** Whether the sequence ends here, whole or given up. */
  #isComplete(byte: number): boolean {
    if (this.#sequence.length > sequenceBytesMax) return true;
    switch (this.#reading) {
      case "text":
        this.#reading = "escape";
        return false;
      case "escape":
        if (byte === 0x5b) this.#reading = "control";
        else if (byte === 0x5d) this.#reading = "command";
        else if (byte === 0x50 || byte === 0x5f || byte === 0x5e || byte === 0x58) this.#reading = "string";
        else return true;
        return false;
      case "control":
        return byte >= 0x40 && byte <= 0x7e;
      case "command":
        return byte === bell || this.#endsString(byte);
      case "string":
        return this.#endsString(byte);
    }
  }

  /** ESC \ ends a string. */
  #endsString(byte: number): boolean {
    return byte === 0x5c && this.#sequence.at(-2) === escapeByte && this.#sequence.length > 2;
  }

  #answerTo(sequence: string): string {
    const body = sequence.slice(2);
    if (this.#reading === "control") {
      this.#move(body);
      return this.#answerToControl(body);
    }
    if (this.#reading !== "command") return "";
    const asked = /^(1[0-2]);\?(\u0007|\u001b\\)$/.exec(body);
    return asked === null ? "" : `\u001b]${asked[1]};${asked[1] === "11" ? background : foreground}${asked[2]}`;
  }

  #answerToControl(body: string): string {
    switch (body) {
      case "c":
      case "0c":
        return "\u001b[?62;22c";
      case ">c":
      case ">0c":
        return "\u001b[>1;10;0c";
      case "5n":
        return "\u001b[0n";
      case "6n":
        return `\u001b[${this.#row};${this.#col}R`;
      case "?6n":
        return `\u001b[?${this.#row};${this.#col}R`;
      case "18t":
        return `\u001b[8;${this.#size.rows};${this.#size.cols}t`;
    }
    const mode = /^(\??)(\d{1,5})\$p$/.exec(body);
    // Neither set nor reset, as far as we know.
    return mode === null ? "" : `\u001b[${mode[1]}${mode[2]};0$y`;
  }

  #move(body: string): void {
    const found = /^(\d{0,5})(?:;(\d{0,5}))?([HfABCDGd])$/.exec(body);
    if (found === null) return;
    const by = Number(found[1] || 1);
    const letter = found[3] ?? "";
    if (letter === "H" || letter === "f") this.#moveTo(by, Number(found[2] || 1));
    else if (letter === "G") this.#moveTo(this.#row, by);
    else if (letter === "d") this.#moveTo(by, this.#col);
    else this.#moveTo(this.#row + by * (vertical[letter] ?? 0), this.#col + by * (horizontal[letter] ?? 0));
  }

  #moveTo(row: number, col: number): void {
    this.#row = Math.min(Math.max(row, 1), this.#size.rows);
    this.#col = Math.min(Math.max(col, 1), this.#size.cols);
  }

  #print(byte: number): void {
    if (byte === 0x0a) this.#moveTo(this.#row + 1, this.#col);
    else if (byte === 0x0d) this.#col = 1;
    else if (byte === 0x08) this.#moveTo(this.#row, this.#col - 1);
    // The later bytes of a character take no room of their own.
    else if (byte >= 0x20 && byte !== 0x7f && (byte & 0xc0) !== 0x80) {
      if (this.#col === this.#size.cols) this.#moveTo(this.#row + 1, 1);
      else this.#col += 1;
    }
  }
}
