import nodeProcess from "node:process";
import type { DatabaseSync, DatabaseSyncOptions } from "node:sqlite";
import { HermaError } from "../contract/index.ts";

type Sqlite = { readonly DatabaseSync: new (path: string, options: DatabaseSyncOptions) => DatabaseSync };

let sqlite: Sqlite | undefined;

/**
 * Node's SQLite, loaded at the first use. Some versions of Node.js 24 warn on standard error when it is loaded, though nothing in it has
 * changed since; nobody who runs a command could do anything about it, so that one warning is held back.
 */
export function loadSqlite(): Sqlite {
  if (sqlite === undefined) {
    const emitWarning = nodeProcess.emitWarning;
    nodeProcess.emitWarning = () => {};
    try {
      sqlite = nodeProcess.getBuiltinModule("node:sqlite") as Sqlite | undefined;
    } finally {
      nodeProcess.emitWarning = emitWarning;
    }
    if (sqlite === undefined) throw new HermaError("NODE_TOO_OLD", "this Node.js was built without SQLite");
  }
  return sqlite;
}

/** SQLite's result codes that mean something to us; the lower 8 bits are the primary code. */
const resultCodes = { busy: 5, locked: 6, corrupt: 11, full: 13, constraint: 19, notADatabase: 26, sharedMemorySize: 4874 } as const;

/** The result code of an error of SQLite's, or null for any other. */
function resultCodeOf(error: unknown): number | null {
  if (!(error instanceof Error) || !("code" in error) || error.code !== "ERR_SQLITE_ERROR" || !("errcode" in error)) return null;
  return typeof error.errcode === "number" ? error.errcode : null;
}

/** True for the primary code of `name`, extended or not. */
export function isResult(error: unknown, name: keyof typeof resultCodes): boolean {
  const code = resultCodeOf(error);
  return code !== null && (code === resultCodes[name] || (code & 0xff) === resultCodes[name]);
}

/**
 * How long SQLite itself waits for a lock, in ms. It waits longer from try to try, up to 100 ms, and so hardly ever meets the moment between two
 * transactions of a program that writes a lot (seconds were measured); short waits in a row do.
 */
export const lockWaitMs = 3;

/** Tries again while another program has the database locked, for about `busyMs`; then throws SQLite's error. */
export function whileBusy<T>(busyMs: number, act: () => T): T {
  for (let waitedMs = 0; ; waitedMs += lockWaitMs) {
    try {
      return act();
    } catch (error) {
      if (!isResult(error, "busy") || waitedMs >= busyMs) throw error;
    }
  }
}

/** The catalogue's error for a failure of SQLite. `doing` is a verb, such as "write". Other errors come back as they are. */
export function storeFault(doing: string, path: string, error: unknown): unknown {
  const code = resultCodeOf(error);
  if (code === null) return error;
  const reason = error instanceof Error ? error.message : String(error);
  const options = { cause: error, data: { path, error: reason, sqlite: code } };
  const message = `Cannot ${doing} ${path}: ${reason}`;
  // The index of the log grows in shared memory, which is a file in the home as well: that it cannot grow means the same.
  if (isResult(error, "full") || code === resultCodes.sharedMemorySize) return new HermaError("DISK_FULL", message, options);
  if (isResult(error, "busy") || isResult(error, "locked")) {
    return new HermaError("IO", `Cannot ${doing} ${path}: another program has kept it locked for too long`, {
      ...options,
      hint: "Nothing was changed. Try again; if it stays so, look for a stopped (state T) or wedged program of Herma with `fuser`.",
    });
  }
  if (isResult(error, "corrupt") || isResult(error, "notADatabase")) {
    return new HermaError("FILE_CORRUPT", message, {
      ...options,
      hint: "It was left where it is. `sqlite3 herma.db .recover` may save its rows; without the file (and its -wal and -shm) Herma begins anew.",
    });
  }
  return new HermaError(isResult(error, "constraint") ? "INTERNAL" : "IO", message, options);
}
