import { basename, dirname, join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { HermaError, timestampOf } from "../contract/index.ts";
import type { FileStat } from "../system/index.ts";
import { type Migration, migrate } from "./migrations.ts";
import { isResult, loadSqlite, lockWaitMs, storeFault, whileBusy } from "./sqlite.ts";
import type { StoreOptions } from "./types.ts";

export const inMemory = ":memory:";
/** See `StoreOptions.busyMs`. */
export const busyMsDefault = 5000;
/** The log is cut back to this size once what stands in it is in the database. */
const logBytesKept = 16 * 1024 * 1024;

export type Place = Pick<StoreOptions, "system" | "busyMs" | "onProblem"> & {
  readonly path: string;
  /** Default: all there are. */
  readonly migrations?: readonly Migration[];
};

/** An open database with the file it stands in, null for one in memory. */
export type Opened = { readonly database: DatabaseSync; readonly file: Pick<FileStat, "dev" | "ino"> | null };

/**
 * Opens the database, made and brought to the newest version where needed; many programs may do so at once. A file that SQLite says is no
 * database is set aside, and that is told. Throws `HermaError`.
 */
export function openDatabase(place: Place): Opened {
  try {
    return openOnce(place);
  } catch (error) {
    if (!isResult(error, "notADatabase")) throw storeFault("open", place.path, error);
  }
  setAside(place);
  try {
    return openOnce(place);
  } catch (error) {
    throw storeFault("open", place.path, error);
  }
}

/** Throws SQLite's own errors. */
function openOnce(place: Place): Opened {
  const { path, system, busyMs = busyMsDefault } = place;
  const { DatabaseSync } = loadSqlite();
  if (path === inMemory) {
    const database = new DatabaseSync(path, {});
    migrate(database, path, place.migrations);
    return { database, file: null };
  }
  // SQLite would make it readable for everybody; what it puts beside it then gets the mode of this one.
  system.files.makeFolder(dirname(path));
  system.files.createExclusive(path, "", { mode: 0o600, durable: true });
  const file = system.files.stat(path);
  if (file !== null && file.kind !== "file") throw new HermaError("IO", `${path} is a ${file.kind}, not a file`, { data: { path } });
  const database = new DatabaseSync(path, { timeout: lockWaitMs });
  try {
    // FULL: a notice is on the disk before anybody hears of it, also when the power goes.
    const settings = `PRAGMA synchronous = FULL; PRAGMA journal_size_limit = ${logBytesKept}; PRAGMA trusted_schema = OFF`;
    whileBusy(busyMs, () => {
      useLog(database);
      database.exec(settings);
      migrate(database, path, place.migrations);
    });
    return { database, file };
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * Switches to the write-ahead log. SQLite does not wait when two programs do it to a new file at the same moment; beginning a transaction
 * does wait for the other one.
 */
function useLog(database: DatabaseSync): void {
  try {
    database.exec("PRAGMA journal_mode = WAL");
  } catch (error) {
    if (!isResult(error, "busy")) throw error;
    database.exec("BEGIN EXCLUSIVE");
    database.exec("ROLLBACK");
    throw error;
  }
}

/**
 * Moves a file that is no database, and what belongs to it, out of the way. Under a lock, and only after another look, because another
 * program may have done so already, and then a new database stands there.
 */
function setAside(place: Place): void {
  const { path, system } = place;
  const lock = takeLock(place);
  try {
    if (!isNoDatabase(place)) return;
    const moment = timestampOf(system.clock.wallMs()).replace(/\..*/, "").replaceAll(":", "");
    const suffix = `${moment}-${Buffer.from(system.random(3)).toString("hex")}`;
    const aside = `${path}.corrupt-${suffix}`;
    // The log first: a new database that finds a log takes it for its own.
    for (const end of ["-wal", "-shm", ""]) {
      if (system.files.stat(path + end) !== null) system.files.rename(path + end, aside + end);
    }
    const message = `${path} was no database; it was set aside as ${basename(aside)}, and a new one was made`;
    place.onProblem?.(
      new HermaError("FILE_CORRUPT", message, {
        data: { path, aside },
        hint: "Processes and their output are not affected. Who wanted to be told about what, and notices that were not delivered, stood in it.",
      }),
    );
  } finally {
    lock.release();
  }
}

function isNoDatabase(place: Place): boolean {
  if (place.system.files.stat(place.path) === null) return false;
  const { DatabaseSync } = loadSqlite();
  const database = new DatabaseSync(place.path, { timeout: lockWaitMs });
  try {
    whileBusy(place.busyMs ?? busyMsDefault, () => database.prepare("PRAGMA user_version").get());
    return false;
  } catch (error) {
    if (isResult(error, "notADatabase")) return true;
    throw storeFault("open", place.path, error);
  } finally {
    database.close();
  }
}

const asideWaitMs = 10;

/** Setting aside takes a moment, so whoever comes second waits for it, at most as long as for any other program's transaction. */
function takeLock(place: Place) {
  const { system, path } = place;
  const lockPath = join(dirname(path), `${basename(path)}.lock`);
  const endMs = system.clock.monotonicMs() + (place.busyMs ?? busyMsDefault);
  for (;;) {
    const lock = system.locks.tryTake(lockPath);
    if (lock !== null) return lock;
    if (system.clock.monotonicMs() >= endMs)
      throw new HermaError("IO", `${lockPath} is held by another program`, { data: { path: lockPath } });
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, asideWaitMs);
  }
}
