import fs from "node:fs";
import nodeProcess from "node:process";
import type { OutputFile } from "../types.ts";
import { native } from "./native.ts";
import { fault, faultOfErrno } from "./systemError.ts";

const { O_APPEND, O_CREAT, O_NOFOLLOW = 0, O_WRONLY } = fs.constants;
const standardOutput = 1;
const standardError = 2;

/** See `ThisProgram.outputFile`. */
export function outputFile(path: string): OutputFile | null {
  // Windows has no dup2 that the C library's own descriptors would follow.
  if (nodeProcess.platform === "win32" || !isOpenAs(standardError, path)) return null;
  return {
    size: () => fs.fstatSync(standardError).size,
    beginAnew: (olderPath) => {
      try {
        beginAnew(path, olderPath);
      } catch (error) {
        throw fault("begin anew", path, error);
      }
    },
  };
}

function beginAnew(path: string, olderPath: string): void {
  // Another program that prints there has done it: its new file is ours, too.
  const done = !isOpenAs(standardError, path);
  const newPath = done ? path : `${path}.new`;
  const both = isSameFile(fs.fstatSync(standardOutput), fs.fstatSync(standardError));
  const fd = fs.openSync(newPath, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600);
  try {
    // Before the names change: whoever sees the new file at the path has everything of before in the older one.
    for (const own of both ? [standardOutput, standardError] : [standardError]) {
      if (native().dup2(fd, own) < 0) throw faultOfErrno("print to", newPath, native().errno());
    }
  } finally {
    fs.closeSync(fd);
  }
  if (done) return;
  fs.renameSync(path, olderPath);
  fs.renameSync(newPath, path);
}

function isOpenAs(fd: number, path: string): boolean {
  try {
    const open = fs.fstatSync(fd);
    return open.isFile() && isSameFile(open, fs.lstatSync(path));
  } catch {
    return false;
  }
}

function isSameFile(one: fs.Stats, other: fs.Stats): boolean {
  return one.dev === other.dev && one.ino === other.ino;
}
