import type { Context } from "hono";
import type { z } from "zod";
import { fieldProblems, HermaError } from "../contract/index.ts";
import { nearest } from "../rules/index.ts";

/** The JSON body as the schema wants it; an absent body is `{}`. Throws BAD_REQUEST, naming every field that is wrong. */
export async function bodyOf<Schema extends z.ZodObject>(c: Context, schema: Schema): Promise<z.output<Schema>> {
  const text = await c.req.text();
  let value: unknown = {};
  if (text.trim() !== "") {
    try {
      value = JSON.parse(text);
    } catch {
      throw new HermaError("BAD_REQUEST", "the body is not JSON", {
        hint: "Send an object such as {}, in UTF-8; /openapi.json tells what may stand in it.",
      });
    }
  }
  return checked(c, schema, value, { whole: "the body", part: "field" });
}

/** The query as the schema wants it. Throws BAD_REQUEST. */
export function queryOf<Schema extends z.ZodObject>(c: Context, schema: Schema): z.output<Schema> {
  return checked(c, schema, c.req.query(), { whole: "the query", part: "parameter" });
}

function checked<Schema extends z.ZodObject>(
  c: Context,
  schema: Schema,
  value: unknown,
  words: { readonly whole: string; readonly part: string },
): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const known = Object.keys(schema.shape);
  const found = fieldProblems(result.error.issues, value, { ...words, nearest: (name) => nearest(name, known) });
  const problems = found.map(({ problem }) => problem);
  const fields = [...new Set(found.map(({ field }) => field).filter((field) => field !== ""))];
  const subject = fields.length > 0 ? fields.map((field) => `\`${field}\``).join(", ") : `one of ${known.join(", ")}`;
  throw new HermaError("BAD_REQUEST", problems.join("; "), {
    hint: `Look at ${c.req.method} ${c.req.path} in /openapi.json for ${subject}.`,
    data: { problems, fields },
  });
}
