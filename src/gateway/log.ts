import { destination, type LoggerOptions, pino } from "pino";
import { timestampOf } from "../contract/index.ts";
import type { Clock } from "../system/index.ts";
import type { Log } from "./types.ts";

export type LogOptions = {
  /** `trace` to `error`, or `silent`; less than it is not written. */
  readonly level: string;
  /** Short lines for people instead of one JSON object a line. */
  readonly human: boolean;
  readonly clock: Pick<Clock, "wallMs">;
};

const standardError = 2;

/** The gateway's log on standard error: JSON lines for programs, short lines for people. */
export function openLog(options: LogOptions): Log {
  const out = destination({ fd: standardError, sync: true });
  const settings: LoggerOptions = {
    level: options.level,
    base: null,
    timestamp: () => `,"time":"${timestampOf(options.clock.wallMs())}"`,
    formatters: { level: (label) => ({ level: label }) },
  };
  const logger = options.human ? pino(settings, { write: (line: string) => out.write(humanLine(line)) }) : pino(settings, out);
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    setLevel: (level) => {
      logger.level = level;
    },
    flush: async () => {
      out.flushSync();
    },
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
