import fc from "fast-check";
import { expect, test } from "vitest";
import { TerminalQueries } from "./terminalQueries.ts";

const esc = "\u001b";
function fed(text: string, size = { rows: 30, cols: 120 }) {
  const bytes = Buffer.from(text, "utf8");
  const shown = Buffer.from(new TerminalQueries(size).withoutQuestions(bytes)).toString("utf8");
  return { answers: new TerminalQueries(size).answersTo(bytes), shown };
}

test.each([
  ["what are you", `${esc}[c`, `${esc}[?62;22c`],
  ["what are you, with its zero", `${esc}[0c`, `${esc}[?62;22c`],
  ["which version", `${esc}[>c`, `${esc}[>1;10;0c`],
  ["are you well", `${esc}[5n`, `${esc}[0n`],
  ["where is the cursor, at the start", `${esc}[6n`, `${esc}[1;1R`],
  ["where is the cursor, in the other form", `${esc}[?6n`, `${esc}[?1;1R`],
  ["where is the cursor, behind text", `ab\r\ncä${esc}[6n`, `${esc}[2;3R`],
  ["how large are you, by going to the far corner", `${esc}[999;999H${esc}[6n`, `${esc}[30;120R`],
  ["how large are you", `${esc}[18t`, `${esc}[8;30;120t`],
  ["which colour has text", `${esc}]10;?\u0007`, `${esc}]10;rgb:ffff/ffff/ffff\u0007`],
  ["which colour has the ground", `${esc}]11;?${esc}\\`, `${esc}]11;rgb:0000/0000/0000${esc}\\`],
  ["which modes do you have", `${esc}[?2026$p`, `${esc}[?2026;0$y`],
])("[peer 16] %s is answered, and shown to no other terminal", (_what, asked, answer) => {
  const { answers, shown } = fed(asked);
  expect(answers).toBe(answer);
  expect(shown).not.toContain(asked.slice(-3));
});

test("what asks nothing passes as it is, whole or not", () => {
  for (const text of [
    "plain\r\n",
    `${esc}[31mred${esc}[0m`,
    `${esc}]0;title\u0007`,
    `${esc}[2J${esc}[H`,
    `${esc}Pdata${esc}\\x`,
    `${esc}7${esc}8`,
  ])
    expect(fed(text)).toEqual({ answers: "", shown: text });
  // A string that never ends is given up, so that nothing waits for ever.
  const long = `${esc}]52;c;${"A".repeat(500)}`;
  expect(fed(long).shown).toHaveLength(long.length);
});

test("the cursor moves as it is told to, and never leaves the screen", () => {
  const at = (text: string) => /\[(\d+;\d+)R$/.exec(fed(`${text}${esc}[6n`, { rows: 5, cols: 10 }).answers)?.[1];
  expect(at(`${esc}[3;4H`)).toBe("3;4");
  expect(at(`${esc}[3;4H${esc}[A${esc}[2C`)).toBe("2;6");
  expect(at(`${esc}[3;4H${esc}[9B${esc}[9D`)).toBe("5;1");
  expect(at(`${esc}[7G${esc}[2d`)).toBe("2;7");
  expect(at("\n".repeat(20))).toBe("5;1");
  expect(at("x".repeat(11))).toBe("2;2");
  expect(at("abc\b\b")).toBe("1;2");
});

test("wherever a stream is cut, answers and text are the same", () => {
  const piece = fc.constantFrom(
    "text",
    "ä",
    "\r\n",
    `${esc}[6n`,
    `${esc}[c`,
    `${esc}[1;31m`,
    `${esc}]11;?\u0007`,
    `${esc}]0;t${esc}\\`,
    `${esc}[5;5H`,
    esc,
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), fc.array(fc.nat(200), { maxLength: 6 }), (pieces, cuts) => {
      const bytes = Buffer.from(pieces.join(""));
      const open = () => new TerminalQueries({ rows: 30, cols: 120 });
      const at = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length];
      const parts = at.slice(1).map((end, index) => bytes.subarray(at[index], end));
      const [answering, showing] = [open(), open()];
      expect(parts.map((part) => answering.answersTo(part)).join("")).toBe(open().answersTo(bytes));
      expect(Buffer.concat(parts.map((part) => showing.withoutQuestions(part)))).toEqual(Buffer.from(open().withoutQuestions(bytes)));
    }),
  );
});
