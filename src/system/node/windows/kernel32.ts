import { createRequire } from "node:module";
import { HermaError } from "../../../contract/index.ts";

/** A handle of the system's; opaque. */
export type Handle = unknown;

/** Errors that are told apart (winerror.h). */
export const windowsErrors = { accessDenied: 5, sharingViolation: 32, lockViolation: 33, invalidParameter: 87 } as const;

/** The few functions of Windows behind which identity, locks and ends stand. Values are plain; structures stay inside. */
export interface Kernel32 {
  /** Code of the last failure on this thread. */
  lastError(): number;
  /** A handle with these rights, or null with the error set. */
  openProcess(rights: number, pid: number): Handle | null;
  /** False once the process has ended, although others may still hold handles on it. */
  isRunning(process: Handle): boolean;
  /** Microseconds since 1970 at which it was made; null with the error set. */
  creationTimeUs(process: Handle): number | null;
  terminate(process: Handle, exitCode: number): boolean;
  /** Every process: pid, parent, name of its program file. */
  processes(): { readonly pid: number; readonly parent: number; readonly name: string }[];
  /** Microseconds since 1970 of the system's start; setting the clock does not change it. */
  bootTimeUs(): number;
  /** Opens a file for reading and writing, making it if needed, that others may read and write but not remove; null with the error set. */
  openLockFile(path: string): Handle | null;
  /** Locks one byte there, at once or not at all. */
  lockByte(file: Handle, offset: number): boolean;
  unlockByte(file: Handle, offset: number): void;
  fileSize(file: Handle): number;
  /** Replaces what the file holds. */
  rewrite(file: Handle, bytes: Buffer): boolean;
  close(handle: Handle): void;
}

/** Seconds from 1601, where Windows begins to count, to 1970, in microseconds. */
const epochUs = 11_644_473_600_000_000n;
const toolhelpProcesses = 0x2;
const entryBytes = 568;
const waitTimeout = 0x102;
const invalidHandle = -1n;

/** 100 ns since 1601, as two halves, in microseconds since 1970. */
export function unixUs(bytes: Buffer, at = 0): number {
  return Number(bytes.readBigUInt64LE(at) / 10n - epochUs);
}

let bound: Kernel32 | null = null;

/** The real functions, bound at the first call. Throws PLATFORM_UNSUPPORTED when the binding cannot be loaded. */
export function kernel32(): Kernel32 {
  bound ??= bind();
  return bound;
}

function bind(): Kernel32 {
  let koffi: typeof import("koffi");
  try {
    koffi = createRequire(import.meta.url)("koffi");
  } catch (error) {
    throw new HermaError("PLATFORM_UNSUPPORTED", `The system's functions cannot be called here: ${String(error)}`, { cause: error });
  }
  const library = koffi.load("kernel32.dll");
  const ntdll = koffi.load("ntdll.dll");
  const functionOf = (prototype: string) => library.func(prototype);
  const lastError = functionOf("uint32_t GetLastError()");
  const openProcess = functionOf("int64_t OpenProcess(uint32_t, int, uint32_t)");
  const waitFor = functionOf("uint32_t WaitForSingleObject(int64_t, uint32_t)");
  const times = functionOf("int GetProcessTimes(int64_t, void *, void *, void *, void *)");
  const terminate = functionOf("int TerminateProcess(int64_t, uint32_t)");
  const snapshot = functionOf("int64_t CreateToolhelp32Snapshot(uint32_t, uint32_t)");
  const first = functionOf("int Process32FirstW(int64_t, void *)");
  const next = functionOf("int Process32NextW(int64_t, void *)");
  const createFile = functionOf("int64_t CreateFileW(str16, uint32_t, uint32_t, void *, uint32_t, uint32_t, int64_t)");
  const lock = functionOf("int LockFileEx(int64_t, uint32_t, uint32_t, uint32_t, uint32_t, void *)");
  const unlock = functionOf("int UnlockFileEx(int64_t, uint32_t, uint32_t, uint32_t, void *)");
  const size = functionOf("int GetFileSizeEx(int64_t, void *)");
  const seek = functionOf("int SetFilePointerEx(int64_t, int64_t, void *, uint32_t)");
  const write = functionOf("int WriteFile(int64_t, void *, uint32_t, void *, void *)");
  const cut = functionOf("int SetEndOfFile(int64_t)");
  const close = functionOf("int CloseHandle(int64_t)");
  const query = ntdll.func("int NtQuerySystemInformation(int, void *, uint32_t, void *)");
  const valid = (handle: unknown): Handle | null => (BigInt(handle as number) <= 0n ? null : handle);
  return {
    lastError: () => Number(lastError()),
    openProcess: (rights, pid) => valid(openProcess(rights, 0, pid)),
    isRunning: (process) => Number(waitFor(process, 0)) === waitTimeout,
    creationTimeUs: (process) => {
      const [created, ended, kernel, user] = [Buffer.alloc(8), Buffer.alloc(8), Buffer.alloc(8), Buffer.alloc(8)];
      return times(process, created, ended, kernel, user) === 0 ? null : unixUs(created);
    },
    terminate: (process, exitCode) => terminate(process, exitCode) !== 0,
    processes: () => {
      const taken = snapshot(toolhelpProcesses, 0);
      if (BigInt(taken) === invalidHandle) return [];
      const found = [];
      const entry = Buffer.alloc(entryBytes);
      entry.writeUInt32LE(entryBytes, 0);
      for (let more = first(taken, entry); more !== 0; more = next(taken, entry)) found.push(processEntry(entry));
      close(taken);
      return found;
    },
    bootTimeUs: () => {
      const told = Buffer.alloc(48);
      query(3, told, told.length, null);
      return unixUs(told) - Number(told.readBigUInt64LE(32) / 10n);
    },
    // Read and write for us; others may do the same, but not remove it: Python's tools open it that way.
    openLockFile: (path) => valid(createFile(path, 0xc0000000, 0x3, null, 4, 0x80, 0)),
    lockByte: (file, offset) => lock(file, 0x3, 0, 1, 0, overlapped(offset)) !== 0,
    unlockByte: (file, offset) => void unlock(file, 0, 1, 0, overlapped(offset)),
    fileSize: (file) => {
      const told = Buffer.alloc(8);
      size(file, told);
      return Number(told.readBigInt64LE(0));
    },
    rewrite: (file, bytes) => {
      const written = Buffer.alloc(4);
      if (seek(file, 0, null, 0) === 0 || write(file, bytes, bytes.length, written, null) === 0) return false;
      return written.readUInt32LE(0) === bytes.length && cut(file) !== 0;
    },
    close: (handle) => void close(handle),
  };
}

/** PROCESSENTRY32W of 64-bit Windows: pid at 8, parent at 32, name of at most 260 letters at 44. */
export function processEntry(entry: Buffer): { pid: number; parent: number; name: string } {
  const letters = entry.toString("utf16le", 44, entryBytes - 4);
  const end = letters.indexOf("\0");
  return { pid: entry.readUInt32LE(8), parent: entry.readUInt32LE(32), name: end < 0 ? letters : letters.slice(0, end) };
}

/** OVERLAPPED with an offset in its lower half. */
function overlapped(offset: number): Buffer {
  const made = Buffer.alloc(32);
  made.writeUInt32LE(offset, 16);
  return made;
}
