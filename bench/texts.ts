import type { Spread } from "./spread.ts";

/** Milliseconds as people read them: three digits are enough on a noisy machine. */
export function milliseconds(ms: number): string {
  if (ms >= 10_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms >= 1000) return `${(ms / 1000).toFixed(2)} s`;
  return `${ms.toFixed(ms >= 100 ? 0 : ms >= 10 ? 1 : 2)} ms`;
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** `1.05 (0.98–1.12)`: the median, then p10 to p90. */
export function spreadText(spread: Spread, digits = 2): string {
  return `${spread.median.toFixed(digits)} (${spread.p10.toFixed(digits)}–${spread.p90.toFixed(digits)})`;
}
