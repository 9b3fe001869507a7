import { z } from "zod";

/**
 * Identifies one process for ever: `proc_` and 12 lower-case hex digits (the original's form, hermes P17).
 * It is also the name of the process's folder, so nothing else may reach a path.
 */
export const processIdPattern: RegExp = /^proc_[0-9a-f]{12}$/;

/** `proc_` and 12 lower-case hex digits: the process's id for ever, and the name of its folder. */
export const ProcessId = z.string().regex(processIdPattern, "a process id is proc_ and 12 hex digits");
export type ProcessId = z.infer<typeof ProcessId>;

/** A person's name for a process: what may stand in a path, a URL and a shell word without quoting. */
export const processNamePattern: RegExp = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
/** A person's name for the process: letters, digits, dots, dashes and underscores. */
export const ProcessName = z
  .string()
  .regex(processNamePattern, "a name is 1 to 64 letters, digits, dots, dashes or underscores, and begins with a letter or digit");

/** Makes an id from random bytes (6 are used). */
export function processIdFrom(random: Uint8Array): ProcessId {
  return `proc_${Buffer.from(random.subarray(0, 6)).toString("hex")}`;
}

/**
 * A moment as the contract files write it: ISO 8601 in UTC with milliseconds, ending in `+00:00`, because older Pythons that
 * read these files reject `Z` (spec compat 8).
 */
export const Timestamp = z.iso.datetime({ offset: true });

/** Writes epoch milliseconds as a {@link Timestamp}. */
export function timestampOf(epochMs: number): string {
  return new Date(epochMs).toISOString().replace("Z", "+00:00");
}
