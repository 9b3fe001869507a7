import { z } from "zod";
import { expectedWords } from "../../src/contract/expected.ts";
import { Timestamp } from "../../src/contract/index.ts";
import { tableOf } from "./markdown.ts";
import type { SchemaDoc } from "./schemaComments.ts";

type Docs = ReadonlyMap<z.ZodType, SchemaDoc>;

/**
 * A schema as a table of its keys, those of objects inside of it too: `keeper.generation`. Objects of `shared` schemas are linked instead of
 * shown again. Throws when of some key nothing is said.
 */
export function schemaTable(schema: z.ZodObject, docs: Docs, shared: ReadonlySet<z.ZodType> = new Set()): string {
  const rows = rowsOf(schema, { docs, shared }, { prefix: "", owner: docs.get(schema), inOwner: "" });
  const silent = rows.filter((row) => row[2] === "").map((row) => row[0]);
  if (silent.length > 0) throw new Error(`${docs.get(schema)?.name ?? "a schema"}: no doc comment at ${silent.join(", ")}`);
  return tableOf(["key", "type", "meaning"], rows);
}

type Knowledge = { readonly docs: Docs; readonly shared: ReadonlySet<z.ZodType> };

/** Where a row stands: its whole key, and whose comments are about it. */
type Place = { readonly prefix: string; readonly owner: SchemaDoc | undefined; readonly inOwner: string };

function rowsOf(schema: z.ZodObject, known: Knowledge, place: Place): string[][] {
  const rows: string[][] = [];
  for (const [key, value] of Object.entries(schema.shape)) {
    const { inner, notes } = opened(value as z.ZodType);
    const element = inner instanceof z.ZodArray ? opened(inner.element as z.ZodType).inner : null;
    const object = [inner, element].find((candidate) => candidate instanceof z.ZodObject) as z.ZodObject | undefined;
    const path = `${place.prefix}${key}`;
    rows.push([`\`${path}\``, [typeOf(inner, element, known), ...notes].join(", "), meaningOf(key, inner, known.docs, place)]);
    if (object === undefined || known.shared.has(object)) continue;
    const own = known.docs.get(object);
    const prefix = element === null ? `${path}.` : `${path}[].`;
    rows.push(
      ...rowsOf(
        object,
        known,
        own === undefined ? { prefix, owner: place.owner, inOwner: `${place.inOwner}${key}.` } : { prefix, owner: own, inOwner: "" },
      ),
    );
  }
  return rows;
}

/** What is said at the key, else at the schema it takes. */
function meaningOf(key: string, inner: z.ZodType, docs: Docs, place: Place): string {
  const own = place.owner?.keys.get(`${place.inOwner}${key}`);
  if (own !== undefined) return own;
  if (key === "format") return "Version of the file's format. A reader that does not know it leaves the file alone.";
  return inner === Timestamp ? "" : (docs.get(inner)?.about ?? "");
}

function typeOf(inner: z.ZodType, element: z.ZodType | null, { docs, shared }: Knowledge): string {
  const object = element ?? inner;
  const link = shared.has(object) ? shapeLink(docs.get(object)?.name ?? "") : "object";
  if (inner === Timestamp) return "moment";
  if (inner instanceof z.ZodObject) return link;
  if (element instanceof z.ZodObject) return `list (each ${link})`;
  return expectedWords(inner);
}

/** A link to the part of the page that shows a shared shape. */
function shapeLink(name: string): string {
  return `[${shapeTitle(name)}](#${shapeTitle(name).replaceAll(" ", "-")})`;
}

/** `TerminalSize` as words. */
export function shapeTitle(name: string): string {
  return name.replace(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter}`).toLowerCase();
}

/** A schema without what wraps it, and what the wrapping says. */
function opened(schema: z.ZodType): { inner: z.ZodType; notes: string[] } {
  const notes: string[] = [];
  let inner = schema;
  for (;;) {
    if (inner instanceof z.ZodOptional) notes.push("may be absent");
    else if (inner instanceof z.ZodNullable) notes.push("or null");
    else if (inner instanceof z.ZodDefault) notes.push("has a default");
    else return { inner, notes };
    inner = inner.unwrap() as z.ZodType;
  }
}
