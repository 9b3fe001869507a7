export type FileKind = "file" | "folder" | "fifo" | "socket" | "link" | "other";
export type FileStat = {
  readonly kind: FileKind;
  readonly size: number;
  readonly mtimeMs: number;
  /** Permission bits, such as 0o600. */
  readonly mode: number;
  readonly uid: number;
  readonly dev: number;
  readonly ino: number;
};

/**
 * Files and folders. Absent is a value (null, false, []), everything else that the system refuses is a `HermaError`:
 * `DISK_FULL` (ENOSPC, EDQUOT), `TOO_MANY_FILES` (EMFILE, ENFILE), else `IO`, with the system's error as `cause`.
 * Files are made 0600 and folders 0700 unless told otherwise. Nothing follows a symbolic link in the last place of a path.
 */
export interface Files {
  /** Whole content, or null when absent. Refuses files over `bytesMax` (default 1 MiB) with IO. */
  read(path: string, bytesMax?: number): Buffer | null;
  /** Up to `length` bytes from `offset`; shorter at the end; null when absent. */
  readRange(path: string, offset: number, length: number): Buffer | null;
  /** lstat; null when absent. */
  stat(path: string): FileStat | null;
  /** Names in a folder, sorted; [] when absent. */
  list(folder: string): string[];
  /** Makes the folder and its missing parents. */
  makeFolder(folder: string, mode?: number): void;
  /** Writes a new file whole; false when it exists already. A failed write leaves no file. */
  createExclusive(path: string, data: string | Uint8Array, options?: { mode?: number; durable?: boolean }): boolean;
  /** Replaces a file whole: temporary name, write, rename. `durable`: fsync the file before and the folder after the rename. */
  replace(path: string, data: string | Uint8Array, options: { durable: boolean; mode?: number }): void;
  /** As `replace` with `durable: true`, without blocking the event loop. */
  replaceDurably(path: string, data: string | Uint8Array, mode?: number): Promise<void>;
  /** Makes `path` with `bytes` bytes really allocated, so that {@link fulfil} later needs no space. */
  reserve(path: string, bytes: number): void;
  /** Overwrites a reserved file in place, cuts it to length, syncs it, renames it to `finalPath`, syncs the folder. Needs no free space. */
  fulfil(reservedPath: string, finalPath: string, data: string | Uint8Array): Promise<void>;
  /** Opens (and makes) a file for appending at its end. */
  appender(path: string): Appender;
  /** Sets the permission bits of what stands there, such as a socket. */
  setMode(path: string, mode: number): void;
  /** Gives what stands there to a group, by its number. Throws IO when this user may not. */
  setGroup(path: string, group: number): void;
  /** False when it was absent. Removes a file, never a folder. */
  remove(path: string): boolean;
  /** Removes a folder and all in it; absent is fine. */
  removeTree(folder: string): void;
  rename(from: string, to: string): void;
  /** Makes a FIFO (0600). */
  makeFifo(path: string): void;
  /**
   * Calls `changed` (with a name, or null when unknown) after anything in the folder changed. Hints only: re-read what matters.
   * Returns its end (idempotent); until then it keeps the program alive.
   */
  watch(folder: string, changed: (name: string | null) => void): () => void;
  /** How many more descriptors this program may open, about; null where the system cannot tell. */
  descriptorsLeft(): number | null;
  /**
   * Opens a FIFO for reading without waiting for a writer. See {@link ByteReader}. One that never had a writer stays silent, unless
   * `endWhenUnheld`: then its end is told at once when nobody else has it open. `heldBy`: its name has been removed, and it is opened through
   * the standard output or error of one of these processes that proves to be this FIFO; IO with ENOENT when none is.
   */
  openFifo(path: string, handler: ByteHandler, options?: FifoOptions): ByteReader;
}
export interface Appender {
  /** Appends all of `bytes`, synchronously. Throws DISK_FULL or IO; then `written` bytes (a property on the error's data) had been taken. */
  write(bytes: Uint8Array): void;
  /** Waits until the disk has what was written, and the name of the file. Throws DISK_FULL or IO. */
  sync(): void;
  /** Bytes in the file. */
  readonly size: number;
  close(): void;
}
export type FifoOptions = { readonly endWhenUnheld?: boolean; readonly heldBy?: readonly number[] };
export type ByteHandler = {
  /** Bytes just read. The buffer is reused after the call returns: copy what is kept. */
  bytes(chunk: Uint8Array): void;
  /** The last writer has closed, or the descriptor broke. Called once; nothing comes after it. */
  end(error: Error | null): void;
};
export interface ByteReader {
  /** Stops reading (back-pressure to the writer) until `resume`. */
  pause(): void;
  resume(): void;
  /** Bytes that wait in the pipe right now, without reading them; null where the system cannot tell. */
  pending(): number | null;
  /** Closes the descriptor; no further calls to the handler. Idempotent. */
  close(): void;
}

/** Advisory locks (flock): held for the life of the descriptor, freed by the kernel whatever ends the program. */
export interface Locks {
  /** Takes the lock, making the file if needed, or null when somebody holds it. Checks afterwards that the path still names the locked inode. */
  tryTake(path: string): Lock | null;
  /** Looks without taking. `unknown` where the system cannot tell (no /proc/locks, another pid namespace). */
  look(path: string): LockView;
}
export type LockView = { readonly held: true; readonly pid: number | null } | { readonly held: false } | { readonly held: "unknown" };
export interface Lock {
  readonly path: string;
  /** Rewrites the file's content in place (the inode stays). */
  writeBody(text: string): void;
  /** False once the path names another file than the one locked, or none. */
  pathIsOurs(): boolean;
  /** Idempotent. The file stays. */
  release(): void;
}
