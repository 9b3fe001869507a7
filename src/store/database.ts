import type { DatabaseSync, StatementSync } from "node:sqlite";
import { type Compilable, DummyDriver, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from "kysely";
import { HermaError } from "../contract/index.ts";
import { busyMsDefault, type Opened, openDatabase, type Place } from "./openDatabase.ts";
import type { Tables } from "./schema.ts";
import { isResult, storeFault, whileBusy } from "./sqlite.ts";

/** Writes queries, typed by the tables. It runs none: node:sqlite does, synchronously. */
export const queries: Kysely<Tables> = new Kysely<Tables>({
  dialect: {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (database) => new SqliteIntrospector(database),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  },
});

type Value = string | number | null;
type Doing = "read" | "write" | "close";

/** Some versions of Node.js 24 read a text only up to its first NUL, so it is stored as what a reader would be shown for it anyway. */
function withoutNul(value: Value): Value {
  return typeof value === "string" && value.includes("\0") ? value.replaceAll("\0", "\u{fffd}") : value;
}

/** Prepared statements that are kept. Queries differ only by how many values a list has, so there are few. */
const statementsMax = 200;

/** The connection of one program to the database. Every method throws `HermaError`. */
export class Database {
  readonly #place: Place;
  #opened: Opened;
  #open = true;
  readonly #statements = new Map<string, StatementSync>();
  #inTransaction = false;
  /** What another program has locked for longer than we wait for it, until it goes through again. */
  readonly #lockedOut = new Set<Doing>();
  /** Rows changed by the transaction under way. */
  #changes = 0;
  /** Called after every commit that has changed something, and when another file stands in the place of the old one. */
  committed: () => void = () => {};

  constructor(place: Place) {
    this.#place = place;
    this.#opened = openDatabase(place);
  }

  all<Row>(query: Compilable<Row>): Row[] {
    return this.#run("read", query, (statement, values) => statement.all(...values) as Row[]);
  }

  first<Row>(query: Compilable<Row>): Row | undefined {
    return this.#run("read", query, (statement, values) => statement.get(...values) as Row | undefined);
  }

  /** Returns how many rows changed and the number of the row inserted last. */
  write(query: Compilable<unknown>): { readonly changes: number; readonly lastId: number } {
    const result = this.#run("write", query, (statement, values) => statement.run(...values));
    if (this.#inTransaction) this.#changes += Number(result.changes);
    else if (result.changes !== 0) this.committed();
    return { changes: Number(result.changes), lastId: Number(result.lastInsertRowid) };
  }

  /** A number that changes when another connection has changed the database. */
  otherChanges(): number {
    return this.#guard("read", () => (this.#prepare("PRAGMA data_version").get() as { data_version: number }).data_version);
  }

  /** See `Store.transaction`. */
  transaction<T>(work: () => T): T {
    if (this.#inTransaction) throw new HermaError("INTERNAL", "a transaction within a transaction");
    this.#guard("write", () => {
      this.#demandOurFile();
      this.#prepare("BEGIN IMMEDIATE").run();
    });
    this.#inTransaction = true;
    this.#changes = 0;
    let result: T;
    try {
      result = work();
      // The steps after its first `await` would run outside the transaction.
      if (result instanceof Promise) throw new HermaError("INTERNAL", "a transaction cannot wait for something");
      this.#guard("write", () => this.#prepare("COMMIT").run());
    } catch (error) {
      this.#inTransaction = false;
      // After some failures SQLite has done so already.
      if (this.#opened.database.isTransaction) this.#guard("write", () => this.#prepare("ROLLBACK").run());
      throw error;
    }
    this.#inTransaction = false;
    // Listeners read the database when they are told of a change, and reading must not count as a change.
    if (this.#changes > 0) this.committed();
    return result;
  }

  /** Several steps as one: in the transaction under way, or one of its own. */
  whole<T>(steps: () => T): T {
    return this.#inTransaction ? steps() : this.transaction(steps);
  }

  /** Idempotent. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#statements.clear();
    this.#guard("close", () => this.#opened.database.close());
  }

  #run<T>(doing: Doing, query: Compilable<unknown>, run: (statement: StatementSync, values: readonly Value[]) => T): T {
    const { sql, parameters } = query.compile();
    return this.#guard(doing, () => {
      if (!this.#inTransaction) this.#demandOurFile();
      return run(this.#prepare(sql), (parameters as readonly Value[]).map(withoutNul));
    });
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      if (this.#statements.size >= statementsMax) this.#statements.clear();
      statement = this.#handle().prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #handle(): DatabaseSync {
    if (!this.#open) throw new HermaError("INTERNAL", "the store is closed");
    return this.#opened.database;
  }

  /**
   * Somebody may have moved the file away, or put another there. SQLite would go on with the old one, and what is stored would be seen by
   * nobody and gone with this program.
   */
  #demandOurFile(): void {
    const { file } = this.#opened;
    if (file === null) return;
    const now = this.#place.system.files.stat(this.#place.path);
    if (now !== null && now.ino === file.ino && now.dev === file.dev) return;
    const old = this.#handle();
    // It is closed already when opening the new one failed the last time.
    if (old.isOpen) old.close();
    this.#statements.clear();
    this.#opened = openDatabase(this.#place);
    this.committed();
  }

  /**
   * Waits for other programs, once in full: the wait stands still with all that this program does, and where one holds its lock for long
   * (somebody's shell on the database), each of many would wait anew. From then on the first failure counts, until something goes through.
   */
  #guard<T>(doing: Doing, act: () => T): T {
    try {
      // Within a transaction everything is ours.
      if (this.#inTransaction) return act();
      const result = whileBusy(this.#lockedOut.has(doing) ? 0 : (this.#place.busyMs ?? busyMsDefault), act);
      this.#lockedOut.delete(doing);
      return result;
    } catch (error) {
      if (isResult(error, "busy")) this.#lockedOut.add(doing);
      throw storeFault(doing, this.#place.path, error);
    }
  }
}
