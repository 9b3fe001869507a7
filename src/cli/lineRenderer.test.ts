import fc from "fast-check";
import { expect, test } from "vitest";
import { plainText } from "../rules/index.ts";
import { LineRenderer } from "./lineRenderer.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

test("whole lines come when they are complete", () => {
  const lines = new LineRenderer("\n");
  expect(lines.push(bytes("one\ntw"))).toBe("one\n");
  expect(lines.push(bytes("o\n\x1b[31mthree"))).toBe("two\n");
  expect(lines.end()).toBe("three");
});

test("a prompt is shown when it is quiet, and not twice", () => {
  const lines = new LineRenderer("\n");
  expect(lines.push(bytes("name? "))).toBe("");
  expect(lines.quiet()).toBe("name? ");
  expect(lines.quiet()).toBe("");
  expect(lines.push(bytes("Ann\n"))).toBe("Ann\n");
});

test("a progress bar replaces what was shown", () => {
  const lines = new LineRenderer("\r\x1b[K");
  lines.push(bytes("10%"));
  expect(lines.quiet()).toBe("10%");
  lines.push(bytes("\r25%"));
  expect(lines.quiet()).toBe("\r\x1b[K25%");
  expect(lines.push(bytes("\rdone\n"))).toBe("\r\x1b[Kdone\n");
});

test("a line without end is not held for ever", () => {
  const lines = new LineRenderer("\n");
  let shown = "";
  for (let piece = 0; piece < 100; piece++) shown += lines.push(bytes("x".repeat(10_000)));
  expect(shown.length).toBeGreaterThan(900_000);
  expect((shown + lines.end()).length).toBe(1_000_000);
});

test("[peer 9] however the bytes are cut, the text is that of the whole", () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom("a", "é", "🚀", "\n", "\r\n", "\x1b[1m", " "), { maxLength: 40 }),
      fc.integer({ min: 1, max: 9 }),
      (parts, step) => {
        const whole = bytes(parts.join(""));
        const lines = new LineRenderer("\n");
        let shown = "";
        for (let at = 0; at < whole.length; at += step) shown += lines.push(whole.subarray(at, at + step));
        expect(shown + lines.end()).toBe(plainText(parts.join("")));
      },
    ),
  );
});
