import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { temporaryFolder } from "../../../../test/setup/folders.ts";
import type { Handle, Kernel32 } from "./kernel32.ts";
import { processEntry, unixUs, windowsErrors } from "./kernel32.ts";
import { windowsHandle } from "./windowsHandle.ts";
import { lockedByte, windowsLocks } from "./windowsLocks.ts";
import { windowsTable } from "./windowsTable.ts";

type Played = { pid: number; createdUs: number; running: boolean; denied?: boolean; name?: string; parent?: number };

/** Windows as far as these three need it: processes that can be opened, and bytes that one handle at a time can lock. */
function playedWindows() {
  const processes = new Map<number, Played>();
  const locks = new Map<string, Handle>();
  const files = new Map<Handle, string>();
  const open = new Set<Handle>();
  let error = 0;
  let bootUs = 1_700_000_000_000_000;
  const fail = (code: number) => {
    error = code;
    return null;
  };
  const opened = <T>(what: T): T => {
    open.add(what);
    return what;
  };
  const kernel: Kernel32 = {
    lastError: () => error,
    openProcess: (_rights, pid) => {
      const found = processes.get(pid);
      if (found === undefined) return fail(windowsErrors.invalidParameter);
      return found.denied === true ? fail(windowsErrors.accessDenied) : opened({ found });
    },
    isRunning: (handle) => (handle as { found: Played }).found.running,
    creationTimeUs: (handle) => (handle as { found: Played }).found.createdUs,
    terminate: (handle) => {
      (handle as { found: Played }).found.running = false;
      return true;
    },
    processes: () => [...processes.values()].map(({ pid, parent = 0, name = "x.exe" }) => ({ pid, parent, name })),
    bootTimeUs: () => bootUs,
    openLockFile: (path) => {
      writeFileSync(path, "", { flag: "a" });
      const handle = opened({ path });
      files.set(handle, path);
      return handle;
    },
    lockByte: (handle, offset) => {
      const key = `${files.get(handle)}@${offset}`;
      if (locks.has(key)) return fail(windowsErrors.lockViolation) !== null;
      locks.set(key, handle);
      return true;
    },
    unlockByte: (handle, offset) => void locks.delete(`${files.get(handle)}@${offset}`),
    fileSize: (handle) => readFileSync(files.get(handle) ?? "").length,
    rewrite: (handle, bytes) => {
      writeFileSync(files.get(handle) ?? "", bytes);
      return true;
    },
    close: (handle) => void open.delete(handle),
  };
  return { kernel, system: () => kernel, processes, locks, open, reboot: () => (bootUs += 1_000_000) };
}

describe("identity on Windows", () => {
  test("[S12] [peer 4] [compat 32] absent is dead, denied is not known, ended is dead although a handle keeps it", () => {
    const windows = playedWindows();
    const table = windowsTable(windows.system);
    windows.processes.set(10, { pid: 10, createdUs: 5, running: true, parent: 4, name: "node.exe" });
    windows.processes.set(11, { pid: 11, createdUs: 6, running: true, denied: true });
    windows.processes.set(12, { pid: 12, createdUs: 7, running: false });
    expect(table.look(9)).toEqual({ kind: "dead" });
    expect(table.look(11)).toMatchObject({ kind: "unknown" });
    expect(table.look(12)).toEqual({ kind: "dead" });
    expect(table.look(10)).toMatchObject({ kind: "alive", row: { pid: 10, parent: 4, name: "node.exe", startTime: 5 } });
    for (const pid of [0, -1, 1.5, Number.NaN]) expect(table.look(pid)).toMatchObject({ kind: "unknown" });
    expect(table.list().map((row) => row.pid)).toEqual([10]);
    expect(windows.open.size).toBe(0);
  });

  test("[defect 6.2.2] a start has its own boot, which a clock that is set does not change", () => {
    const windows = playedWindows();
    const table = windowsTable(windows.system);
    const before = table.bootId();
    expect(table.bootId()).toBe(before);
    windows.reboot();
    expect(table.bootId()).not.toBe(before);
  });

  test("times and entries are read from the system's own structures", () => {
    const time = Buffer.alloc(8);
    time.writeBigUInt64LE(116_444_736_000_000_000n + 12_345_670n);
    expect(unixUs(time)).toBe(1_234_567);
    const entry = Buffer.alloc(568);
    entry.writeUInt32LE(42, 8);
    entry.writeUInt32LE(7, 32);
    entry.write("nöde.exe\0rest", 44, "utf16le");
    expect(processEntry(entry)).toEqual({ pid: 42, parent: 7, name: "nöde.exe" });
  });
});

