import { join } from "node:path";
import { z } from "zod";
import { codeBlock, generatedFrom, tableOf } from "./markdown.ts";
import { chapters, type FileOnDisk, sharedShapes } from "./onDiskFiles.ts";
import { readSchemaDocs, type SchemaDoc } from "./schemaComments.ts";
import { schemaTable, shapeTitle } from "./schemaTable.ts";

type Docs = ReadonlyMap<z.ZodType, SchemaDoc>;

/** `docs/on-disk.md`. Throws when an example is not what its schema takes, or a schema of a file is on no page. */
export async function onDiskMarkdown(): Promise<string> {
  const docs = await readSchemaDocs(join(import.meta.dirname, "../.."));
  const files = chapters.flatMap((chapter) => chapter.files);
  demandWholeness(files, docs);
  const overview = tableOf(
    ["path in the home", "written by", "when", "mode"],
    files.map((file) => [
      file.path
        .split(", ")
        .map((path) => `\`${path}\``)
        .join(", "),
      file.writer,
      file.when,
      file.mode,
    ]),
  );
  const parts = chapters.map(({ title, about, files: own }) =>
    [`## ${title}`, about, ...own.map((file) => fileMarkdown(file, docs))].filter((part) => part !== "").join("\n\n"),
  );
  return `${generatedFrom("src/contract/disk and scripts/docs/onDiskFiles.ts")}

# The home on disk

The files are the truth, and an interface: every view of Herma reads them, and so may your tools. Read them, never write them.

- Every file has one writer. It is written once, replaced whole by a rename, or appended to; a reader never sees half of a JSON file.
- JSON files are UTF-8, keys are in snake_case, and \`format\` is their version. Readers pass over keys they do not know.
- A *moment* is text: ISO 8601 in UTC with milliseconds, ending in \`+00:00\`. Milliseconds, seconds and bytes stand in the names of their keys.
- A pid alone identifies nothing: a program is identified by boot, pid and start time together.
- A file that is not what its format says is set aside as \`<name>.corrupt\`, and reported.
- Files are 0600 and folders 0700 unless the table says otherwise.

${overview}

${parts.join("\n\n")}

## Shapes that stand in several files

${sharedShapes.map((shape) => shapeMarkdown(shape, docs)).join("\n\n")}
`;
}

function shapeMarkdown(shape: z.ZodObject, docs: Docs): string {
  const doc = docs.get(shape);
  if (doc === undefined) throw new Error("a shared shape is not exported from the contract");
  return `### ${shapeTitle(doc.name)}\n\n${doc.about.replaceAll("\n", " ")}\n\n${schemaTable(shape, docs, new Set(sharedShapes))}`;
}

function fileMarkdown(file: FileOnDisk, docs: Docs): string {
  const parts = [
    `### ${file.path
      .split(", ")
      .map((path) => `\`${path}\``)
      .join(", ")}`,
  ];
  const about = file.schema === undefined ? "" : (docs.get(file.schema)?.about ?? "");
  // Each of these comments begins with the name of the file, which the heading has just said.
  if (about !== "")
    parts.push(
      about.replace(/^`[^`]*`(?:, and [^:]*| and `[^`]*`)?: (.)/, (_all, first: string) => first.toUpperCase()).replaceAll("\n", " "),
    );
  if (file.about !== undefined) parts.push(file.about);
  if (file.schema !== undefined) parts.push(schemaTable(file.schema, docs, new Set(sharedShapes)));
  if (file.example !== undefined) parts.push(codeBlock(JSON.stringify(file.example, null, 2), "json"));
  return parts.join("\n\n");
}

function demandWholeness(files: readonly FileOnDisk[], docs: Docs): void {
  for (const file of files) {
    if (file.schema === undefined) continue;
    if (file.example === undefined) throw new Error(`${file.path} has no example`);
    const result = file.schema.safeParse(file.example);
    if (!result.success) throw new Error(`the example of ${file.path} is not what its schema takes: ${z.prettifyError(result.error)}`);
  }
  const shown = new Set(files.map((file) => file.schema));
  for (const [schema, doc] of docs) {
    if (doc.name.endsWith("File") && schema instanceof z.ZodObject && !shown.has(schema))
      throw new Error(`${doc.name} is not in scripts/docs/onDiskFiles.ts`);
  }
}
