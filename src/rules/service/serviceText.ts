import { launchdPlist } from "./launchdPlist.ts";
import type { ServicePlan } from "./servicePlan.ts";
import { systemdUnit } from "./systemdUnit.ts";
import { windowsTask } from "./windowsTask.ts";

/** The text that puts a gateway under its service manager. */
export function serviceText(plan: ServicePlan): string {
  if (plan.kind === "launchd") return launchdPlist(plan);
  return plan.kind === "windows-task" ? windowsTask(plan) : systemdUnit(plan);
}

/**
 * The lines that make an installed text another than the one that would be written now; empty when it is current. Comments and blank lines do not
 * count: a text is not outdated because of what it says to people.
 */
export function outdatedLines(installed: string, wanted: string): readonly string[] {
  const has = meaningful(installed);
  const wants = meaningful(wanted);
  return [...without(wants, has).map((line) => `+ ${line}`), ...without(has, wants).map((line) => `- ${line}`)];
}

function meaningful(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !/^[#;]/.test(line));
}

function without(lines: readonly string[], others: readonly string[]): string[] {
  const known = new Set(others);
  return lines.filter((line) => !known.has(line));
}
