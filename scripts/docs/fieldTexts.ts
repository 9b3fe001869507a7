import { join } from "node:path";
import { z } from "zod";
import { routes } from "../../src/server/routes.ts";
import { readSchemaDocs, type SchemaDoc } from "./schemaComments.ts";

type Docs = ReadonlyMap<z.ZodType, SchemaDoc>;
type Texts = Record<string, Record<string, string>>;

/**
 * `src/server/fieldTexts.json`: what the comments at the schemas of the HTTP API say, by schema and key (`""`: of the schema itself), for the
 * running server, which has the schemas and no comments.
 */
export async function fieldTextsJson(): Promise<string> {
  const docs = await readSchemaDocs(join(import.meta.dirname, "../.."), ["src/server/requests.ts", "src/server/routes.ts"]);
  const texts: Texts = {};
  const seen = new Set<z.ZodType>();
  for (const route of Object.values(routes)) {
    const { query, body, answer } = route as { query?: z.ZodType; body?: z.ZodType; answer: z.ZodType | string };
    for (const schema of [query, body, answer]) if (schema instanceof z.ZodType) collect(schema, docs, seen, texts);
  }
  return JSON.stringify(Object.fromEntries(Object.entries(texts).sort(([one], [other]) => (one < other ? -1 : 1))), null, 2);
}

function collect(schema: z.ZodType, docs: Docs, seen: Set<z.ZodType>, into: Texts): void {
  if (seen.has(schema)) return;
  seen.add(schema);
  const fields = schema instanceof z.ZodObject ? Object.entries(schema.shape as Record<string, z.ZodType>) : [];
  const doc = docs.get(schema);
  if (doc !== undefined && (schema instanceof z.ZodObject || schema instanceof z.ZodUnion)) {
    const keys = new Map(doc.keys);
    for (const [key, field] of fields) if (!keys.has(key)) keys.set(key, aboutOf(field, docs));
    const told = [["", doc.about] as const, ...keys].map(([key, text]) => [key, plain(text)] as const).filter(([, text]) => text !== "");
    if (told.length > 0) into[doc.name] = Object.fromEntries(told);
  }
  for (const inner of fields.length > 0 ? fields.map(([, field]) => field) : innerOf(schema)) collect(inner, docs, seen, into);
}

/** A key that says nothing itself is what its schema is. */
function aboutOf(field: z.ZodType, docs: Docs): string {
  const own = docs.get(field);
  // What a moment looks like is said once, not at each.
  if (own !== undefined) return own.name === "Timestamp" ? "" : own.about;
  return field instanceof z.ZodOptional || field instanceof z.ZodNullable || field instanceof z.ZodDefault
    ? aboutOf(field.unwrap() as z.ZodType, docs)
    : "";
}

function innerOf(schema: z.ZodType): readonly z.ZodType[] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodDefault)
    return [schema.unwrap() as z.ZodType];
  if (schema instanceof z.ZodArray) return [schema.element as z.ZodType];
  if (schema instanceof z.ZodUnion) return schema.options as readonly z.ZodType[];
  return schema instanceof z.ZodRecord ? [schema.valueType as z.ZodType] : [];
}

/** On one line, and without the places in the books of rules that only whoever works on the code has. */
function plain(text: string): string {
  return text
    .replace(/\s+/g, " ")
    .replace(/ \((?:hermes|spec)[^)]*\)/g, "")
    .trim();
}
