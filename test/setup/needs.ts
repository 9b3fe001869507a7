import { accessSync, constants, readFileSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import nodeProcess from "node:process";

const listPath = new URL("../../.ci/packages", import.meta.url);
const told = new Set<string>();

/**
 * Says whether a program that a test needs is absent: `test.skipIf(needs("tmux"))(…)`. Absent, it says so once and gives the reason;
 * in CI it throws, because there a skipped test would pass for a run one. Every program must be in `.ci/packages`, which CI installs.
 */
export function needs(program: string): string | false {
  const debianPackage = packages().get(program);
  if (debianPackage === undefined) throw new Error(`${program} is not in .ci/packages: add it there, so that CI installs it`);
  if (onPath(program)) return false;
  const reason = `${program} is not installed (apt-get install ${debianPackage})`;
  if (isCi()) throw new Error(`${reason}; CI must have it`);
  if (!told.has(program)) {
    told.add(program);
    console.warn(`skipping tests: ${reason}`);
  }
  return reason;
}

/** True in CI, where nothing may be skipped for want of a program. */
export function isCi(): boolean {
  const value = nodeProcess.env.CI;
  return value !== undefined && value !== "" && value !== "0" && value !== "false";
}

function packages(): Map<string, string> {
  const rows = readFileSync(listPath, "utf8")
    .split("\n")
    .map((line) => line.replace(/#.*/, "").trim())
    .filter((line) => line !== "");
  return new Map(rows.map((row) => row.split(/\s+/) as [string, string]));
}

function onPath(program: string): boolean {
  return (nodeProcess.env.PATH ?? "").split(delimiter).some((folder) => {
    try {
      const path = join(folder, program);
      accessSync(path, constants.X_OK);
      return statSync(path).isFile();
    } catch {
      return false;
    }
  });
}
