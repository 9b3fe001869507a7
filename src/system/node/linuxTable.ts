import fs from "node:fs";
import nodeProcess from "node:process";
import type { ProcessRow, Seen } from "../types.ts";
import { parseProcStat } from "./procStat.ts";
import { codeOf } from "./systemError.ts";

/** What a process table of one operating system can tell; the rest is built upon it once for all (processTable.ts). */
export type TableReader = {
  bootId(): string;
  /** See ProcessTable. */
  pidNamespace(): string | null;
  /** Milliseconds since a start time of this system's, as rows tell it; null when that cannot be told. */
  ageMs(startTime: number): number | null;
  /** Zombies are `dead`. */
  look(pid: number): Seen;
  list(): ProcessRow[];
  /** The value a variable had when the program began; null without it (or without the process), undefined when it cannot be read. */
  variable(pid: number, name: string): string | null | undefined;
};

/** Start times are told in hundredths of a second to every program, whatever the kernel counts in (USER_HZ). */
const msPerTick = 10;
/** Pid of the parent of all kernel threads. */
const kernelThreads = 2;

/** Reads `/proc`. `root` is for tests. */
export function linuxTable(root = "/proc"): TableReader {
  let bootId = "";
  return {
    bootId: () => {
      if (bootId === "") bootId = fs.readFileSync(`${root}/sys/kernel/random/boot_id`, "utf8").trim();
      return bootId;
    },
    pidNamespace: () => {
      try {
        return fs.readlinkSync(`${root}/self/ns/pid`);
      } catch {
        return null; // A kernel built without namespaces.
      }
    },
    ageMs: (startTime) => {
      try {
        const upSeconds = Number(fs.readFileSync(`${root}/uptime`, "latin1").split(" ")[0]);
        return Number.isFinite(upSeconds) ? Math.max(0, upSeconds * 1000 - startTime * msPerTick) : null;
      } catch {
        return null;
      }
    },
    look: (pid) => look(root, pid),
    list: () => {
      const rows: ProcessRow[] = [];
      for (const name of fs.readdirSync(root)) {
        if (!/^\d+$/.test(name)) continue;
        const row = readRow(root, Number(name));
        if (typeof row === "object") rows.push(row);
      }
      return rows;
    },
    variable: (pid, name) => variable(root, pid, name),
  };
}

function readRow(root: string, pid: number): ProcessRow | "absent" | "unreadable" {
  try {
    // As UTF-8, which Node.js reads in one go: in a quarter of the time. What is none in a name does no harm to the fields behind it.
    return parseProcStat(fs.readFileSync(`${root}/${pid}/stat`, "utf8")) ?? "unreadable";
  } catch (error) {
    const code = codeOf(error);
    return code === "ENOENT" || code === "ESRCH" ? "absent" : "unreadable";
  }
}

function look(root: string, pid: number): Seen {
  if (!Number.isSafeInteger(pid) || pid < 1) return { kind: "unknown", why: `${pid} is no process id` };
  // Twice, because the process may come or go between the two questions.
  for (let attempt = 0; attempt < 2; attempt += 1) {
    const row = readRow(root, pid);
    if (row === "unreadable") return { kind: "unknown", why: `/proc/${pid}/stat cannot be read` };
    if (row !== "absent") return row.zombie ? { kind: "dead" } : { kind: "alive", row };
    if (!takesSignals(pid)) return { kind: "dead" };
  }
  // A /proc mounted with hidepid shows only one's own processes.
  return { kind: "unknown", why: `process ${pid} exists but /proc does not show it` };
}

/** True when the pid is in use, whoever it belongs to. */
export function takesSignals(pid: number): boolean {
  try {
    nodeProcess.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) !== "ESRCH";
  }
}

/**
 * Nothing to read: the end, a kernel thread, and a program started without variables have none. In the middle of its exec a process shows
 * nothing either, though it will have some: then it is not known.
 */
function emptyMeans(root: string, pid: number): false | null {
  const row = readRow(root, pid);
  if (typeof row !== "object" || row.zombie || row.parent === kernelThreads || pid === kernelThreads)
    return row === "unreadable" ? null : false;
  try {
    return fs.readFileSync(`${root}/${pid}/cmdline`).length > 0 ? false : null;
  } catch {
    return null;
  }
}

function variable(root: string, pid: number, name: string): string | null | undefined {
  let environment: Buffer;
  try {
    environment = fs.readFileSync(`${root}/${pid}/environ`);
  } catch (error) {
    const code = codeOf(error);
    return code === "ENOENT" || code === "ESRCH" ? null : undefined;
  }
  if (environment.length === 0) return emptyMeans(root, pid) === false ? null : undefined;
  const wanted = Buffer.from(`${name}=`);
  for (let at = environment.indexOf(wanted); at >= 0; at = environment.indexOf(wanted, at + 1)) {
    if (at > 0 && environment[at - 1] !== 0) continue;
    // The last variable may lack its end when the program changed its own title.
    const end = environment.indexOf(0, at);
    return environment.toString("utf8", at + wanted.length, end < 0 ? environment.length : end);
  }
  return null;
}
