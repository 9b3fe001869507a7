import { expect, test } from "vitest";
import { TerminalModes } from "./terminalModes.ts";

function after(...pieces: string[]): string {
  const modes = new TerminalModes();
  for (const piece of pieces) modes.feed(piece);
  return modes.restoring();
}

test("nothing changed: only colours are put back", () => {
  expect(after("hello\r\n\x1b[31mred")).toBe("\x1b[0m");
});

test("what was switched on is switched off, the alternate screen last", () => {
  expect(after("\x1b[?1049h\x1b[?1000;1006h\x1b[?2004h\x1b[?25l")).toBe("\x1b[0m\x1b[?1000l\x1b[?1006l\x1b[?2004l\x1b[?25h\x1b[?1049l");
});

test("what the program put back itself is left alone", () => {
  expect(after("\x1b[?1049h\x1b[?25l", "bye\x1b[?25h\x1b[?1049l")).toBe("\x1b[0m");
});

test("a sequence cut anywhere is seen once", () => {
  const sequence = "\x1b[?2004h\x1b[>1u\x1b=";
  for (let cut = 0; cut <= sequence.length; cut++) {
    expect(after(sequence.slice(0, cut), sequence.slice(cut))).toBe("\x1b[<1u\x1b>\x1b[0m\x1b[?2004l");
  }
});

test("keyboard modes are counted, a full reset forgets all", () => {
  expect(after("\x1b[>1u\x1b[>5u\x1b[<u")).toBe("\x1b[<1u\x1b[0m");
  expect(after("\x1b[?1049h\x1b[>1u\x1bc")).toBe("\x1b[0m");
});

test("another terminal is brought into the same modes", () => {
  const modes = new TerminalModes();
  modes.feed("\x1b[?1049h\x1b[?25l\x1b[?1000;1006h\x1b[>5u\x1b=");
  expect(modes.applying()).toBe("\x1b=\x1b[?25l\x1b[?1000h\x1b[?1006h\x1b[>5u");
});