describe("ends on Windows", () => {
  const identity = { boot_id: "b", pid: 10, start_time: 5 };

  test("[S13] [defect 6.2.11] only the process that is meant is ended, never one that has its pid now", () => {
    const windows = playedWindows();
    expect(windowsHandle(identity, "b", windows.system)).toBe("gone");
    windows.processes.set(10, { pid: 10, createdUs: 6, running: true });
    expect(windowsHandle(identity, "b", windows.system)).toBe("gone");
    windows.processes.set(10, { pid: 10, createdUs: 5, running: true, denied: true });
    expect(windowsHandle(identity, "b", windows.system)).toBe("unknown");
    windows.processes.set(10, { pid: 10, createdUs: 5, running: true });
    expect(windowsHandle(identity, "another boot", windows.system)).toBe("gone");
    expect(windows.open.size).toBe(0);
    const handle = windowsHandle(identity, "b", windows.system);
    if (typeof handle === "string") throw new Error(handle);
    expect(() => handle.send("SIGHUP")).toThrow("no signal SIGHUP");
    expect(handle.send("SIGTERM")).toBe("sent");
    expect(windows.processes.get(10)?.running).toBe(false);
    expect(handle.send("SIGKILL")).toBe("gone");
    handle.close();
    handle.close();
    expect(windows.open.size).toBe(0);
  });

  test("its end is told once, and a closed handle tells nothing", () => {
    vi.useFakeTimers();
    try {
      const windows = playedWindows();
      windows.processes.set(10, { pid: 10, createdUs: 5, running: true });
      const handle = windowsHandle(identity, "b", windows.system);
      if (typeof handle === "string") throw new Error(handle);
      const ended = vi.fn();
      handle.onExit(ended);
      vi.advanceTimersByTime(1_000);
      expect(ended).not.toHaveBeenCalled();
      const process = windows.processes.get(10);
      if (process !== undefined) process.running = false;
      vi.advanceTimersByTime(1_000);
      expect(ended).toHaveBeenCalledExactlyOnceWith(null);
      handle.close();
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("locks on Windows", () => {
  test("[S6] [compat 32] one byte at 1 MiB, in a file that is never empty and whose record can be read meanwhile", () => {
    const windows = playedWindows();
    const path = join(temporaryFolder(), "gateway.lock");
    const locks = windowsLocks(windowsTable(windows.system), windows.system);
    expect(locks.look(path)).toEqual({ held: false });
    const lock = locks.tryTake(path);
    expect([...windows.locks.keys()]).toEqual([`${path}@${lockedByte}`]);
    expect(lockedByte).toBe(1_048_576);
    expect(readFileSync(path, "utf8")).toBe("\n");
    expect(locks.tryTake(path)).toBeNull();
    windows.processes.set(10, { pid: 10, createdUs: 5, running: true });
    lock?.writeBody('{"pid":10}');
    expect(readFileSync(path, "utf8")).toBe('{"pid":10}');
    expect(locks.look(path)).toEqual({ held: "unknown" });
    expect(lock?.pathIsOurs()).toBe(true);
    lock?.release();
    lock?.release();
    expect(lock?.pathIsOurs()).toBe(false);
    expect(() => lock?.writeBody("x")).toThrow("was released");
    expect(windows.open.size).toBe(0);
    windows.processes.delete(10);
    expect(locks.look(path)).toEqual({ held: false });
    const again = locks.tryTake(path);
    expect(again).not.toBeNull();
    expect(readFileSync(path, "utf8")).toBe('{"pid":10}');
    again?.release();
  });

  test("what the system refuses for another reason is a fault, not a lock that somebody holds", () => {
    const windows = playedWindows();
    const locks = windowsLocks(windowsTable(windows.system), () => ({ ...windows.kernel, openLockFile: () => null, lastError: () => 5 }));
    expect(() => locks.tryTake("C:\\x")).toThrow("Cannot lock C:\\x");
    const shared = windowsLocks(windowsTable(windows.system), () => ({ ...windows.kernel, openLockFile: () => null, lastError: () => 32 }));
    expect(shared.tryTake("C:\\x")).toBeNull();
  });
});
