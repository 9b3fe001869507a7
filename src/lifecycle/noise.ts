import { basename } from "node:path";
import {
  DrainLeasesFile,
  DrainMarker,
  ExitDiaryEntry,
  GatewayMarker,
  GatewayRecord,
  homePaths,
  LoopReportFile,
  RestartsFile,
  ScopedLockFile,
} from "../contract/index.ts";
import type { Files } from "../system/index.ts";
import { diaryBytesMax } from "./exitDiary.ts";
import { markerPath } from "./markers.ts";
import { recordBytesMax } from "./records.ts";

type Form = { readonly path: string; readonly fits: (text: string) => boolean; readonly bytesMax: number };
type Schema = { safeParse(value: unknown): { readonly success: boolean } };

/**
 * The files of a gateway that are not in their form, whoever wrote them. Each is read as if it were absent, except a drain marker, which drains
 * while it stands. Empty ones count as well, except locks: one that was never held is empty. Changes nothing, never throws.
 * `scopedLocks`: the folder of the locks on bots; null where there is none.
 */
export function noisyFiles(files: Files, home: string, scopedLocks: string | null): string[] {
  return [...formsOf(home), ...scopedForms(files, scopedLocks)].filter((form) => isNoise(files, form)).map(({ path }) => path);
}

function formsOf(home: string): Form[] {
  const paths = homePaths(home);
  return [
    ...[paths.hermaLock, paths.gatewayLock].map((path) => record(path, (text) => text === "" || isRecord(text))),
    record(paths.gatewayPid, isRecord),
    // A Hermes writes fewer keys into it than we do, and whatever can be read of it is.
    record(paths.gatewayState, isObject),
    record(markerPath(home, "planned_stop"), as(GatewayMarker)),
    record(markerPath(home, "takeover"), as(GatewayMarker)),
    record(paths.drainMarker, as(DrainMarker)),
    record(paths.drainLeases, as(DrainLeasesFile)),
    record(paths.gatewayRestarts, as(RestartsFile)),
    record(paths.loopReport, as(LoopReportFile)),
    { path: paths.exitDiary, fits: isDiary, bytesMax: diaryBytesMax * 2 },
  ];
}

function scopedForms(files: Files, folder: string | null): Form[] {
  if (folder === null) return [];
  try {
    return files
      .list(folder)
      .filter((name) => name.endsWith(".lock"))
      .map((name) => record(`${folder}/${basename(name)}`, as(ScopedLockFile)));
  } catch {
    return [];
  }
}

function record(path: string, fits: Form["fits"]): Form {
  return { path, fits, bytesMax: recordBytesMax };
}

function isNoise(files: Files, { path, fits, bytesMax }: Form): boolean {
  try {
    const bytes = files.read(path, bytesMax);
    return bytes !== null && !fits(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    return true;
  }
}

function as(schema: Schema): Form["fits"] {
  return (text) => schema.safeParse(JSON.parse(text)).success;
}

/** The original's old forms are records, too: nothing but a pid. */
function isRecord(text: string): boolean {
  const value: unknown = JSON.parse(text);
  return (typeof value === "number" && Number.isInteger(value) && value >= 1) || GatewayRecord.safeParse(value).success;
}

function isObject(text: string): boolean {
  const value: unknown = JSON.parse(text);
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The last line may be one that is being written. */
function isDiary(text: string): boolean {
  return text
    .split("\n")
    .slice(0, -1)
    .every((line) => line === "" || ExitDiaryEntry.safeParse(JSON.parse(line)).success);
}
