import { homePaths, RestartsFile, timestampOf } from "../contract/index.ts";
import type { System } from "../system/index.ts";
import { readJson } from "./records.ts";

/** More than the limit of an hour ever needs. */
const keptMax = 16;

/** Moments (epoch milliseconds) at which the gateway of a home was restarted from inside, oldest first. Never throws. */
export function readRestarts(files: System["files"], home: string): number[] {
  const parsed = RestartsFile.safeParse(readJson(files, homePaths(home).gatewayRestarts));
  return parsed.success ? parsed.data.restarts.map((each) => Date.parse(each.at)) : [];
}

/** Adds one, durably: it must still be known to the gateway that comes up then. For the holder of the home. Throws IO or DISK_FULL. */
export function noteRestart(files: System["files"], home: string, restart: { readonly atMs: number; readonly by: string }): void {
  const path = homePaths(home).gatewayRestarts;
  const parsed = RestartsFile.safeParse(readJson(files, path));
  const before = parsed.success ? parsed.data.restarts : [];
  const file: RestartsFile = { format: 1, restarts: [...before, { at: timestampOf(restart.atMs), by: restart.by }].slice(-keptMax) };
  files.replace(path, JSON.stringify(file), { durable: true });
}
