import process from "node:process";
import { nodeSystem } from "../../src/system/index.ts";
import { isCi } from "./needs.ts";

let known: string | null | undefined;

/**
 * Why this machine holds no processes to limits of memory, number and processor, or null: `test.skipIf(noGroupsHere() !== null)(…)`. Absent, it
 * says so once; in CI it throws, because there a skipped test would pass for a run one.
 */
export function noGroupsHere(): string | null {
  if (known !== undefined) return known;
  known = null;
  try {
    nodeSystem()
      .groups.make(`herma-test-probe-${process.pid}`, { memoryBytesMax: 64 * 1_048_576, pidsMax: 10, cpuPercentMax: 50 })
      .remove();
  } catch (error) {
    known = error instanceof Error ? error.message : String(error);
    if (isCi()) throw new Error(`${known}; CI must run where cgroups can be made`);
    console.warn(`skipping tests: ${known}`);
  }
  return known;
}
