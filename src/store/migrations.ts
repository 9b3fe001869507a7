import type { DatabaseSync } from "node:sqlite";
import { HermaError } from "../contract/index.ts";

/**
 * What makes the database of one version from that of the version before. A migration that was released never changes: databases that it
 * made are out there. A new one goes to the end of the list, and leaves what is there as the version before needs it: a gateway of that
 * version may have the database open for weeks, and goes on.
 */
export type Migration = { readonly about: string; readonly sql: string };

export const migrations: readonly Migration[] = [
  {
    about: "interest, watches, scans, readers, notices",
    sql: `
      CREATE TABLE interest (
        process_id TEXT NOT NULL PRIMARY KEY,
        session TEXT,
        task TEXT,
        notify_on_complete INTEGER NOT NULL CHECK (notify_on_complete IN (0, 1)),
        wake TEXT NOT NULL CHECK (json_valid(wake)),
        heartbeat_seconds REAL,
        purpose TEXT,
        route TEXT CHECK (route IS NULL OR json_valid(route))
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE watch (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        process_id TEXT NOT NULL,
        rule TEXT NOT NULL CHECK (json_valid(rule)),
        "from" INTEGER NOT NULL,
        state TEXT NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'matched', 'disabled')),
        hits INTEGER NOT NULL DEFAULT 0,
        deliveries INTEGER NOT NULL DEFAULT 0,
        last_match INTEGER
      ) STRICT;
      CREATE INDEX watch_by_process ON watch (process_id);
      CREATE TABLE scan (
        process_id TEXT NOT NULL PRIMARY KEY,
        offset INTEGER NOT NULL,
        state TEXT NOT NULL CHECK (json_valid(state))
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE breaker (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        state TEXT NOT NULL CHECK (json_valid(state))
      ) STRICT;
      CREATE TABLE reader (
        process_id TEXT NOT NULL,
        reader TEXT NOT NULL,
        acknowledged INTEGER NOT NULL,
        PRIMARY KEY (process_id, reader)
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE notice (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        once TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        process_id TEXT,
        session TEXT,
        task TEXT,
        generation TEXT NOT NULL,
        weight TEXT NOT NULL CHECK (weight IN ('turn', 'context')),
        created_at TEXT NOT NULL,
        data TEXT NOT NULL CHECK (json_valid(data)),
        text TEXT NOT NULL,
        state TEXT NOT NULL DEFAULT 'stored' CHECK (state IN ('stored', 'claimed', 'delivered', 'consumed', 'dead')),
        attempts INTEGER NOT NULL DEFAULT 0,
        claimed_by TEXT,
        claimed_until TEXT,
        lease_ms INTEGER,
        delivered_at TEXT,
        consumed_at TEXT,
        changed_at_ms INTEGER NOT NULL,
        reason TEXT,
        CHECK ((state = 'claimed') = (claimed_until IS NOT NULL))
      ) STRICT;
      CREATE INDEX notice_by_process ON notice (process_id);
      CREATE INDEX notice_undelivered ON notice (seq) WHERE state IN ('stored', 'claimed');
      CREATE TABLE told (
        once TEXT NOT NULL PRIMARY KEY,
        process_id TEXT,
        kind TEXT NOT NULL,
        at_ms INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX told_by_process ON told (process_id, kind);
    `,
  },
];

/** In the file's header: "Herm". It tells our databases from those of other programs. */
const applicationId = 0x4865726d;

/**
 * Brings a database to the newest version, from any older one or from nothing; each step is a transaction, so a crash leaves a whole older
 * version. Several programs may do it at once. Throws `HOME_NEWER` for a version that is not in the list, `FILE_CORRUPT` for a database
 * of some other program, and SQLite's own errors.
 */
export function migrate(database: DatabaseSync, path: string, steps: readonly Migration[] = migrations): void {
  let version = versionOf(database);
  if (version > 0 && numberOf(database, "application_id") !== applicationId) throw strange(path);
  while (version !== steps.length) {
    if (version > steps.length) throw newer(path, version, steps.length);
    database.exec("BEGIN IMMEDIATE");
    try {
      // Another program may have been quicker.
      version = versionOf(database);
      const step = steps[version];
      if (step !== undefined) {
        if (version === 0) claimFile(database, path);
        database.exec(step.sql);
        version += 1;
        database.exec(`PRAGMA user_version = ${version}`);
      }
      database.exec("COMMIT");
    } catch (error) {
      if (database.isTransaction) database.exec("ROLLBACK");
      throw error;
    }
  }
}

function claimFile(database: DatabaseSync, path: string): void {
  const content = database.prepare("SELECT count(*) AS count FROM sqlite_schema").get() as { count: number };
  if (content.count > 0) throw strange(path);
  database.exec(`PRAGMA application_id = ${applicationId}`);
}

function versionOf(database: DatabaseSync): number {
  return numberOf(database, "user_version");
}

function numberOf(database: DatabaseSync, pragma: "user_version" | "application_id"): number {
  return (database.prepare(`PRAGMA ${pragma}`).get() as Record<typeof pragma, number>)[pragma];
}

function strange(path: string): HermaError {
  return new HermaError("FILE_CORRUPT", `${path} is a database of some other program`, {
    data: { path },
    hint: "Nothing was changed. Move the file away, or use another --home.",
  });
}

function newer(path: string, version: number, known: number): HermaError {
  return new HermaError("HOME_NEWER", `${path} has version ${version}, and this Herma knows versions up to ${known}`, {
    data: { path, version, known },
  });
}
