import type { Limits } from "../contract/index.ts";
import { formatBytes, formatDuration } from "../rules/index.ts";

/** What a process is held to, in one line; null when there is nothing to tell. */
export function limitsText(limits: Limits): string | null {
  const { memory_bytes_max, pids_max, cpu_percent_max, run_ms_max, output_bytes_max, on_output_limit } = limits;
  const parts: string[] = [];
  if (memory_bytes_max !== undefined) parts.push(`memory ${formatBytes(memory_bytes_max)}`);
  if (pids_max !== undefined) parts.push(`${pids_max} processes`);
  if (cpu_percent_max !== undefined) parts.push(`${cpu_percent_max}% of a processor`);
  if (run_ms_max !== undefined) parts.push(`time ${run_ms_max < 1000 ? `${run_ms_max}ms` : formatDuration(run_ms_max)}`);
  if (output_bytes_max !== undefined)
    parts.push(`output ${formatBytes(output_bytes_max)}${on_output_limit === undefined ? "" : ` (${on_output_limit})`}`);
  return parts.length === 0 ? null : parts.join(", ");
}
