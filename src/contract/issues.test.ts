import { expect, test } from "vitest";
import { z } from "zod";
import { StartBody, WaitUntil } from "./index.ts";
import { fieldProblems } from "./issues.ts";

function said(schema: z.ZodType, value: unknown): string[] {
  const result = schema.safeParse(value);
  if (result.success) throw new Error("it was taken");
  const options = { whole: "the body", part: "field", nearest: (name: string) => (name === "comand" ? "command" : null) };
  return fieldProblems(result.error.issues, value, options).map(({ problem }) => problem);
}

const Every = z.strictObject({
  text: z.string().min(1).max(3).optional(),
  long: z.string().min(2).optional(),
  whole: z.int().min(0).max(9).optional(),
  number: z.number().gt(0).optional(),
  flag: z.boolean().optional(),
  word: z.enum(["a", "b"]).optional(),
  list: z.array(z.string()).min(1).max(2).optional(),
  map: z.record(z.string().regex(/^[a-z]+$/), z.string()).optional(),
  url: z.url().optional(),
  code: z.base64().optional(),
  form: z.string().regex(/^x$/).optional(),
  own: z.string().regex(/^x$/, "an x").optional(),
  three: z.number().multipleOf(3).optional(),
});

test.each([
  [{ text: "" }, 'text must be text that is not empty, not ""'],
  [{ text: "aaaa" }, 'text must be text of at most 3 characters, not "aaaa"'],
  [{ long: "a" }, 'long must be text of at least 2 characters, not "a"'],
  [{ text: 1 }, "text must be text, not 1"],
  [{ text: null }, "text must be text, not null"],
  [{ text: { a: 1 } }, "text must be text, not an object"],
  [{ whole: 1.5 }, "whole must be a whole number, not 1.5"],
  [{ whole: -1 }, "whole must be a number of at least 0, not -1"],
  [{ number: 0 }, "number must be a number of more than 0, not 0"],
  [{ flag: "yes" }, 'flag must be true or false, not "yes"'],
  [{ word: "c" }, 'word must be one of a, b, not "c"'],
  [{ list: [] }, "list must be a list of at least 1 entry, not an empty list"],
  [{ list: ["a", 2] }, "list.1 must be text, not 2"],
  [{ list: "a" }, 'list must be a list, not "a"'],
  [{ map: { A: "x" } }, 'map cannot hold the key "A": a key must be text of the form /^[a-z]+$/'],
  [{ url: "x" }, 'url must be a URL, not "x"'],
  [{ code: "%" }, 'code must be text in base64, not "%"'],
  [{ form: "y" }, 'form must be text of the form /^x$/, not "y"'],
  [{ own: "y" }, 'own cannot be "y": an x'],
  [{ three: 4 }, "three must be a multiple of 3, not 4"],
  [[1], "the body must be an object, not a list"],
  ["x".repeat(100), `the body must be an object, not "${"x".repeat(59)}…`],
])("%j: %s", (value, sentence) => {
  expect(said(Every, value)).toEqual([sentence]);
});

test.each([
  [StartBody, {}, "command is missing: text or a list"],
  [StartBody, { command: 5 }, "command must be text or a list, not 5"],
  [StartBody, { command: ["a", 1] }, "command.1 must be text, not 1"],
  [StartBody, { comand: "x", command: "x" }, 'unknown field "comand"; did you mean "command"?'],
  [StartBody, { command: "x", tty: { rows: 0, cols: 3 } }, "tty.rows must be a number of at least 1, not 0"],
  [z.strictObject({ until: WaitUntil }), { until: { port: "x" } }, 'until.port must be a number, not "x"'],
  [z.strictObject({ until: WaitUntil }), { until: { quiet_seconds: 0 } }, "until.quiet_seconds must be a number of at least 0.01, not 0"],
])("unions: %#", (schema, value, sentence) => {
  expect(said(schema, value)).toEqual([sentence]);
});

test("where no alternative was meant, all are told", () => {
  const [sentence] = said(z.strictObject({ until: WaitUntil }), { until: "later" });
  expect(sentence).toBe('until must be "exit" or an object, not "later"');
  const [unknown] = said(z.strictObject({ until: WaitUntil }), { until: { lines: 3 } });
  expect(unknown).toBe(
    'until must be "exit" or an object with match or an object with quiet_seconds or an object with port or an object with http or an object with input, not an object',
  );
});
