import type { Context } from "hono";
import type { z } from "zod";
import { HermaError } from "../contract/index.ts";
import { nearest } from "../rules/index.ts";

/** The JSON body as the schema wants it; an absent body is `{}`. Throws BAD_REQUEST, naming every field that is wrong. */
export async function bodyOf<Schema extends z.ZodObject>(c: Context, schema: Schema): Promise<z.output<Schema>> {
  const text = await c.req.text();
  let value: unknown = {};
  if (text.trim() !== "") {
    try {
      value = JSON.parse(text);
    } catch {
      throw new HermaError("BAD_REQUEST", "the body is not JSON");
    }
  }
  return checked(schema, value, "field");
}

/** The query as the schema wants it. Throws BAD_REQUEST. */
export function queryOf<Schema extends z.ZodObject>(c: Context, schema: Schema): z.output<Schema> {
  return checked(schema, c.req.query(), "parameter");
}

function checked<Schema extends z.ZodObject>(schema: Schema, value: unknown, what: string): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const known = Object.keys(schema.shape);
  const problems = result.error.issues.map((issue) => told(issue, what, known));
  throw new HermaError("BAD_REQUEST", problems.join("; "), { data: { problems } });
}

function told(issue: z.core.$ZodIssue, what: string, known: readonly string[]): string {
  if (issue.code === "unrecognized_keys") {
    return issue.keys
      .map((key) => {
        const near = issue.path.length === 0 ? nearest(key, known) : null;
        return `unknown ${what} ${JSON.stringify(key)}${near === null ? "" : `; did you mean ${JSON.stringify(near)}?`}`;
      })
      .join("; ");
  }
  const path = issue.path.map(String).join(".");
  return path === "" ? issue.message : `${path}: ${issue.message}`;
}
