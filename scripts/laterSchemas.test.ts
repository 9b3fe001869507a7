import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { deferred, laterSchemas } from "./laterSchemas.ts";

const root = join(import.meta.dirname, "..");

test("schemas and what is made of them are built later; everything else stays", () => {
  const code = `import { z } from "zod";
export const Name = z.string().max(3);
const Part = z.object({ name: Name });
export const Whole = Part.extend({ more: z.array(Part) });
export const Described = z.string().describe("It has words.");
export const wordsMax = 3;
export const frozen = Object.freeze({ a: 1 });
export const paths = pathsOf("x");
export function make() { return z.string(); }
`;
  expect(deferred(code, "file.ts").split("\n").slice(1)).toEqual(
    code
      .replace("z.string().max(3)", "later(() => z.string().max(3))")
      .replace("z.object({ name: Name })", "later(() => z.object({ name: Name }))")
      .replace("Part.extend({ more: z.array(Part) })", "later(() => Part.extend({ more: z.array(Part) }))")
      .split("\n"),
  );
});

test("one that is built later is to zod and to whoever asks it what it is", async () => {
  const { later } = (await import(`data:text/javascript,${encodeURIComponent(laterSchemas.load("\0later") ?? "")}`)) as {
    later: <T>(build: () => T) => T;
  };
  const { z } = await import("zod");
  let built = 0;
  const Name = later(() => {
    built += 1;
    return z.string().max(3);
  });
  const Whole = later(() => z.object({ name: Name, names: z.array(Name).default([]) }));
  expect(built).toBe(0);
  expect(Whole.parse({ name: "abc" })).toEqual({ name: "abc", names: [] });
  expect(Whole.safeParse({ name: "abcd" }).success).toBe(false);
  expect(built).toBe(1);
  expect(Name instanceof z.ZodString).toBe(true);
  expect(Whole.shape.name.parse("a")).toBe("a");
  const plain = z.object({
    name: z.string().max(3),
    names: z.array(z.string().max(3)).default([]),
  });
  expect(z.toJSONSchema(z.object({ whole: Whole }))).toEqual(z.toJSONSchema(z.object({ whole: plain })));
});

test("what a program loads first builds none", () => {
  const path = join(root, "src", "contract", "processView.ts");
  const code = readFileSync(path, "utf8");
  expect(laterSchemas.transform(code, path)?.code).toContain("export const ProcessView = later(() => z.object({");
});
