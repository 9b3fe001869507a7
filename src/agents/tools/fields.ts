import { nearest } from "../../rules/index.ts";
import type { InputSchema, JsonObject } from "./types.ts";

/** One parameter of a tool: what its schema says, and what is made of what a model sends. */
export type Field = {
  readonly kind: "string" | "integer" | "number" | "boolean" | "strings" | "map";
  readonly about?: string;
  readonly words?: readonly string[];
  readonly min?: number;
};
export type Fields = { readonly [name: string]: Field };

type ValueOf<F extends Field> = F["words"] extends readonly (infer Word)[]
  ? F["kind"] extends "map"
    ? { readonly [key: string]: Word | number }
    : Word
  : F["kind"] extends "string"
    ? string
    : F["kind"] extends "integer" | "number"
      ? number
      : F["kind"] extends "boolean"
        ? boolean
        : F["kind"] extends "strings"
          ? readonly string[]
          : { readonly [key: string]: string | number };
export type Values<F extends Fields> = { readonly [Name in keyof F]?: ValueOf<F[Name]> };

export type Parsed<F extends Fields> =
  | { readonly ok: true; readonly values: Values<F>; readonly ignored: readonly string[] }
  | { readonly ok: false; readonly error: string };

/** The schema that models see. More is accepted than it says: a number in quotes counts as a number. */
export function schemaOf(fields: Fields, required: readonly string[]): InputSchema {
  const properties = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, schemaOfField(field)]));
  return { type: "object", properties, required };
}

function schemaOfField({ kind, about, words, min }: Field): JsonObject {
  const description: JsonObject = about === undefined ? {} : { description: about };
  if (kind === "strings") return { type: "array", items: { type: "string" }, ...description };
  if (kind === "map") return { type: "object", ...description };
  return { type: kind, ...(words === undefined ? {} : { enum: words }), ...(min === undefined ? {} : { minimum: min }), ...description };
}

/** Names that other tools use for parameters of ours. */
const synonyms: Readonly<Record<string, string>> = {
  action: "action",
  args: "command",
  chars: "data",
  cmd: "command",
  command: "command",
  cwd: "workdir",
  deadline: "timeout",
  dir: "workdir",
  directory: "workdir",
  id: "session_id",
  ids: "session_ids",
  input: "data",
  key: "data",
  keys: "data",
  pid: "session_id",
  process_id: "session_id",
  query: "pattern",
  run_in_background: "background",
  script: "command",
  search: "pattern",
  session: "session_id",
  text: "data",
  timeout_seconds: "timeout",
  tty: "pty",
  working_directory: "workdir",
  yield: "yield_seconds",
};

/**
 * Reads what a model sent, generously: numbers and booleans in quotes, one string for a list, ids that are numbers, null for absent. What
 * cannot be meant is refused with a sentence that names the right way. A name that is none is refused when it stands for something we
 * have; else it is told as ignored.
 */
export function parseFields<F extends Fields>(tool: string, fields: F, input: unknown): Parsed<F> {
  const given = asObject(input);
  if (given === null) return wrong(`${tool} takes a JSON object of parameters: ${Object.keys(fields).join(", ")}.`);
  const values: Record<string, unknown> = {};
  const ignored: string[] = [];
  for (const [name, value] of Object.entries(given)) {
    if (value === null || value === undefined) continue;
    if (!Object.hasOwn(fields, name)) {
      const meant = meaningOf(name, fields);
      if (meant !== null) return wrong(`${tool} has no parameter ${shortened(name)}; use ${meant}.`);
      ignored.push(shortened(name));
      continue;
    }
    const field = fields[name] as Field;
    const read = readValue(field, value);
    if (read === undefined) return wrong(`${name} must be ${wording(field)}, not ${shortened(value)}.`);
    values[name] = read;
  }
  return { ok: true, values: values as Values<F>, ignored };
}

function wrong(error: string): { readonly ok: false; readonly error: string } {
  return { ok: false, error };
}

