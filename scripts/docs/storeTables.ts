import { DatabaseSync } from "node:sqlite";
import { migrate, migrations } from "../../src/store/migrations.ts";
import { tableWords } from "../../src/store/schema.ts";
import { tableOf } from "./markdown.ts";

export type StoreColumn = { readonly name: string; readonly type: string; readonly key: boolean; readonly nullable: boolean };

/** The tables of `herma.db` as its migrations make them, asked of SQLite, by name in the order they are made. */
export function storeColumns(): Map<string, readonly StoreColumn[]> {
  const database = new DatabaseSync(":memory:");
  try {
    migrate(database, ":memory:");
    const names = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY rowid").all();
    return new Map(names.map(({ name }) => [String(name), columnsOf(database, String(name))]));
  } finally {
    database.close();
  }
}

function columnsOf(database: DatabaseSync, table: string): StoreColumn[] {
  return database
    .prepare('SELECT name, type, pk, "notnull" AS required FROM pragma_table_info(?) ORDER BY cid')
    .all(table)
    .map((row) => ({ name: String(row.name), type: String(row.type), key: row.pk !== 0, nullable: row.pk === 0 && row.required === 0 }));
}

/** A heading and a table for each table. Throws when src/store/schema.ts has no words for a column, or words for none. */
export function storeTablesMarkdown(): string {
  const tables = storeColumns();
  const words: Record<string, { about: string; columns: Record<string, string> }> = tableWords;
  demandSame("tables of herma.db", [...tables.keys()], Object.keys(words));
  const parts = [...tables].map(([name, columns]) => {
    const { about, columns: meanings } = words[name]!;
    const names = columns.map((column) => column.name);
    demandSame(`columns of ${name}`, names, Object.keys(meanings));
    const rows = columns.map((column) => [
      `\`${column.name}\`${column.key ? " (key)" : ""}`,
      `${column.type.toLowerCase()}${column.nullable ? " or null" : ""}`,
      meanings[column.name] ?? "",
    ]);
    return `#### Table \`${name}\`\n\n${about}\n\n${tableOf(["column", "type", "meaning"], rows)}`;
  });
  return `Version ${migrations.length} (\`PRAGMA user_version\`).\n\n${parts.join("\n\n")}`;
}

function demandSame(what: string, made: readonly string[], told: readonly string[]): void {
  if (JSON.stringify(made) !== JSON.stringify(told)) {
    throw new Error(`${what}: the migrations make ${made.join(", ")}, and schema.ts tells of ${told.join(", ")}`);
  }
}
