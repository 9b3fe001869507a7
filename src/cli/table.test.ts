import fc from "fast-check";
import { expect, test } from "vitest";
import { type Column, cutText, harmless, tableLines, textWidth } from "./table.ts";

type Row = { id: string; bytes: string; command: string };
const columns: Column<Row>[] = [
  { title: "ID", value: (row) => row.id },
  { title: "OUTPUT", value: (row) => row.bytes, align: "right" },
  { title: "COMMAND", value: (row) => row.command, shrinks: true },
];
const rows = [
  { id: "proc_1", bytes: "9 B", command: "npm run dev -- --port 3000" },
  { id: "proc_22", bytes: "1.2 MiB", command: "x" },
];

test("columns are as wide as their widest cell", () => {
  expect(tableLines(columns, rows, null)).toEqual([
    "ID        OUTPUT  COMMAND",
    "proc_1       9 B  npm run dev -- --port 3000",
    "proc_22  1.2 MiB  x",
  ]);
});

test("the last column gives way to a narrow terminal", () => {
  expect(tableLines(columns, rows, 30)).toEqual(["ID        OUTPUT  COMMAND", "proc_1       9 B  npm run dev…", "proc_22  1.2 MiB  x"]);
  // Never narrower than its title.
  expect(tableLines(columns, rows, 5)[1]).toBe("proc_1       9 B  npm ru…");
});

test("a stranger's text cannot steer the terminal", () => {
  expect(harmless("a\x1b[2Jb\nc\td\x9b1m\u202e")).toBe("a\\x1b[2Jb\\nc d\\x9b1m\\x202e");
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => !/[\x00-\x1f\x7f-\x9f]/.test(harmless(text))));
});

test("wide and combining characters count as a terminal counts them", () => {
  expect(textWidth("日本")).toBe(4);
  expect(textWidth("e\u0301")).toBe(1);
  expect(textWidth("🚀")).toBe(2);
  expect(cutText("日本語", 4)).toBe("日…");
});

test("a cut text is never wider than asked", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "grapheme" }),
      fc.integer({ min: 0, max: 40 }),
      (text, width) => textWidth(cutText(text, width)) <= width,
    ),
  );
});
