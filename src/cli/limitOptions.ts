import type { LimitsChange, OnOutputLimit } from "../contract/index.ts";
import { parseDuration } from "../rules/index.ts";
import { badOption } from "./report.ts";
import { parseSize } from "./sizes.ts";

/** Limits as `herma run` and `herma limit` take them. `none` lifts one. */
export type LimitOptions = {
  readonly memory?: string;
  readonly pids?: string;
  readonly cpu?: string;
  readonly timeout?: string;
  readonly outputMax?: string;
  readonly onOutputLimit?: OnOutputLimit;
};

/** The limits that were asked for, and no others. Throws BAD_REQUEST. */
export function limitsOf(options: LimitOptions): LimitsChange {
  const limits: LimitsChange = {};
  if (options.outputMax !== undefined) {
    const bytes = parseSize(options.outputMax);
    if (bytes === null || bytes < 65_536) throw badOption("--output-max", options.outputMax, "a size of at least 64K, such as 16M");
    limits.output_bytes_max = bytes;
  }
  if (options.onOutputLimit !== undefined) limits.on_output_limit = options.onOutputLimit;
  if (options.memory !== undefined)
    limits.memory_bytes_max = read("--memory", options.memory, "a size of at least 1M, such as 512M", (text) =>
      least(1_048_576, parseSize(text)),
    );
  if (options.pids !== undefined)
    limits.pids_max = read("--pids", options.pids, "a whole number of at least 1", (text) =>
      /^\d{1,7}$/.test(text) ? least(1, Number(text)) : null,
    );
  if (options.cpu !== undefined)
    limits.cpu_percent_max = read("--cpu", options.cpu, "percent of one processor, such as 50 or 200%", percent);
  if (options.timeout !== undefined)
    limits.run_ms_max = read("--timeout", options.timeout, "a time such as 30s or 1h", (text) => least(1, parseDuration(text)));
  return limits;
}

function read(option: string, text: string, form: string, parse: (text: string) => number | null): number | null {
  if (text === "none") return null;
  const value = parse(text);
  if (value === null) throw badOption(option, text, `${form}, or none`);
  return value;
}

function least(min: number, value: number | null): number | null {
  return value === null || value < min ? null : value;
}

function percent(text: string): number | null {
  const match = /^(\d{1,6}(?:\.\d{1,3})?)%?$/.exec(text.trim());
  return match === null ? null : least(1, Number(match[1]));
}
