import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { generatedFrom, PageFaults, tableOf } from "./markdown.ts";
import { readTaggedTests, type TaggedTest } from "./testTags.ts";

const root = join(import.meta.dirname, "../..");
const rowsFile = "docs/parity/rows.json";

/** One thing that the original does, one of its defects, one decision, or one bug that others had. */
const Row = z.strictObject({
  /** As tests name it: `P35`, `defect 6.1.4`, `compat 12`, `peer 9`. */
  id: z.string().regex(/^(?:[HFDSPWNT]\d{1,2}|defect 6\.[1-5]\.\d{1,2}|compat \d{1,2}|peer \d{1,2})$/),
  title: z.string().min(1),
  /** `same` and `mended` need a test that shows it; `planned` may have one, when it has begun. */
  status: z.enum(["same", "mended", "not taken", "planned"]),
  /** How it is mended, why it is not taken, what is still missing. */
  note: z.string().min(1).optional(),
});
export type Row = z.infer<typeof Row>;

type Section = { readonly title: string; readonly of: RegExp };
const parity: readonly Section[] = [
  { title: "Process registry: numbers", of: /^P1?\d$/ },
  { title: "Process registry: behaviour", of: /^P[2-9]\d$/ },
  { title: "Watches", of: /^W/ },
  { title: "Texts of notices", of: /^N/ },
  { title: "The process tool", of: /^T/ },
  { title: "Gateway status", of: /^S/ },
  { title: "Drain", of: /^D/ },
  { title: "Forensics of a shutdown", of: /^F/ },
  { title: "Health", of: /^H/ },
  { title: "Decisions where the original is unclear, faulty or in our way", of: /^compat/ },
  { title: "Defects of the process registry", of: /^defect 6\.1/ },
  { title: "Defects of the gateway status", of: /^defect 6\.2/ },
  { title: "Defects of the forensics", of: /^defect 6\.3/ },
  { title: "Defects of the drain", of: /^defect 6\.4/ },
  { title: "Defects of the health answer", of: /^defect 6\.5/ },
];
const peers: readonly Section[] = [{ title: "", of: /^peer/ }];

/** `docs/hermes-parity.md`. Throws PageFaults. */
export function parityMarkdown(): string {
  const { rows, tests } = readParity();
  return `${generatedFrom(`${rowsFile} and the tags of tests`)}

# Parity with the Hermes gateway

What the original does, row by row, what we do about it, and the tests that show it. *same*: a reader of its files or a caller of its tools
sees no difference. *mended*: the same purpose, kept better. *not taken*: left out on purpose. *planned*: not here yet, or not all of it; tests may
show that it has begun.

${countsOf(rows.filter((row) => !row.id.startsWith("peer")))}

${parity.map((section) => sectionOf(section, rows, tests, statusOf)).join("\n\n")}

${howTo}
`;
}

/** `docs/peer-regressions.md`. Throws PageFaults. */
export function peerRegressionsMarkdown(): string {
  const { rows, tests } = readParity();
  return `${generatedFrom(`${rowsFile} and the tags of tests`)}

# Bugs that others had

Programs of this kind have been bitten by these. Each that is *guarded* has a test here that fails when it comes back.

${peers.map((section) => sectionOf(section, rows, tests, (row) => (row.status === "mended" ? "guarded" : row.status))).join("\n\n")}

${howTo}
`;
}

const howTo = `## How this page is kept true

The rows stand in [${rowsFile}](parity/rows.json). A test says in its title, or in a comment, which rows it shows: \`[P35]\`,
\`[defect 6.1.4]\`, \`[W7, peer 24]\`. \`npm run docs -- --check\` fails when a row that is the same or mended has no such test, or when a test
names a row that is not there.`;

function readParity(): { rows: readonly Row[]; tests: readonly TaggedTest[] } {
  const rows = z.array(Row).parse(JSON.parse(readFileSync(join(root, rowsFile), "utf8")));
  const tests = readTaggedTests(root);
  const faults = parityFaults(rows, tests);
  if (faults.length > 0) throw new PageFaults(faults.join("\n"));
  return { rows, tests };
}

/** What is wrong with the table and the tags, one line each. */
export function parityFaults(rows: readonly Row[], tests: readonly TaggedTest[]): string[] {
  const faults: string[] = [];
  const ids = new Set<string>();
  for (const { id } of rows) {
    if (ids.has(id)) faults.push(`${rowsFile}: ${id} stands there twice`);
    ids.add(id);
    if (![...parity, ...peers].some((section) => section.of.test(id))) faults.push(`${rowsFile}: ${id} belongs to no section`);
  }
  const shown = new Set(tests.flatMap((test) => test.tags));
  for (const { id, status, note } of rows) {
    if ((status === "same" || status === "mended") && !shown.has(id)) faults.push(`${rowsFile}: ${id} is ${status}, and no test shows it`);
    if (status === "not taken" && note === undefined) faults.push(`${rowsFile}: ${id} is not taken, and nothing says why`);
  }
  for (const { file, title, tags, broken } of tests) {
    for (const tag of tags) if (!ids.has(tag)) faults.push(`${file}: "${title}" names ${tag}, which is no row of ${rowsFile}`);
    for (const text of broken) faults.push(`${file}: "${title}" has ${text}, which cannot be read as a tag`);
  }
  return faults;
}

function countsOf(rows: readonly Row[]): string {
  const count = (status: Row["status"]): string => `${rows.filter((row) => row.status === status).length} ${status}`;
  return `${rows.length} rows: ${count("same")}, ${count("mended")}, ${count("not taken")}, ${count("planned")}.`;
}

function sectionOf(section: Section, rows: readonly Row[], tests: readonly TaggedTest[], status: (row: Row) => string): string {
  const cells = rows
    .filter((row) => section.of.test(row.id))
    .map((row) => [row.id, row.title, status(row), row.note ?? "", testsOf(row, tests)]);
  const table = tableOf(["row", "what", "status", "how, or why not", "shown by"], cells);
  return section.title === "" ? table : `## ${section.title}\n\n${table}`;
}

function statusOf(row: Row): string {
  return row.status;
}

/** Tests of a file stand together, so that the cell names each file once. */
function testsOf(row: Row, tests: readonly TaggedTest[]): string {
  const byFile = new Map<string, string[]>();
  for (const test of tests) if (test.tags.includes(row.id)) byFile.set(test.file, [...(byFile.get(test.file) ?? []), test.title]);
  return [...byFile].map(([file, titles]) => `[${nameOf(file)}](../${file}): ${titles.map(plain).join("; ")}`).join("<br>");
}

function nameOf(file: string): string {
  return file.replace(/^.*\//, "").replace(/(?:\.test)?\.ts$/, "");
}

/** A title as text: nothing in it is Markdown or HTML. */
function plain(title: string): string {
  return title.replace(/[\\`*_[\]<>]/g, (character) => `\\${character}`);
}
