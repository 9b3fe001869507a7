import { HermaError, type LimitsChange } from "../../contract/index.ts";

const mebibyte = 1_048_576;

/** The names and units that models use, and ours. */
const names = {
  memory_mb: ["memory_bytes_max", mebibyte],
  pids: ["pids_max", 1],
  cpu_percent: ["cpu_percent_max", 1],
  run_seconds: ["run_ms_max", 1000],
  output_mb: ["output_bytes_max", mebibyte],
} as const;

/** Limits in the contract's names and units. Throws BAD_REQUEST for a value that is no limit. */
export function limitsOf(asked: { readonly [name: string]: string | number }): LimitsChange {
  const limits: Record<string, number> = {};
  for (const [name, value] of Object.entries(asked)) {
    const row = Object.hasOwn(names, name) ? names[name as keyof typeof names] : undefined;
    if (row === undefined) throw wrong(`limits has no ${JSON.stringify(name.slice(0, 40))}; it has ${Object.keys(names).join(", ")}`);
    const number = Number(value);
    if (!Number.isFinite(number) || number <= 0) throw wrong(`limits.${name} is a number above 0`);
    limits[row[0]] = Math.ceil(number * row[1]);
  }
  return limits;
}

function wrong(message: string): HermaError {
  return new HermaError("BAD_REQUEST", message, { hint: "" });
}
