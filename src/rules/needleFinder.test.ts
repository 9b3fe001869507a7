import fc from "fast-check";
import { expect, test } from "vitest";
import { createNeedleFinder, type Needle } from "./needleFinder.ts";

function standsAt(bytes: Uint8Array, at: number, needle: Needle): boolean {
  const found = Buffer.from(bytes.subarray(at, at + needle.bytes.length)).toString("latin1");
  const wanted = Buffer.from(needle.bytes).toString("latin1");
  return needle.fold ? asciiLower(found) === asciiLower(wanted) : found === wanted;
}

const asciiLower = (text: string) => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

function placesByDefinition(bytes: Uint8Array, needles: readonly Needle[]): number[] {
  return [...bytes.keys()].filter((at) => needles.some((needle) => standsAt(bytes, at, needle)));
}

const letters = fc.constantFrom(0x61, 0x62, 0x41, 0x42, 0x20, 0xc3, 0xa9, 0xe3, 0x7b, 0x5b);
const needle = fc.record({
  bytes: fc.array(letters, { minLength: 1, maxLength: 7 }).map((list) => Uint8Array.from(list)),
  fold: fc.boolean(),
});

test("all places where any needle stands are found, and no other", () => {
  fc.assert(
    fc.property(
      fc.array(letters, { maxLength: 80 }).map((list) => Uint8Array.from(list)),
      fc.array(needle, { maxLength: 5 }),
      fc.array(fc.nat(5), { maxLength: 80 }),
      (bytes, needles, skips) => {
        const finder = createNeedleFinder(needles);
        for (let round = 0; round < 2; round++) {
          finder.search(bytes);
          const places = placesByDefinition(bytes, needles);
          let from = 0;
          for (const skip of [...skips, ...bytes.map(() => 0), 0]) {
            const expected = places.find((place) => place >= from) ?? -1;
            expect(finder.next(from)).toBe(expected);
            if (expected === -1) break;
            from = expected + 1 + skip;
          }
        }
      },
    ),
    { numRuns: 3000 },
  );
});

test("neither what is long and holds none of them nor where the bytes lie in memory hides one", () => {
  const filler = fc.record({ byte: fc.constantFrom(0x7a, 0x61, 0x20), times: fc.nat(200) });
  const part = fc.oneof(
    filler.map(({ byte, times }) => Array<number>(times).fill(byte)),
    fc.array(letters, { maxLength: 8 }),
  );
  fc.assert(
    fc.property(
      fc.array(part, { maxLength: 12 }),
      fc.array(needle, { minLength: 1, maxLength: 4 }),
      fc.nat(3),
      (parts, needles, before) => {
        const bytes = Uint8Array.from([...Array<number>(before).fill(0x61), ...parts.flat()]).subarray(before);
        const finder = createNeedleFinder(needles);
        finder.search(bytes);
        const places: number[] = [];
        for (let at = finder.next(0); at !== -1; at = finder.next(at + 1)) places.push(at);
        expect(places).toEqual(placesByDefinition(bytes, needles));
      },
    ),
    { numRuns: 2000 },
  );
});

test("needles of any length share one search", () => {
  const needles = ["x", "ab", "needle", "n".repeat(600)].map((text) => ({ bytes: Buffer.from(text), fold: false }));
  const bytes = Buffer.from(`..${"n".repeat(600)}..needle..ab..x`);
  const finder = createNeedleFinder(needles);
  finder.search(bytes);
  const places: number[] = [];
  for (let at = finder.next(0); at !== -1; at = finder.next(at + 1)) places.push(at);
  expect(places).toEqual(placesByDefinition(bytes, needles));
});

test("no needles find nothing", () => {
  const finder = createNeedleFinder([]);
  finder.search(Buffer.from("text"));
  expect(finder.next(0)).toBe(-1);
});
