import { ExitDiaryEntry, type ExitDiaryEntry as ExitDiaryEntryType, homePaths } from "../contract/index.ts";
import { createRedactor } from "../rules/index.ts";
import type { Files } from "../system/index.ts";

/** The whole file; when it is full, the older half goes. */
export const diaryBytesMax = 1_048_576;
/** Bytes of one line. In a longer entry the context and the stack are left out. */
const entryBytesMax = 32_768;
/** A stack's first lines say where it was. */
const stackCharactersMax = 16_384;

const redactor = createRedactor({ enabled: true });

/** An entry without what every entry has. */
export type DiaryNote = Omit<ExitDiaryEntryType, "format">;

export type DiaryOptions = {
  /** Whether a full file may be shortened; only for the holder of the home, for others an entry is left out then. */
  readonly trim: boolean;
  /** Whether it is waited until the disk has it. Default: true. */
  readonly durable?: boolean;
};

/**
 * Appends an entry. Returns what went wrong, or null: a diary that cannot be written must not keep a gateway from
 * ending. Secrets in it are masked.
 */
export function writeDiary(files: Files, home: string, note: DiaryNote, options: DiaryOptions): unknown {
  const path = homePaths(home).exitDiary;
  try {
    const line = lineOf(note);
    let size = files.stat(path)?.size ?? 0;
    if (size + line.length > diaryBytesMax) {
      if (!options.trim) return null;
      trim(files, path, size);
      size = files.stat(path)?.size ?? 0;
    }
    // Begins on a new line, in case a crash has cut the last entry short.
    const torn = size > 0 && files.readRange(path, size - 1, 1)?.[0] !== newline;
    const appender = files.appender(path);
    try {
      appender.write(torn ? Buffer.concat([Buffer.from("\n"), line]) : line);
      if (options.durable ?? true) appender.sync();
    } finally {
      appender.close();
    }
    return null;
  } catch (error) {
    return error;
  }
}

/** All entries that can be read, oldest first; [] when there are none. Never throws: whoever asks wants to know what there is. */
export function readDiary(files: Files, home: string): ExitDiaryEntryType[] {
  let text: string;
  try {
    text = files.read(homePaths(home).exitDiary, diaryBytesMax + entryBytesMax)?.toString("utf8") ?? "";
  } catch {
    return [];
  }
  return text.split("\n").flatMap((line) => entryOf(line) ?? []);
}

const newline = 10;

function lineOf(note: DiaryNote): Buffer {
  const stack = typeof note.stack === "string" ? { stack: note.stack.slice(0, stackCharactersMax) } : {};
  const entry = redactor.deep({ format: 1, ...note, ...stack });
  const line = Buffer.from(`${JSON.stringify(entry)}\n`);
  if (line.length <= entryBytesMax) return line;
  const { context: _context, log_lines: _lines, ...short } = entry;
  return Buffer.from(`${JSON.stringify({ ...short, stack: short.stack?.slice(0, 4_096), detail: short.detail?.slice(0, 4_096) })}\n`);
}

function entryOf(line: string): ExitDiaryEntryType | null {
  if (line === "") return null;
  try {
    return ExitDiaryEntry.parse(JSON.parse(line));
  } catch {
    return null;
  }
}

/** Keeps the newest lines, about half of them. Starters that lost to a running gateway go first: a supervisor can make thousands of them. */
function trim(files: Files, path: string, size: number): void {
  const text = files.readRange(path, Math.max(0, size - diaryBytesMax), diaryBytesMax)?.toString("utf8") ?? "";
  const kept: string[] = [];
  let bytes = 0;
  for (const line of text.split("\n").reverse()) {
    const entry = entryOf(line);
    if (entry === null || entry.reason === "lost_race") continue;
    bytes += Buffer.byteLength(line) + 1;
    if (bytes > diaryBytesMax / 2) break;
    kept.push(line);
  }
  files.replace(
    path,
    kept
      .reverse()
      .map((line) => `${line}\n`)
      .join(""),
    { durable: true },
  );
}
