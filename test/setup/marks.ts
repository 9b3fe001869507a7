import { readdirSync, readFileSync } from "node:fs";

/** The variable that everything started in a test run inherits; its value is the run's id. */
export const runMark = "HERMA_TEST_RUN";

export type MarkedProcess = { readonly pid: number; readonly parent: number; readonly command: string; readonly startTime: string };

/** Live processes (no zombies) whose environment carries this run's mark. Linux only; elsewhere none are found. */
export function processesWithMark(runId: string): MarkedProcess[] {
  const found: MarkedProcess[] = [];
  for (const name of foldersOfProcesses()) {
    const marked = readMarked(Number(name), runId);
    if (marked !== null) found.push(marked);
  }
  return found;
}

/** Looks at one pid; null when it is gone, a zombie, not readable or not marked. */
export function readMarked(pid: number, runId: string): MarkedProcess | null {
  try {
    const variables = readFileSync(`/proc/${pid}/environ`, "latin1").split("\0");
    if (!variables.includes(`${runMark}=${runId}`)) return null;
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z" || fields[0] === "X" || fields[0] === "x") return null;
    const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
    return { pid, parent: Number(fields[1]), command, startTime: fields[19] ?? "" };
  } catch {
    return null;
  }
}

function foldersOfProcesses(): string[] {
  try {
    return readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}
