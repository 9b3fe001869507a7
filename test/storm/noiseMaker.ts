import type { Dice } from "../setup/dice.ts";

/** What may stand in a file that programs share: half writes, other programs' forms, and what no program ever wrote. */

export const noiseKinds = [
  "bytes",
  "torn",
  "joined",
  "mutated",
  "mutated",
  "mutated",
  "scalar",
  "deep",
  "wide",
  "huge",
  "nothing",
  "blanks",
  "marked",
  "utf16",
] as const;
export type NoiseKind = (typeof noiseKinds)[number];

const odd: readonly unknown[] = [
  -1,
  0,
  1,
  1.5,
  true,
  false,
  null,
  "",
  "12",
  "\u0000",
  "x".repeat(70_000),
  2 ** 31,
  2 ** 53,
  -(2 ** 53),
  1e308,
  [],
  {},
  [[]],
  "2026-01-01T00:00:00Z",
  "9999-12-31T23:59:59Z",
  "-000001-01-01T00:00:00Z",
  "not a time",
  "../../etc/passwd",
  "/dev/zero",
]; // prettier-ignore
const deepMax = 30_000;
/** More than any record is read of. */
const hugeBytes = 70_000;

/** Noise of a kind, made from a value that would be in its form. */
export function noise(dice: Dice, kind: NoiseKind, form: unknown): Buffer {
  const text = JSON.stringify(form);
  switch (kind) {
    case "bytes":
      return dice.bytes(1 + dice.below(300));
    case "torn":
      return Buffer.from(text.slice(0, dice.below(text.length)));
    case "joined":
      return Buffer.from(text + text);
    case "mutated":
      return Buffer.from(JSON.stringify(mutated(dice, form)));
    case "scalar":
      return Buffer.from(JSON.stringify(dice.pick(odd)));
    case "deep":
      return Buffer.from("[".repeat(deepMax) + (dice.below(2) === 0 ? "]".repeat(deepMax) : ""));
    case "wide":
      return Buffer.from(JSON.stringify(Array.from({ length: 1_000 }, () => form)));
    case "huge":
      return Buffer.from(`${text}${" ".repeat(hugeBytes)}`);
    case "nothing":
      return Buffer.alloc(0);
    case "blanks":
      return Buffer.alloc(1 + dice.below(5_000), dice.pick([0, 10, 32]));
    case "marked":
      return Buffer.from(`\ufeff${text}`);
    case "utf16":
      return Buffer.from(text, "utf16le");
  }
}

/** One or two of its values are something else, or gone. */
function mutated(dice: Dice, form: unknown): unknown {
  const copy = structuredClone(form) as Record<string, unknown>;
  for (let times = 1 + dice.below(2); times > 0; times -= 1) {
    const key = dice.pick(Object.keys(copy));
    if (dice.below(4) === 0) delete copy[key];
    else copy[key] = dice.pick(odd);
  }
  return copy;
}
