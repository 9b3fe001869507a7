import { type Document, isAlias, isMap, isNode, isScalar, LineCounter, type Node, parseDocument, visit, type YAMLMap } from "yaml";
import { z } from "zod";
import { type ConfigProblem, configBytesMax, configSchema, defaultConfig, type ParsedConfig } from "./config.ts";
import { expectedWords } from "./expected.ts";

export type ParseConfigOptions = {
  /** Finds the known key that an unknown one was probably meant to be, or null. */
  readonly nearest?: (word: string, candidates: readonly string[]) => string | null;
};
export type ParseConfig = (text: string, options?: ParseConfigOptions) => ParsedConfig;

/** What one reading knows. Problems are collected; nothing in here throws because of the text. */
type Reading = {
  readonly document: Document;
  readonly lines: LineCounter;
  readonly nearest: NonNullable<ParseConfigOptions["nearest"]>;
  readonly problems: ConfigProblem[];
};

/**
 * Reads the text of a `herma.yaml`. Never throws and evaluates nothing: a bad value is reported and replaced by its default, an unknown key is
 * reported and left out. A text that is no YAML gives only defaults, because its values may not mean what they seem to mean.
 */
export const parseConfig: ParseConfig = (text, options = {}) => {
  if (Buffer.byteLength(text) > configBytesMax)
    return unreadable(1, `the file is larger than ${configBytesMax} bytes`, "Nothing a config needs is that long.");
  const lines = new LineCounter();
  try {
    const document = parseDocument(text, {
      lineCounter: lines,
      schema: "core",
      merge: false,
      uniqueKeys: false,
      prettyErrors: false,
      logLevel: "error",
    });
    const reading: Reading = { document, lines, nearest: options.nearest ?? (() => null), problems: [] };
    const first = document.errors[0];
    if (first !== undefined)
      return unreadable(
        lineAt(reading, first.pos[0]),
        first.message.replace(/\.?\s*$/, ""),
        "Mend the YAML; until then every setting has its default.",
      );
    const strange = findStrangeness(reading);
    if (strange !== null) return strange;
    const given = readSection(reading, configSchema(), document.contents, []);
    return { config: configSchema().parse(given ?? {}), problems: reading.problems };
  } catch (error) {
    // Such as a text nested so deep that the library runs out of stack.
    return unreadable(
      1,
      `the file cannot be read (${error instanceof Error ? error.message : String(error)})`,
      "Begin with an empty file.",
    );
  }
};

function unreadable(line: number, message: string, hint: string): ParsedConfig {
  return { config: defaultConfig(), problems: [{ path: "", line, message, hint, severity: "error" }] };
}

/** Aliases let a short text stand for an endless one, and tags mean types of other programs; a config needs neither. */
function findStrangeness(reading: Reading): ParsedConfig | null {
  let found: ParsedConfig | null = null;
  visit(reading.document, {
    Node: (_key, node) => {
      const at = lineAt(reading, node.range?.[0]);
      if (isAlias(node)) found = unreadable(at, "aliases (*) are not used here", "Write the value out.");
      else if (node.tag !== undefined) found = unreadable(at, `tags (${node.tag}) are not used here`, "Write the plain value.");
      return found === null ? undefined : visit.BREAK;
    },
  });
  return found;
}

function lineAt(reading: Reading, offset: number | undefined): number {
  return Math.max(1, reading.lines.linePos(offset ?? 0).line);
}

/** The schema inside of defaults. */
function bare(schema: z.ZodType): z.ZodType {
  let inner = schema;
  while (inner instanceof z.ZodPrefault || inner instanceof z.ZodDefault) inner = inner.unwrap() as z.ZodType;
  return inner;
}

