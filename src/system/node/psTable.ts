import { createRequire } from "node:module";
import type { ProcessRow } from "../types.ts";
import { type TableReader, takesSignals } from "./linuxTable.ts";

const require = createRequire(import.meta.url);
const rowPattern = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4})\s(.*)$/;
const columns = "pid=,ppid=,pgid=,state=,lstart=,comm=";

/** Runs a small tool and returns what it printed, or null when it failed. */
export type ToolRunner = (program: string, argv: readonly string[]) => string | null;

/**
 * The table of a system without `/proc`, by `ps`. Start times are whole seconds in microseconds; `ps` has no numeric session column on macOS,
 * so a session is taken to be the group, which holds for what Herma starts.
 */
export function psTable(run: ToolRunner = runTool): TableReader {
  let bootId = "";
  return {
    bootId: () => {
      if (bootId === "") bootId = parseBootTime(run("/usr/sbin/sysctl", ["-n", "kern.boottime"]) ?? "");
      return bootId;
    },
    pidNamespace: () => null,
    ageMs: (startTime) => Math.max(0, Date.now() - startTime / 1000),
    look: (pid) => {
      if (!Number.isSafeInteger(pid) || pid < 1) return { kind: "unknown", why: `${pid} is no process id` };
      const row = parsePs(run("/bin/ps", ["-o", columns, "-p", String(pid)]) ?? "").find((candidate) => candidate.pid === pid);
      if (row === undefined) return takesSignals(pid) ? { kind: "unknown", why: `ps does not show process ${pid}` } : { kind: "dead" };
      return row.zombie ? { kind: "dead" } : { kind: "alive", row };
    },
    list: () => parsePs(run("/bin/ps", ["-A", "-o", columns]) ?? ""),
    variable: (pid, name) => {
      const shown = run("/bin/ps", ["-E", "-ww", "-o", "command=", "-p", String(pid)]);
      if (shown === null) return takesSignals(pid) ? undefined : null;
      const found = shown.split(/\s/).find((word) => word.startsWith(`${name}=`));
      return found === undefined ? null : found.slice(name.length + 1);
    },
  };
}

/** Rows of `ps -o pid=,ppid=,pgid=,state=,lstart=,comm=` (C locale, UTC); lines of another form are passed over. */
export function parsePs(text: string): ProcessRow[] {
  const rows: ProcessRow[] = [];
  for (const line of text.split("\n")) {
    const match = rowPattern.exec(line);
    if (match === null) continue;
    const [, pid, parent, group, state = "", started = "", command = ""] = match;
    const startTime = Date.parse(`${started} UTC`) * 1000;
    if (!Number.isSafeInteger(startTime)) continue;
    const name = command.slice(command.lastIndexOf("/") + 1);
    const ids = { pid: Number(pid), parent: Number(parent), group: Number(group), session: Number(group) };
    rows.push({ ...ids, name, startTime, zombie: state.startsWith("Z"), stopped: state.startsWith("T") });
  }
  return rows;
}

/** `{ sec = 1700000000, usec = 123456 } Tue …` becomes "1700000000.123456". */
export function parseBootTime(text: string): string {
  const match = /sec = (\d+), usec = (\d+)/.exec(text);
  return match === null ? "unknown-boot" : `${match[1]}.${match[2]?.padStart(6, "0")}`;
}

function runTool(program: string, argv: readonly string[]): string | null {
  const { spawnSync } = require("node:child_process") as typeof import("node:child_process");
  const result = spawnSync(program, argv, { encoding: "utf8", env: { LC_ALL: "C", TZ: "UTC", PATH: "/usr/bin:/bin" }, timeout: 5000 });
  return result.status === 0 ? result.stdout : null;
}
