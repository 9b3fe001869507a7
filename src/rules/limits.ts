import type { Limits, LimitsChange } from "../contract/index.ts";
import { hash64 } from "./hash.ts";

/** The limits that only the kernel can hold a process and its children to. */
const kernelLimitNames = ["memory_bytes_max", "pids_max", "cpu_percent_max"] as const;
export type KernelLimits = Pick<LimitsChange, (typeof kernelLimitNames)[number]>;

/** What holds after a change: null lifts a limit, and what is absent stays. */
export function changedLimits(now: Limits, change: LimitsChange): Limits {
  const limits: Record<string, unknown> = { ...now };
  for (const [name, value] of Object.entries(change)) {
    if (value === null) delete limits[name];
    else if (value !== undefined) limits[name] = value;
  }
  return limits as Limits;
}

/** The part of some limits that is the kernel's, or null when there is none. */
export function kernelLimitsOf(limits: LimitsChange): KernelLimits | null {
  const named = kernelLimitNames.filter((name) => limits[name] !== undefined);
  return named.length === 0 ? null : Object.fromEntries(named.map((name) => [name, limits[name]]));
}

/**
 * Milliseconds until the time of a process is over, at least 0; null when it has no limit. `ranMs`: since its start, by whichever clock knows;
 * one that was set back says less than nothing, and counts as nothing.
 */
export function runLeftMs(limits: Limits, ranMs: number): number | null {
  return limits.run_ms_max === undefined ? null : Math.max(0, limits.run_ms_max - Math.max(0, ranMs));
}

const prefix = "limit:";
const words: Readonly<Record<string, string>> = {
  memory: "its memory",
  output: "its output",
  run: "the time it may run",
};

/** What a `termination_source` of a limit speaks of: `limit:run` is `the time it may run`. An unknown one is its own name. */
export function limitWords(source: string): string {
  const name = source.startsWith(prefix) ? source.slice(prefix.length) : source;
  return Object.hasOwn(words, name) ? (words[name] ?? name) : name;
}

/**
 * The name of a process's cgroup: of its home, since homes may share a place, and of itself. {@link groupOwner} reads it.
 */
export function groupName(home: string, id: string): string {
  return `${groupPrefix(home)}${id}`;
}

/** What the names of all groups of a home begin with. */
export function groupPrefix(home: string): string {
  return `herma-${hash64(home).slice(0, 8)}-`;
}

/** The process that a group's name tells, or null when it is no group of the home. */
export function groupOwner(home: string, name: string): string | null {
  const start = groupPrefix(home);
  return name.startsWith(start) ? name.slice(start.length) : null;
}
