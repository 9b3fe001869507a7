import type { JsonSchema } from "./openApiTexts.ts";

/** A key somewhere in a schema: `limits.memory_bytes_max`, `losses[].from`. */
export type Field = { readonly name: string; readonly required: boolean; readonly schema: JsonSchema };

/** A shape that has a name of its own is shown once, in a place of its own. */
export function isShape(schema: JsonSchema): boolean {
  return schema.title !== undefined && schema.properties !== undefined;
}

/** The keys of a schema, those further in with dots. Named shapes are not entered, but for the schema itself. */
export function fieldsOf(schema: JsonSchema, prefix = "", optional = false): Field[] {
  const own = Object.entries(schema.properties ?? {}).flatMap(([key, inner]) => {
    const name = `${prefix}${key}`;
    const required = !optional && schema.required?.includes(key) === true;
    return [{ name, required, schema: inner }, ...innerFields(inner, name, !required)];
  });
  const chosen = (schema.anyOf ?? []).filter((choice) => !isShape(choice)).flatMap((choice) => fieldsOf(choice, prefix, optional));
  return [...own, ...chosen];
}

function innerFields(schema: JsonSchema, name: string, optional: boolean): Field[] {
  if (isShape(schema)) return [];
  if (schema.items !== undefined) return isShape(schema.items) ? [] : fieldsOf(schema.items, `${name}[].`, optional);
  return fieldsOf(schema, `${name}.`, optional);
}

/** The named shapes that stand in a schema, and those in them. */
export function shapesIn(schema: JsonSchema | undefined, into: Map<string, JsonSchema>): void {
  if (schema === undefined) return;
  if (isShape(schema) && schema.title !== undefined) {
    if (into.has(schema.title)) return;
    into.set(schema.title, schema);
  }
  const inner = [...Object.values(schema.properties ?? {}), ...(schema.anyOf ?? []), schema.items];
  for (const each of inner) shapesIn(each, into);
  if (typeof schema.additionalProperties === "object") shapesIn(schema.additionalProperties, into);
}

/** What a value may be: the name of a shape it has, and the words around it (`a list of`, `Limits`, `, or null`). */
export type TypeWords = { readonly before: string; readonly shape: string | null; readonly after: string };

/** Says for people what a schema takes, with its bounds. */
export function typeWords(schema: JsonSchema): TypeWords {
  const orNull = Array.isArray(schema.type) && schema.type.includes("null") ? " or null" : "";
  if (isShape(schema)) return { before: "", shape: schema.title ?? null, after: orNull };
  if (schema.items !== undefined) {
    const { before, shape, after } = typeWords(schema.items);
    return { before: `list of ${before}`, shape, after: `${after}${counts(schema.minItems, schema.maxItems, "of them")}${orNull}` };
  }
  return { before: plainWords(schema), shape: null, after: orNull };
}

function plainWords(schema: JsonSchema): string {
  if (schema.anyOf !== undefined) return schema.anyOf.map(choiceWords).join(", or ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return enumWords(schema.enum.filter((each) => each !== null));
  const type = Array.isArray(schema.type) ? schema.type.find((each) => each !== "null") : schema.type;
  switch (type) {
    case "integer":
      return `whole number${range(schema)}`;
    case "number":
      return `number${range(schema)}`;
    case "boolean":
      return "true or false";
    case "null":
      return "null";
    case "string":
      return textWords(schema);
    case "object":
      return objectWords(schema);
    default:
      return "anything";
  }
}

function objectWords({ properties, additionalProperties }: JsonSchema): string {
  if (properties !== undefined) return `object of ${Object.keys(properties).join(", ")}`;
  return typeof additionalProperties === "object" ? `object, each key with ${choiceWords(additionalProperties)}` : "object";
}

function choiceWords(schema: JsonSchema): string {
  const { before, shape, after } = typeWords(schema);
  return `${before}${shape ?? ""}${after}`;
}

function enumWords(words: readonly unknown[]): string {
  const shown = words.map((word) => (typeof word === "string" ? word || '""' : JSON.stringify(word)));
  return shown.length === 1 ? (shown[0] ?? "") : `one of ${shown.join(", ")}`;
}

function textWords(schema: JsonSchema): string {
  const formats: Readonly<Record<string, string>> = { "date-time": "moment (ISO 8601)", uri: "URL", base64: "text in base64" };
  const format = formats[schema.format ?? ""] ?? "text";
  const form = schema.pattern === undefined ? "" : ` like ${schema.pattern}`;
  return `${format}${form}${counts(schema.minLength, schema.maxLength, "characters")}`;
}

function range({ minimum, maximum, exclusiveMinimum }: JsonSchema): string {
  if (minimum !== undefined && maximum !== undefined) return `, ${minimum} to ${maximum}`;
  const least = exclusiveMinimum === undefined ? (minimum === undefined ? "" : `, ${minimum} or more`) : `, above ${exclusiveMinimum}`;
  return `${least}${maximum === undefined ? "" : `, at most ${maximum}`}`;
}

function counts(least: number | undefined, most: number | undefined, of: string): string {
  if (most !== undefined) return `, ${least === undefined || least === 0 ? "at most" : `${least} to`} ${most} ${of}`;
  if (least === undefined || least === 0) return "";
  return least === 1 ? ", not empty" : `, at least ${least} ${of}`;
}
