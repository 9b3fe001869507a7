import { z } from "zod";
import texts from "./fieldTexts.json" with { type: "json" };
import * as requests from "./requests.ts";
import * as answers from "./routes.ts";
import * as shapes from "./shapes.ts";

/** A JSON schema as the OpenAPI library makes it, as far as it is looked at here and on the reference page. */
export type JsonSchema = {
  title?: string;
  description?: string;
  type?: string | readonly string[];
  format?: string;
  enum?: readonly unknown[];
  const?: unknown;
  default?: unknown;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  properties?: Record<string, JsonSchema>;
  required?: readonly string[];
  additionalProperties?: boolean | JsonSchema;
  items?: JsonSchema;
  anyOf?: readonly JsonSchema[];
  $ref?: string;
  /** What the named shape is, wherever it stands; `description` is what it is here. */
  "x-about"?: string;
};

type Texts = Readonly<Record<string, string>>;
type Teller = { readonly texts: Texts; readonly prefix: string };

/** Whatever the texts speak of. */
const schemas: Readonly<Record<string, unknown>> = { ...requests, ...answers, ...shapes };

/** By what a schema consists of, since it may be reached in two ways (scripts/laterSchemas.ts): its name, and what the comments at its keys say. */
const known = new Map(
  Object.entries(texts as Readonly<Record<string, Texts>>).map(([name, told]) => {
    const schema = schemas[name];
    if (!(schema instanceof z.ZodType)) throw new Error(`fieldTexts.json speaks of ${name}, which is not here`);
    return [schema._zod as object, { name, texts: told }] as const;
  }),
);

/**
 * Writes into a JSON schema, in place, what the library that made it did not know: what each key is for, and the names of shapes that stand in
 * several places. Numbers of a query, which travel as text, become what they stand for.
 */
export function addTexts(schema: z.ZodType, json: JsonSchema | undefined, teller: Teller | null = null): void {
  if (json === undefined || json.$ref !== undefined) return;
  if (schema instanceof z.ZodObject) addToObject(schema, json, teller);
  else if (schema instanceof z.ZodPipe) addToPipe(schema, json, teller);
  else if (schema instanceof z.ZodArray) addTexts(schema.element as z.ZodType, json.items, teller);
  else if (schema instanceof z.ZodRecord) {
    if (typeof json.additionalProperties === "object") addTexts(schema.valueType as z.ZodType, json.additionalProperties);
  } else if (schema instanceof z.ZodUnion) {
    const named = known.get(schema._zod);
    const mine = named === undefined ? teller : { texts: named.texts, prefix: "" };
    for (const [at, option] of schema.options.entries()) addTexts(option as z.ZodType, json.anyOf?.[at], mine);
  } else if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodDefault)
    addTexts(schema.unwrap() as z.ZodType, json, teller);
}

function addToObject(schema: z.ZodObject, json: JsonSchema, teller: Teller | null): void {
  const named = known.get(schema._zod);
  if (named !== undefined) {
    json.title = named.name;
    if (named.texts[""] !== undefined) json["x-about"] = named.texts[""];
  }
  const mine: Teller = named === undefined ? (teller ?? { texts: {}, prefix: "" }) : { texts: named.texts, prefix: "" };
  for (const [key, field] of Object.entries(schema.shape)) {
    const place = `${mine.prefix}${key}`;
    const inner = json.properties?.[key];
    if (inner === undefined) continue;
    const text = mine.texts[place];
    if (text !== undefined) inner.description = text;
    addTexts(field as z.ZodType, inner, { texts: mine.texts, prefix: `${place}.` });
  }
}

function addToPipe(schema: z.ZodPipe, json: JsonSchema, teller: Teller | null): void {
  if (!(schema.out instanceof z.ZodNumber)) {
    addTexts(schema.in as z.ZodType, json, teller);
    return;
  }
  const { type, minimum, maximum } = z.toJSONSchema(schema.out, { unrepresentable: "any" }) as JsonSchema;
  delete json.pattern;
  Object.assign(json, { type: type ?? "integer", ...(minimum === undefined ? {} : { minimum }) });
  if (maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER) json.maximum = maximum;
}
