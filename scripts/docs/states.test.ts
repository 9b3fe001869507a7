import { expect, test } from "vitest";
import { gatewayTable, noticeTable, processTable, recoveryTable } from "../../src/rules/index.ts";
import { statesMarkdown } from "./states.ts";

const page = statesMarkdown();

test("every reason stands on the page", () => {
  const lives: Record<string, Record<string, { kind: string; reason?: string }>>[] = [processTable, gatewayTable, noticeTable];
  const reasons = lives.flatMap((life) => Object.values(life).flatMap((state) => Object.values(state).map((cell) => cell.reason)));
  for (const reason of reasons) if (reason !== undefined) expect(page).toContain(reason);
  for (const row of recoveryTable) expect(page).toContain(`| \`${row.verdict}\` | ${row.because} |`);
});

test("every table has as many cells in each row as in its head", () => {
  const cells = (line: string) => line.split(/(?<!\\)\|/).length;
  let head = 0;
  let previous = "";
  for (const line of page.split("\n")) {
    if (line.startsWith("|")) {
      if (!previous.startsWith("|")) head = cells(line);
      expect(cells(line), line).toBe(head);
    }
    previous = line;
  }
  expect(head).toBeGreaterThan(0);
});

test("no cell shows a thing that was not written", () => {
  expect(page).not.toMatch(/undefined|\[object/);
});
