import type { z } from "zod";

/** A field that is wrong, in words for people: nothing of the library that found it shows. */
export type FieldProblem = {
  /** Names from the outermost in, joined by dots; empty: the value as a whole. */
  readonly field: string;
  readonly problem: string;
};

export type ProblemOptions = {
  /** What to call the value as a whole, and a name in it: `the body`, `field`. */
  readonly whole: string;
  readonly part: string;
  /** The known name that was most likely meant. */
  readonly nearest?: (name: string) => string | null;
};

const shownCharacters = 60;

/** What is wrong with a value, one entry for each field, of the issues that zod found in it. */
export function fieldProblems(issues: readonly z.core.$ZodIssue[], value: unknown, options: ProblemOptions): FieldProblem[] {
  return issues.map((issue) => {
    const field = issue.path.map(String).join(".");
    return { field, problem: sentence(issue, value, field, options) };
  });
}

function sentence(issue: z.core.$ZodIssue, value: unknown, field: string, { whole, part, nearest }: ProblemOptions): string {
  const place = field === "" ? whole : field;
  if (issue.code === "unrecognized_keys") {
    return issue.keys
      .map((key) => {
        const near = field === "" ? (nearest?.(key) ?? null) : null;
        const where = field === "" ? "" : ` in ${field}`;
        return `unknown ${part} ${quoted(key)}${where}${near === null ? "" : `; did you mean ${quoted(near)}?`}`;
      })
      .join("; ");
  }
  if (issue.code === "invalid_union") return unionSentence(issue, value, field, { whole, part });
  if (issue.code === "invalid_key") {
    const [first] = issue.issues;
    const owner = issue.path.slice(0, -1).map(String).join(".") || whole;
    return `${owner} cannot hold the key ${quoted(issue.path.at(-1))}: a key must be ${first === undefined ? "another" : wantedWords(first)}`;
  }
  const given = at(value, issue.path);
  const wanted = wantedWords(issue);
  if (given === undefined && field !== "") return `${place} is missing: ${wanted}`;
  if (hasOwnWords(issue)) return `${place} cannot be ${shown(given)}: ${wanted}`;
  return `${place} must be ${wanted}, not ${shown(given)}`;
}

/** What an issue asks for: `a whole number of at least 1`, `one of a, b`. */
function wantedWords(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return typeWords[issue.expected] ?? `of type ${issue.expected}`;
    case "invalid_value":
      return issue.values.length === 1 ? quoted(issue.values[0]) : `one of ${issue.values.map(bare).join(", ")}`;
    case "too_small":
      return sizeWords(issue.origin, Number(issue.minimum), issue.inclusive === false ? "more than" : "at least");
    case "too_big":
      return sizeWords(issue.origin, Number(issue.maximum), issue.inclusive === false ? "less than" : "at most");
    case "invalid_format":
      return formatWords(issue);
    case "not_multiple_of":
      return `a multiple of ${issue.divisor}`;
    case "invalid_key":
      return "an object with other keys";
    case "invalid_element":
      return "a collection of other values";
    case "unrecognized_keys":
      return `an object without ${issue.keys.join(", ")}`;
    case "invalid_union":
      return alternatives(issue.errors);
    case "custom":
      return issue.message;
  }
}

const typeWords: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "an object",
  record: "an object",
  null: "null",
};

function sizeWords(origin: string, size: number, relation: string): string {
  switch (origin) {
    case "string":
      return size === 1 && relation === "at least" ? "text that is not empty" : `text of ${relation} ${size} characters`;
    case "array":
    case "set":
      return `a list of ${relation} ${size} ${size === 1 ? "entry" : "entries"}`;
    case "int":
      return `a whole number of ${relation} ${size}`;
    default:
      return `a number of ${relation} ${size}`;
  }
}

/** A schema's own words on its form, else the name of the form. */
function formatWords(issue: z.core.$ZodIssueInvalidStringFormat): string {
  if (hasOwnWords(issue)) return issue.message;
  if (issue.format === "regex") return `text of the form ${issue.pattern ?? "it asks for"}`;
  return formatNames[issue.format] ?? `text of the form ${issue.format}`;
}

/** Whether the schema says itself what it takes. */
function hasOwnWords(issue: z.core.$ZodIssue): boolean {
  return issue.code === "custom" || (issue.code === "invalid_format" && !/^Invalid/.test(issue.message));
}

const formatNames: Readonly<Record<string, string>> = { url: "a URL", base64: "text in base64", datetime: "a moment (ISO 8601)" };

/** Where one alternative was clearly meant, what is wrong with that; else all of them. */
function unionSentence(issue: z.core.$ZodIssueInvalidUnion, value: unknown, field: string, options: ProblemOptions): string {
  const given = at(value, issue.path);
  const meant = issue.errors.filter((issues) => issues.every(({ path, code }) => path.length > 0 && code !== "unrecognized_keys"));
  const close = meant.filter((issues) => issues.some(({ path }) => at(given, path) !== undefined));
  const [only, ...others] = close.length > 0 ? close : meant;
  const first = only?.[0];
  if (first !== undefined && others.length === 0) {
    const inner = { ...first, path: [...issue.path, ...first.path] } as z.core.$ZodIssue;
    return sentence(inner, value, inner.path.map(String).join("."), options);
  }
  const place = field === "" ? options.whole : field;
  if (given === undefined && field !== "") return `${place} is missing: ${alternatives(issue.errors)}`;
  return `${place} must be ${alternatives(issue.errors)}, not ${shown(given)}`;
}

function alternatives(branches: readonly (readonly z.core.$ZodIssue[])[]): string {
  const words = branches.map((issues) => {
    const whole = issues.find(({ path, code }) => path.length === 0 && code !== "unrecognized_keys");
    if (whole !== undefined) return wantedWords(whole);
    const keys = [...new Set(issues.filter(({ path }) => path.length > 0).map(({ path }) => String(path[0])))];
    return keys.length === 0 ? "an object" : `an object with ${keys.join(" and ")}`;
  });
  return [...new Set(words)].join(" or ");
}

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((inner, key) => {
    if (typeof inner !== "object" || inner === null || !Object.hasOwn(inner, key)) return undefined;
    return (inner as Record<PropertyKey, unknown>)[key];
  }, value);
}

function bare(value: unknown): string {
  return typeof value === "string" && value !== "" ? value : quoted(value);
}

function quoted(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

/** The beginning of what was given, long enough to recognise it. */
function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (typeof value === "object" && value !== null) return "an object";
  const text = quoted(value);
  return text.length > shownCharacters ? `${[...text].slice(0, shownCharacters).join("")}…` : text;
}
