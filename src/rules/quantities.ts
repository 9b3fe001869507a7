/** Milliseconds of each unit of a duration, longest first. */
const unitsMs = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
  ["ms", 1],
] as const;

/**
 * Reads a duration as people type it: `30s`, `5m`, `1h30m`, `1.5h`, `250ms`, `2d`; a bare number is seconds. Units come longest first and
 * once each. Returns whole milliseconds, or null when it is no duration.
 */
export function parseDuration(text: string): number | null {
  const trimmed = text.trim();
  if (/^\d{1,15}(\.\d{1,9})?$/.test(trimmed)) return wholeMs(Number(trimmed) * 1000);
  let sumMs = 0;
  let rest = trimmed;
  let unitsLeft: readonly (readonly [string, number])[] = unitsMs;
  while (rest !== "") {
    const match = /^(\d{1,15}(?:\.\d{1,9})?)\s?(ms|[dhms])\s*/.exec(rest);
    if (match === null) return null;
    const index = unitsLeft.findIndex(([name]) => name === match[2]);
    const unit = unitsLeft[index];
    if (unit === undefined) return null;
    sumMs += Number(match[1]) * unit[1];
    unitsLeft = unitsLeft.slice(index + 1);
    rest = rest.slice(match[0].length);
  }
  return trimmed === "" ? null : wholeMs(sumMs);
}

function wholeMs(ms: number): number | null {
  const whole = Math.round(ms);
  return Number.isSafeInteger(whole) ? whole : null;
}

/** A duration in the original's short form, rounded down: `45s`, `3m 5s`, `2h 3m`. Hours go on counting behind 24. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m ${seconds % 60}s`;
  return `${Math.floor(minutes / 60)}h ${minutes % 60}m`;
}

const byteUnits = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** A size for people, in units of 1024: `512 B`, `1.5 KiB`, `64 MiB`. One decimal below 10, none above; rounded. */
export function formatBytes(bytes: number): string {
  let value = Math.max(0, bytes);
  let unit = 0;
  while (unit < byteUnits.length - 1 && Number(rounded(value)) >= 1024) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? Math.round(value) : rounded(value)} ${byteUnits[unit]}`;
}

function rounded(value: number): string {
  return value < 10 ? String(Math.round(value * 10) / 10) : String(Math.round(value));
}
