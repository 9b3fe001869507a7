import { destination, type LoggerOptions, pino } from "pino";
import { timestampOf } from "../contract/index.ts";
import { olderLog } from "../lifecycle/index.ts";
import { createRedactor } from "../rules/index.ts";
import type { Clock, OutputFile } from "../system/index.ts";
import type { Log } from "./types.ts";

export type LogOptions = {
  /** `trace` to `error`, or `silent`; less than it is not written. */
  readonly level: string;
  /** Short lines for people instead of one JSON object a line. */
  readonly human: boolean;
  readonly clock: Pick<Clock, "wallMs" | "after">;
  /** File descriptor. Default: standard error. */
  readonly fd?: number;
  /** The file that it writes to, where that is to begin anew whenever it is full; others may have written to it. */
  readonly file?: { readonly path: string; readonly output: OutputFile } | null;
};

/** A file of the log, of which there are two: it and the one before ({@link olderLog}). */
export const logBytesMax = 4_194_304;

const standardError = 2;
/** Bytes that may wait for a reader that does not read; what comes then is dropped and counted. */
const waitingBytesMax = 1_048_576;
/** How long the end of the program waits for that reader. */
const flushMs = 500;

/**
 * The gateway's log on standard error: JSON lines for programs, short lines for people. Writing never blocks: a terminal that was stopped or a
 * collector that hangs must not stop a gateway. Secrets are masked whatever herma.yaml says: a log goes further than its owner looks.
 */
export function openLog(options: LogOptions): Log {
  const out = destination({ fd: options.fd ?? standardError, sync: false, maxLength: waitingBytesMax });
  let idle = true;
  let givenUp = false;
  let dropped = 0;
  out.on("drop", () => {
    dropped += 1;
  });
  // A log that cannot be written is no reason to stop.
  out.on("error", () => {});
  out.on("drain", () => {
    idle = true;
    if (dropped === 0) return;
    const lost = dropped;
    dropped = 0;
    logger.warn({ lines: lost }, "nobody read the log for a while; these lines were dropped");
  });
  let file = options.file ?? null;
  let fileBytes = file?.output.size() ?? 0;
  const keepBounded = (moreBytes: number): void => {
    fileBytes += moreBytes;
    if (file === null || fileBytes <= logBytesMax) return;
    fileBytes = 0;
    const { path, output } = file;
    try {
      output.beginAnew(olderLog(path));
    } catch (error) {
      file = null;
      logger.warn({ problem: String(error), path }, "the log cannot begin anew; it grows from here on");
    }
  };
  const settings: LoggerOptions = {
    level: options.level,
    base: null,
    timestamp: () => `,"time":"${timestampOf(options.clock.wallMs())}"`,
    formatters: { level: (label) => ({ level: label }) },
  };
  const write = (line: string): void => {
    if (givenUp) return;
    idle = false;
    const text = options.human ? humanLine(line) : line;
    keepBounded(Buffer.byteLength(text));
    out.write(text);
  };
  const logger = pino(settings, { write });
  // What was printed before this log was there, by a program that crashed at its start, say, counts as well.
  keepBounded(0);
  const redactor = createRedactor({ enabled: true });
  const at =
    (level: "debug" | "info" | "warn" | "error"): Log["info"] =>
    (fields, message) =>
      logger[level](redactor.deep(fields), redactor.text(message));
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    setLevel: (level) => {
      logger.level = level;
    },
    flush: () =>
      new Promise((resolve) => {
        if (idle || givenUp) return resolve();
        const timer = options.clock.after(flushMs, () => {
          // Else the library would wait for the reader when the program exits, for ever.
          givenUp = true;
          out.destroy();
          resolve();
        });
        out.once("drain", () => {
          timer.cancel();
          resolve();
        });
      }),
  };
}

/** Turns one JSON line into `HH:MM:SS level message key=value …`. A line that is no JSON stays as it is. */
export function humanLine(line: string): string {
  let entry: Record<string, unknown>;
  try {
    entry = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return line;
  }
  const { level, time, msg, ...fields } = entry;
  const clockTime = typeof time === "string" ? time.slice(11, 19) : "";
  const rest = Object.entries(fields).map(([key, value]) => `${key}=${typeof value === "string" ? quoted(value) : JSON.stringify(value)}`);
  return `${[clockTime, level === "info" ? "" : String(level), String(msg ?? ""), ...rest].filter((part) => part !== "").join(" ")}\n`;
}

function quoted(text: string): string {
  return /^[\w./:+-]+$/.test(text) ? text : JSON.stringify(text);
}