/** The good settings of a section, or null when it is no section at all. */
function readSection(reading: Reading, schema: z.ZodType, node: unknown, path: readonly string[]): Record<string, unknown> | null {
  const section = bare(schema);
  if (!(section instanceof z.ZodObject)) throw new Error(`${path.join(".")} is not a section of the schema`);
  if (node === null || (isScalar(node) && node.value === null)) return null;
  if (!isMap(node)) {
    tell(reading, path, node, {
      message: `${describe(node)} stands where keys are expected`,
      hint: `Known keys: ${Object.keys(section.shape).join(", ")}.`,
    });
    return null;
  }
  const given: Record<string, unknown> = {};
  const seen = new Set<string>();
  for (const { key, value } of (node as YAMLMap).items) {
    const name = isScalar(key) ? String(key.value) : String(key);
    const here = [...path, name];
    if (seen.has(name)) {
      tell(reading, here, key, { message: "the key stands here a second time", hint: "The first one counts; remove one of them." });
    } else if (Object.hasOwn(section.shape, name)) {
      readSetting(reading, section.shape[name] as z.ZodType, { key, value, path: here, into: given });
    } else {
      tellUnknown(reading, key, here, Object.keys(section.shape));
    }
    seen.add(name);
  }
  return given;
}

type Setting = { readonly key: unknown; readonly value: unknown; readonly path: readonly string[]; readonly into: Record<string, unknown> };

function readSetting(reading: Reading, schema: z.ZodType, { key, value, path, into }: Setting): void {
  const name = path.at(-1) ?? "";
  if (bare(schema) instanceof z.ZodObject) {
    const section = readSection(reading, schema, value, path);
    if (section !== null) into[name] = section;
    return;
  }
  const plain: unknown = isNode(value) ? value.toJS(reading.document) : value;
  const standard = JSON.stringify(schema.parse(undefined));
  if (plain === null || plain === undefined) {
    tell(reading, path, key, { message: "the key has no value", hint: `Its default, ${standard}, is used.`, severity: "warning" });
    return;
  }
  const result = schema.safeParse(plain);
  if (result.success) {
    into[name] = result.data;
    return;
  }
  for (const issue of result.error.issues.slice(0, 5)) {
    const inner = issue.path.reduce<unknown>(
      (node, step) => (isNode(node) && "get" in node ? (node as YAMLMap).get(step, true) : node),
      value,
    );
    const own = issue.code === "invalid_format" ? `; ${issue.message}` : "";
    const expected = expectedWords(bare(schema));
    tell(reading, [...path, ...issue.path.map(String)], inner ?? value ?? key, {
      message: `${describe(inner)} stands where ${expected} is expected${own}`,
      hint: `${quotedNumber(inner, expected) ? "Remove the quotes. " : ""}Its default is ${standard}.`,
    });
  }
}

function tellUnknown(reading: Reading, key: unknown, path: readonly string[], known: readonly string[]): void {
  const name = path.at(-1) ?? "";
  const meant = reading.nearest(name, known);
  const hint = meant === null ? `Known keys: ${known.join(", ")}.` : `Did you mean ${[...path.slice(0, -1), meant].join(".")}?`;
  tell(reading, path, key, { message: "this version knows no such key, so it does nothing", hint, severity: "warning" });
}

function tell(
  reading: Reading,
  path: readonly string[],
  at: unknown,
  problem: Pick<ConfigProblem, "message" | "hint"> & { severity?: "warning" },
): void {
  const offset = isNode(at) ? (at as Node).range?.[0] : undefined;
  reading.problems.push({ severity: "error", ...problem, path: path.join("."), line: lineAt(reading, offset) });
}

function describe(node: unknown): string {
  if (isMap(node)) return "a group of keys";
  if (!isScalar(node)) return isNode(node) ? "a list" : "nothing";
  const { value } = node;
  if (typeof value !== "string") return String(value);
  return `the text ${JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)}`;
}

function quotedNumber(node: unknown, expected: string): boolean {
  return isScalar(node) && typeof node.value === "string" && /^-?\d+(\.\d+)?$/.test(node.value) && expected.includes("number");
}
