import fs from "node:fs";
import { HermaError } from "../../../contract/index.ts";
import type { Lock, Locks, ProcessTable } from "../../types.ts";
import { bodyProvesFree } from "../locks.ts";
import { isAbsent } from "../systemError.ts";
import { type Handle, type Kernel32, kernel32, windowsErrors } from "./kernel32.ts";

/** The byte that stands for the whole lock (hermes S6): far behind the record, which so stays readable while the lock is held. */
export const lockedByte = 1_048_576;
const bodyBytesMax = 64 * 1024;

/** Locks by one byte of a file, as the original has them on Windows. A held file cannot be removed or replaced there. */
export function windowsLocks(table: Pick<ProcessTable, "look">, system: () => Kernel32 = kernel32): Locks {
  return {
    tryTake: (path) => {
      const kernel = system();
      const file = kernel.openLockFile(path);
      if (file === null) {
        // Somebody opened it for himself alone, which no contract allows, but then he has it.
        if (kernel.lastError() === windowsErrors.sharingViolation) return null;
        throw new HermaError("IO", `Cannot lock ${path}: the system's error ${kernel.lastError()}`);
      }
      if (!kernel.lockByte(file, lockedByte)) {
        const code = kernel.lastError();
        kernel.close(file);
        if (code === windowsErrors.lockViolation) return null;
        throw new HermaError("IO", `Cannot lock ${path}: the system's error ${code}`);
      }
      // Its readers expect a file that is not empty.
      if (kernel.fileSize(file) === 0) kernel.rewrite(file, Buffer.from("\n"));
      return lockOver(kernel, file, path);
    },
    look: (path) => {
      let body: string;
      try {
        body = fs.readFileSync(path).subarray(0, bodyBytesMax).toString("utf8");
      } catch (error) {
        return isAbsent(error) ? { held: false } : { held: "unknown" };
      }
      // Windows tells nobody who holds a byte without trying to take it.
      return bodyProvesFree(table, body) ? { held: false } : { held: "unknown" };
    },
  };
}

function lockOver(kernel: Kernel32, file: Handle, path: string): Lock {
  let held = true;
  return {
    path,
    writeBody: (text) => {
      if (!held) throw new HermaError("INTERNAL", `The lock ${path} was released before its body was written`);
      if (!kernel.rewrite(file, Buffer.from(text)))
        throw new HermaError("IO", `Cannot write ${path}: the system's error ${kernel.lastError()}`);
    },
    pathIsOurs: () => held,
    release: () => {
      if (!held) return;
      held = false;
      kernel.unlockByte(file, lockedByte);
      kernel.close(file);
    },
  };
}
