import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../../test/setup/folders.ts";
import { nodeSystem } from "../system/index.ts";
import { openStore } from "./index.ts";
import { migrate, migrations } from "./migrations.ts";
import { tableWords } from "./schema.ts";
import { newNotice } from "./testing/things.ts";

function open(path = ":memory:"): DatabaseSync {
  const database = new DatabaseSync(path);
  onTestFinished(() => {
    if (database.isOpen) database.close();
  });
  return database;
}

const version = (database: DatabaseSync) => database.prepare("PRAGMA user_version").get()?.user_version;
const schema = (database: DatabaseSync) => database.prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name").all();

test("the tables are those that queries and the documentation speak of", () => {
  const database = open();
  migrate(database, ":memory:");
  for (const [table, words] of Object.entries(tableWords)) {
    const columns = database.prepare("SELECT name FROM pragma_table_info(?) ORDER BY cid").all(table);
    expect(
      columns.map((column) => column.name),
      table,
    ).toEqual(Object.keys(words.columns));
  }
  expect(schema(database).filter((row) => row.type === "table" && !String(row.name).startsWith("sqlite_"))).toHaveLength(
    Object.keys(tableWords).length,
  );
});

test("every older version, and nothing at all, becomes the newest and works", () => {
  const newest = open();
  migrate(newest, ":memory:");
  for (let older = 0; older <= migrations.length; older += 1) {
    const home = temporaryFolder();
    const before = open(join(home, "herma.db"));
    migrate(before, home, migrations.slice(0, older));
    expect(version(before)).toBe(older);
    before.close();
    const store = openStore({ home, system: nodeSystem() });
    store.notices.add(newNotice(1), "once");
    expect(store.notices.claim({ claimant: "a", limit: 1, leaseMs: 1000 })).toHaveLength(1);
    store[Symbol.dispose]();
    const after = open(join(home, "herma.db"));
    expect(version(after)).toBe(migrations.length);
    expect(schema(after)).toEqual(schema(newest));
    after.close();
  }
});

/** Changing a migration that was released would leave databases of two forms that both say they are of that version. */
test("what was released has not changed", () => {
  const released: readonly string[] = [];
  const digests = migrations.map((migration) => createHash("sha256").update(migration.sql.replace(/\s+/g, " ")).digest("hex").slice(0, 16));
  expect(digests.slice(0, released.length)).toEqual(released);
});

const three = [
  { about: "one", sql: "CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (1), (2);" },
  { about: "two", sql: "ALTER TABLE a ADD COLUMN y TEXT NOT NULL DEFAULT 'old';" },
  { about: "three", sql: "CREATE TABLE b AS SELECT x + 1 AS z FROM a; DROP TABLE a;" },
];

test("rows go along, step by step", () => {
  const database = open();
  migrate(database, "x", three.slice(0, 1));
  migrate(database, "x", three.slice(0, 2));
  expect(database.prepare("SELECT x, y FROM a").all()).toEqual([
    { x: 1, y: "old" },
    { x: 2, y: "old" },
  ]);
  migrate(database, "x", three);
  migrate(database, "x", three);
  expect(database.prepare("SELECT z FROM b").all()).toEqual([{ z: 2 }, { z: 3 }]);
  expect(version(database)).toBe(3);
});

test("a step that fails leaves the version before it, whole", () => {
  const database = open();
  const broken = [three[0]!, { about: "broken", sql: "CREATE TABLE half (x INTEGER); DELETE FROM a; CREATE TABLE a (x INTEGER);" }];
  expect(() => migrate(database, "x", broken)).toThrow(/already exists/);
  expect(version(database)).toBe(1);
  expect(database.prepare("SELECT count(*) AS count FROM a").get()).toEqual({ count: 2 });
  expect(schema(database)).toHaveLength(1);
  migrate(database, "x", three);
  expect(version(database)).toBe(3);
});

test("a newer version is refused with what to do, and not touched", () => {
  const home = temporaryFolder();
  const path = join(home, "herma.db");
  const newer = open(path);
  migrate(newer, path, [...migrations, { about: "of the future", sql: "CREATE TABLE future (x INTEGER);" }]);
  newer.close();
  const bytes = readFileSync(path);
  expect(() => openStore({ home, system: nodeSystem() })).toThrow(
    expect.objectContaining({ code: "HOME_NEWER", message: expect.stringContaining(`version ${migrations.length + 1}`) }),
  );
  const seen = open(path);
  expect(version(seen)).toBe(migrations.length + 1);
  seen.close();
  expect(readFileSync(path).subarray(100)).toEqual(bytes.subarray(100));
});

test.each([
  ["without a version", "CREATE TABLE theirs (x INTEGER)"],
  ["with a version of its own", "CREATE TABLE theirs (x INTEGER); PRAGMA user_version = 1"],
  ["with a name of its own", "PRAGMA application_id = 7; PRAGMA user_version = 1"],
])("a database of some other program is left alone: %s", (_what, sql) => {
  const home = temporaryFolder();
  const theirs = open(join(home, "herma.db"));
  theirs.exec(sql);
  const before = schema(theirs);
  theirs.close();
  expect(() => openStore({ home, system: nodeSystem() })).toThrow(expect.objectContaining({ code: "FILE_CORRUPT" }));
  expect(schema(open(join(home, "herma.db")))).toEqual(before);
});