/** Some models send their parameters as JSON in a string. */
function asObject(input: unknown): Record<string, unknown> | null {
  let value = input;
  if (typeof value === "string") {
    try {
      value = JSON.parse(value);
    } catch {
      return null;
    }
  }
  if (value === undefined || value === null) return {};
  return typeof value === "object" && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
}

function meaningOf(name: string, fields: Fields): string | null {
  const lower = name.toLowerCase().replaceAll("-", "_");
  const snake = name.replace(/([a-z])([A-Z])/g, "$1_$2").toLowerCase();
  for (const candidate of [lower, snake]) {
    if (Object.hasOwn(fields, candidate)) return candidate;
    const synonym = Object.hasOwn(synonyms, candidate) ? synonyms[candidate] : undefined;
    if (synonym !== undefined && Object.hasOwn(fields, synonym)) return synonym;
  }
  return name.length > 40 ? null : nearest(lower, Object.keys(fields));
}

function readValue(field: Field, value: unknown): unknown {
  switch (field.kind) {
    case "string":
      return readString(field, value);
    case "integer":
    case "number":
      return readNumber(field, value);
    case "boolean":
      return readBoolean(value);
    case "strings":
      return readStrings(value);
    case "map":
      return readMap(field, value);
  }
}

function readString(field: Field, value: unknown): string | undefined {
  const text = typeof value === "string" ? value : typeof value === "number" || typeof value === "boolean" ? String(value) : undefined;
  if (text === undefined || field.words === undefined) return text;
  const lower = text.trim().toLowerCase();
  return field.words.find((word) => word.toLowerCase() === lower);
}

function readNumber(field: Field, value: unknown): number | undefined {
  const number = typeof value === "number" ? value : typeof value === "string" && value.trim() !== "" ? Number(value) : Number.NaN;
  if (!Number.isFinite(number) || (field.min !== undefined && number < field.min)) return undefined;
  return field.kind === "integer" && !Number.isSafeInteger(number) ? undefined : number;
}

function readBoolean(value: unknown): boolean | undefined {
  if (typeof value === "boolean") return value;
  const word = typeof value === "string" ? value.trim().toLowerCase() : value;
  if (word === "true" || word === 1 || word === "1" || word === "yes") return true;
  return word === "false" || word === 0 || word === "0" || word === "no" || word === "" ? false : undefined;
}

function readStrings(value: unknown): string[] | undefined {
  if (typeof value === "string" || typeof value === "number") return [String(value)];
  if (!Array.isArray(value)) return undefined;
  return value.every((item) => typeof item === "string" || typeof item === "number") ? value.map(String) : undefined;
}

function readMap(field: Field, value: unknown): Record<string, string | number> | undefined {
  const given = asObject(value);
  if (given === null) return undefined;
  const map: Record<string, string | number> = {};
  for (const [key, item] of Object.entries(given)) {
    if (item === null || item === undefined) continue;
    if (typeof item !== "string" && typeof item !== "number") return undefined;
    if (field.words !== undefined && !field.words.includes(String(item))) return undefined;
    map[key] = item;
  }
  return map;
}

function wording({ kind, words, min }: Field): string {
  if (words !== undefined && kind === "string") return `one of ${words.join(", ")}`;
  const least = min === undefined ? "" : ` of at least ${min}`;
  switch (kind) {
    case "string":
      return "a string";
    case "integer":
      return `a whole number${least}`;
    case "number":
      return `a number${least}`;
    case "boolean":
      return "true or false";
    case "strings":
      return "a list of strings";
    case "map":
      return `an object${words === undefined ? " of strings and numbers" : ` whose values are ${words.join(", ")}`}`;
  }
}

const shownCharacters = 60;

/** A value as a sentence can quote it. */
export function shortened(value: unknown): string {
  let text: string;
  try {
    text = JSON.stringify(value) ?? String(value);
  } catch {
    text = typeof value;
  }
  return text.length > shownCharacters ? `${[...text.slice(0, shownCharacters)].join("")}…` : text;
}
