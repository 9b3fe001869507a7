import { distance } from "fastest-levenshtein";
import { processIdPattern, processNamePattern } from "../contract/index.ts";

/** The candidate a mistyped word most likely means, or null when none is near (1 wrong letter, and 1 more for every 3 letters). */
export function nearest(word: string, candidates: readonly string[]): string | null {
  const wanted = word.toLowerCase();
  let best: string | null = null;
  let bestDistance = 1 + Math.floor(word.length / 3);
  for (const candidate of candidates) {
    const far = distance(wanted, candidate.toLowerCase());
    if (far < bestDistance || (far === bestDistance && best === null)) {
      best = candidate;
      bestDistance = far;
    }
  }
  return best;
}

/**
 * What somebody means by a word that names a process.
 * - `id`: a whole id. `prefix`: `proc_` and 4 to 11 hex digits; it may fit several. `name`: anything else that can be a name.
 * - `word`: 4 to 12 bare hex digits, which are a name just as well (`cafe`): look for the name first, then for ids that begin with `prefix`.
 */
export type Reference =
  | { readonly kind: "id" | "prefix" | "name"; readonly value: string }
  | { readonly kind: "word"; readonly value: string; readonly prefix: string };

/** A name that begins as ids do would be read as an id, or as the start of one, wherever it is used. */
export function looksLikeId(name: string): boolean {
  return name.toLowerCase().startsWith("proc_");
}

const prefixPattern = /^proc_[0-9a-f]{4,11}$/;
const bareHexPattern = /^[0-9a-f]{4,12}$/;

/** Reads a reference as people type it (blanks around it and the case of hex digits do not matter); null when it can be neither id nor name. */
export function parseReference(text: string): Reference | null {
  const value = text.trim();
  const lower = value.toLowerCase();
  if (processIdPattern.test(lower)) return { kind: "id", value: lower };
  if (prefixPattern.test(lower)) return { kind: "prefix", value: lower };
  if (bareHexPattern.test(lower)) return { kind: "word", value, prefix: `proc_${lower}` };
  return processNamePattern.test(value) ? { kind: "name", value } : null;
}
