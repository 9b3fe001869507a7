/** Reads sizes and terminal sizes as people type them. Durations are read by rules/ (`parseDuration`). */

const unitBytes: Readonly<Record<string, number>> = { "": 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 };

/**
 * Bytes of `65536`, `64k`, `64K`, `64KiB`, `64kb`, `1.5G`; units are powers of 1024 whatever they are called. Null when it is none of these.
 */
export function parseSize(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?$/i.exec(text.trim());
  if (match === null) return null;
  const bytes = Math.floor(Number(match[1]) * unitBytes[match[2]!.toLowerCase()]!);
  return Number.isSafeInteger(bytes) ? bytes : null;
}
