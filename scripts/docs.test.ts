import { execFile } from "node:child_process";
import { appendFileSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import nodeProcess from "node:process";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { errorCatalogue } from "../src/contract/index.ts";
import { temporaryFolder } from "../test/setup/folders.ts";
import { tableOf } from "./docs/markdown.ts";
import { chapters } from "./docs/onDiskFiles.ts";
import { docsOfFile } from "./docs/schemaComments.ts";
import { schemaTable, shapeTitle } from "./docs/schemaTable.ts";

function docs(...args: string[]): Promise<{ ok: boolean; output: string }> {
  const { promise, resolve } = Promise.withResolvers<{ ok: boolean; output: string }>();
  execFile(nodeProcess.execPath, [join(import.meta.dirname, "docs.ts"), ...args], (error, stdout, stderr) =>
    resolve({ ok: error === null, output: stdout + stderr }),
  );
  return promise;
}

test("pages are written, found fresh, and a stale one is named with what to do", async () => {
  const root = temporaryFolder();
  expect((await docs("--root", root)).ok).toBe(true);
  expect(readdirSync(join(root, "docs"))).toEqual([
    "cli.md",
    "config.md",
    "errors.md",
    "hermes-parity.md",
    "on-disk.md",
    "peer-regressions.md",
    "states.md",
  ]);
  expect(await docs("--check", "--root", root)).toMatchObject({ ok: true });
  const page = join(root, "docs/errors.md");
  const fresh = readFileSync(page, "utf8");
  for (const code of Object.keys(errorCatalogue)) expect(fresh).toContain(`\`${code}\``);
  appendFileSync(page, "by hand\n");
  const check = await docs("--check", "--root", root);
  expect(check).toEqual({ ok: false, output: "docs/errors.md is not what the code says; run `npm run docs`\n" });
  expect(readFileSync(page, "utf8")).toBe(`${fresh}by hand\n`);
});

describe("comments of schemas", () => {
  const source = `
/** What it is,
 * over two lines. */
export const Thing = z.object({
  /** The first. */
  a: z.int(),
  // Not for the page.
  b: z.int(),
  /** Inside. */
  c: z.object({
    /** Deep. */
    d: z.string(),
  }).nullable(),
});
/** Left alone. */

const between = 1;
export const More = Thing.extend({
  /** A new one. */
  e: z.int(),
});`;

  test("are found at the schema and at each key, and come along into what extends it", () => {
    const [thing, more] = docsOfFile("thing.ts", source);
    expect(thing?.about).toBe("What it is,\nover two lines.");
    expect([...(thing?.keys ?? [])]).toEqual([
      ["a", "The first."],
      ["c", "Inside."],
      ["c.d", "Deep."],
    ]);
    expect(more?.about).toBe("");
    expect(more?.keys.get("a")).toBe("The first.");
    expect(more?.keys.get("e")).toBe("A new one.");
  });

  test("come along where a key, or every key, is taken over, and are found in the choices of a union", () => {
    const taken = `export const Limits = z.object({
  /** At most. */
  most: z.int().optional(),
});
export const Change = z.strictObject({ most: Limits.shape.most.nullable() });
export const Same = z.strictObject(Limits.shape);
export const Either = z.union([
  z.literal("x"),
  z.object({
    /** Which. */
    which: z.string(),
  }),
]);`;
    const told = docsOfFile("taken.ts", taken).map(({ name, keys }) => [name, ...keys]);
    expect(told).toEqual([
      ["Limits", ["most", "At most."]],
      ["Change", ["most", "At most."]],
      ["Same", ["most", "At most."]],
      ["Either", ["which", "Which."]],
    ]);
  });

  test("make the table, and a key without one is refused", () => {
    const Thing = z.object({ a: z.int(), b: z.int().optional(), c: z.object({ d: z.string().nullable() }).nullable() });
    const [said] = docsOfFile("thing.ts", source);
    if (said === undefined) throw new Error("nothing read");
    expect(() => schemaTable(Thing, new Map([[Thing, said]]))).toThrow("Thing: no doc comment at `b`");
    const whole = { ...said, keys: new Map([...said.keys, ["b", "The second."]]) };
    expect(
      schemaTable(Thing, new Map([[Thing, whole]]))
        .split("\n")
        .slice(2),
    ).toEqual([
      "| `a` | a whole number | The first. |",
      "| `b` | a whole number, may be absent | The second. |",
      "| `c` | object, or null | Inside. |",
      "| `c.d` | text, or null | Deep. |",
    ]);
  });
});

test("every JSON file of a home has an example that its schema takes", () => {
  const files = chapters.flatMap((chapter) => chapter.files).filter((file) => file.schema !== undefined);
  expect(files.length).toBeGreaterThan(4);
  for (const file of files) expect(file.schema?.safeParse(file.example).success, file.path).toBe(true);
});

test("cells cannot break a table, names become words", () => {
  expect(tableOf(["a|b"], [["c\n  d"]])).toBe("| a\\|b |\n|---|\n| c d |");
  expect(shapeTitle("TerminalSize")).toBe("terminal size");
});
