import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Comment, parseSync } from "oxc-parser";
import { z } from "zod";

/** What the source says about an exported schema: its own comment, and that of each key (`keeper.generation` for keys further in). */
export type SchemaDoc = { readonly name: string; readonly about: string; readonly keys: ReadonlyMap<string, string> };

// The parts of the syntax tree that are looked at here.
type Node = { type: string; start: number; end: number; [key: string]: unknown };
type Property = Node & { key: Node & { name?: string; value?: string }; value: Node };

/**
 * Reads the doc comments of every exported zod schema of the contract, by schema. The comment at a key is the one source of its meaning: it
 * is what a reader of the code sees, and what the page about the file says. `more`: files besides, relative to `root`.
 */
export async function readSchemaDocs(root: string, more: readonly string[] = []): Promise<ReadonlyMap<z.ZodType, SchemaDoc>> {
  const docs = new Map<z.ZodType, SchemaDoc>();
  const byName = new Map<string, SchemaDoc>();
  const contract = globSync("src/contract/**/*.ts", { cwd: root, exclude: (name) => name.endsWith(".test.ts") }).sort();
  for (const path of [...contract, ...more]) {
    const module = (await import(pathToFileURL(join(root, path)).href)) as Record<string, unknown>;
    for (const doc of docsOfFile(path, readFileSync(join(root, path), "utf8"), byName)) {
      const schema = module[doc.name];
      byName.set(doc.name, doc);
      // The first name of a schema is its own; others that stand for the same one come later and say less.
      if (schema instanceof z.ZodType && !docs.has(schema)) docs.set(schema, doc);
    }
  }
  return docs;
}

/** The exported constants of a file with their comments. `known`: those of files read before, for schemas that extend another. */
export function docsOfFile(path: string, source: string, known: ReadonlyMap<string, SchemaDoc> = new Map()): SchemaDoc[] {
  const parsed = parseSync(path, source);
  const found: SchemaDoc[] = [];
  for (const statement of parsed.program.body as unknown as Node[]) {
    if (statement.type !== "ExportNamedDeclaration") continue;
    const declaration = statement.declaration as (Node & { declarations?: { id: { name?: string }; init: Node | null }[] }) | null;
    for (const { id, init } of declaration?.declarations ?? []) {
      if (id.name === undefined || init === null) continue;
      const docOf = (name: string | undefined) => [...found, ...known.values()].find((doc) => doc.name === name);
      const keys = new Map(docOf(baseOf(init))?.keys);
      collectKeys(init, "", { source, comments: parsed.comments, keys, docOf });
      found.push({ name: id.name, about: commentBefore(source, parsed.comments, statement.start), keys });
    }
  }
  return found;
}

type Collecting = {
  readonly source: string;
  readonly comments: readonly Comment[];
  readonly keys: Map<string, string>;
  readonly docOf: (name: string | undefined) => SchemaDoc | undefined;
};
type Chain = Node & { object?: Chain; callee?: Chain; property?: { name?: string }; name?: string; arguments?: Chain[] };

/** `Base` of `Base.extend({…})`, and of `z.strictObject(Base.shape)`. */
function baseOf(init: Chain): string | undefined {
  const [argument] = init.arguments ?? [];
  if (argument?.property?.name === "shape") return argument.object?.name;
  return init.callee?.object?.type === "Identifier" ? init.callee.object.name : undefined;
}

/** The comment at the key that `Base.shape.key`, `Base.shape.key.nullable()` and the like take over. */
function takenOver(value: Chain, docOf: Collecting["docOf"]): string | undefined {
  if (value.type === "CallExpression") return value.callee?.object === undefined ? undefined : takenOver(value.callee.object, docOf);
  const base = value.object?.property?.name === "shape" ? value.object.object?.name : undefined;
  return base === undefined ? undefined : docOf(base)?.keys.get(value.property?.name ?? "");
}

/** Walks `z.object({…}).nullable()` and the like down to the object literals, and those inside of them. */
function collectKeys(node: Node, prefix: string, collecting: Collecting): void {
  if (node.type !== "CallExpression") return;
  const { callee, arguments: args } = node as unknown as { callee: Node & { object?: Node }; arguments: Node[] };
  if (callee.object !== undefined) collectKeys(callee.object, prefix, collecting);
  for (const argument of args) {
    collectKeys(argument, prefix, collecting);
    // The choices of a union have their keys in the same place.
    if (argument.type === "ArrayExpression") for (const element of argument.elements as Node[]) collectKeys(element, prefix, collecting);
    if (argument.type !== "ObjectExpression") continue;
    for (const property of argument.properties as Property[]) {
      if (property.type !== "Property") continue;
      const name = `${prefix}${property.key.name ?? property.key.value ?? ""}`;
      const own = commentBefore(collecting.source, collecting.comments, property.start);
      const comment = own === "" ? (takenOver(property.value, collecting.docOf) ?? "") : own;
      if (comment !== "") collecting.keys.set(name, comment);
      collectKeys(property.value, `${name}.`, collecting);
    }
  }
}

/** The doc comment that ends right before `at`, without its stars; `""` when there is none. */
function commentBefore(source: string, comments: readonly Comment[], at: number): string {
  const comment = comments.findLast((candidate) => candidate.end <= at);
  if (comment === undefined || comment.type !== "Block" || !comment.value.startsWith("*")) return "";
  if (source.slice(comment.end, at).trim() !== "") return "";
  return comment.value
    .slice(1)
    .split("\n")
    .map((line) => line.replace(/^\s*\*? ?/, "").trimEnd())
    .join("\n")
    .replace(/\{@link (\w+)\}/g, "`$1`")
    .trim();
}
