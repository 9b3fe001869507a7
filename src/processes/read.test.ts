import { unlinkSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { processPaths, ReadResult } from "../contract/index.ts";
import { segmentName } from "../rules/index.ts";
import { nodeSystem } from "../system/index.ts";
import { fakeKeeper } from "./testing/fakeKeeper.ts";
import { openTestRegistry, system } from "./testing/openTestRegistry.ts";
import { putEnded, putFolder } from "./testing/records.ts";

test("[defect 6.1.3] [defect 6.1.4] a tail by default, a delta from an offset, both told exactly", () => {
  const { home, registry } = openTestRegistry();
  const id = putEnded(home, 1, { output: { 0: "one\ntwo\nthree\n" } });
  expect(ReadResult.parse(registry.read(id))).toMatchObject({
    text: "one\ntwo\nthree\n",
    from: 0,
    to: 14,
    end: 14,
    more: false,
    phase: "ended",
  });
  expect(registry.read(id, { since: 4 })).toMatchObject({ text: "two\nthree\n", from: 4, to: 14, more: false });
  expect(registry.read(id, { since: 4, until: 8 })).toMatchObject({ text: "two\n", from: 4, to: 8, more: false });
  expect(registry.read(id, { since: "start", maxBytes: 6 })).toMatchObject({
    text: "one\ntw",
    from: 0,
    to: 6,
    more: true,
    omitted_bytes: 0,
  });
  expect(registry.read(id, { maxBytes: 8 })).toMatchObject({ text: "three\n", from: 8, to: 14, omitted_bytes: 0 });
  expect(registry.read(id, { view: "tail", since: 0, maxBytes: 8 })).toMatchObject({ text: "three\n", from: 0, to: 14, omitted_bytes: 8 });
  expect(registry.read(id, { view: "head", maxBytes: 5 })).toMatchObject({ text: "one\nt", from: 0, to: 5, more: true });
  expect(registry.read(id, { view: "headTail", maxBytes: 10 })).toMatchObject({ from: 0, to: 14, omitted_bytes: 4, more: false });
  expect(registry.read(id, { view: "headTail", maxBytes: 10 }).text).toBe("one\nt\n[… 4 bytes omitted …]\nhree\n");
  expect(registry.read(id, { view: "headTail", maxBytes: 14 })).toMatchObject({ text: "one\ntwo\nthree\n", omitted_bytes: 0 });
});

test("nothing printed, and offsets behind the end", () => {
  const { home, registry } = openTestRegistry();
  const id = putEnded(home, 1, { output: {} });
  const nothing = { text: "", from: 0, to: 0, end: 0, more: false, gaps: [], omitted_bytes: 0, lost_bytes: 0 };
  for (const view of ["tail", "head", "delta", "headTail"] as const) expect(registry.read(id, { view })).toMatchObject(nothing);
  const some = putEnded(home, 2, { output: { 0: "text" } });
  expect(registry.read(some, { since: 4 })).toMatchObject({ ...nothing, from: 4, to: 4, end: 4 });
  expect(registry.read(some, { since: 400 })).toMatchObject({ ...nothing, from: 4, to: 4, end: 4 });
});

test("[defect 6.1.3] gaps are told with their ends: in the middle, at the beginning, and where the disk refused the last bytes", () => {
  const { home, registry } = openTestRegistry();
  const id = putEnded(home, 1, { output: { 10: "aaa\n", 20: "bbb\n" }, exit: { output_end: 30 } });
  const all = registry.read(id, { since: "start" });
  expect(all).toMatchObject({ text: "aaa\nbbb\n", from: 0, to: 30, end: 30, lost_bytes: 22, more: false });
  expect(all.gaps).toEqual([
    { from: 0, to: 10 },
    { from: 14, to: 20 },
    { from: 24, to: 30 },
  ]);
  expect(registry.read(id, { since: 12, until: 22 })).toMatchObject({ text: "a\nbb", gaps: [{ from: 14, to: 20 }], lost_bytes: 6 });
  expect(registry.read(id, { since: 15, until: 18 })).toMatchObject({ text: "", from: 15, to: 18, gaps: [{ from: 15, to: 18 }] });
  // The budget counts what is kept.
  expect(registry.read(id, { since: 0, maxBytes: 6 })).toMatchObject({ text: "aaa\nbb", to: 22, more: true });
  expect(registry.read(id, { view: "tail", maxBytes: 6 })).toMatchObject({ text: "a\nbbb\n", from: 12, to: 30 });
});

test("a character that is not complete yet waits for its rest; once nothing follows it is shown as broken", async () => {
  const { home, registry } = openTestRegistry();
  const keeper = await fakeKeeper(system, home);
  const id = putFolder(home, 1, { state: null });
  keeper.holds(id);
  keeper.print(id, 0, Buffer.from("ü").subarray(0, 1));
  expect(registry.read(id, { since: 0 })).toMatchObject({ text: "", from: 0, to: 0, end: 1, more: false });
  keeper.print(id, 0, Buffer.from("ü").subarray(1));
  expect(registry.read(id, { since: 0 })).toMatchObject({ text: "ü", to: 2 });
  keeper.print(id, 0, Buffer.from("€").subarray(0, 2));
  expect(registry.read(id, { since: 2 })).toMatchObject({ text: "", to: 2 });
  keeper.ends(id, { output_end: 4 });
  expect(registry.read(id, { since: 2 })).toMatchObject({ text: "\uFFFD", to: 4 });
});

test("control sequences are resolved unless the bytes are wanted as they are", () => {
  const { home, registry } = openTestRegistry();
  const printed = "\u001B[31mred\u001B[0m 10%\rdone\u001B[K\r\n";
  const id = putEnded(home, 1, { output: { 0: printed } });
  expect(registry.read(id, { raw: true }).text).toBe(printed);
  expect(registry.read(id).text).toMatch(/^done/);
  expect(registry.read(id).text).not.toContain("\u001B");
});

test.each([
  [{ maxBytes: 0 }, "maxBytes"],
  [{ maxBytes: 1.5 }, "maxBytes"],
  [{ maxBytes: 1_048_577 }, "maxBytes"],
  [{ since: -1 }, "since"],
  [{ since: Number.NaN }, "since"],
  [{ until: -3 }, "until"],
])("%j is refused", (options, name) => {
  const { home, registry } = openTestRegistry();
  const id = putEnded(home, 1);
  expect(() => registry.read(id, options)).toThrow(
    expect.objectContaining({ code: "BAD_REQUEST", message: expect.stringContaining(name) }),
  );
});

/** Text of many kinds of characters, cut into segments with gaps between them. */
const stream = fc.record({
  text: fc.array(fc.oneof(fc.string({ unit: "binary", maxLength: 12 }), fc.constant("\n"), fc.constantFrom("ä", "€", "😀", "\u0301")), {
    maxLength: 30,
  }),
  cuts: fc.array(fc.record({ length: fc.integer({ min: 1, max: 40 }), gap: fc.constantFrom(0, 0, 0, 3, 17) }), {
    minLength: 1,
    maxLength: 12,
  }),
});

function segmentsOf(value: { text: string[]; cuts: { length: number; gap: number }[] }): { output: Record<number, Buffer>; kept: Buffer } {
  const bytes = Buffer.from(value.text.join(""));
  const output: Record<number, Buffer> = {};
  let taken = 0;
  let start = 0;
  for (const cut of value.cuts) {
    const part = bytes.subarray(taken, taken + cut.length);
    if (part.length === 0) break;
    output[start] = part;
    taken += part.length;
    start += part.length + cut.gap;
  }
  return { output, kept: bytes.subarray(0, taken) };
}

test("[defect 6.1.4] deltas of any size, one behind the other, give every kept byte once and every gap once", () => {
  const { home, registry } = openTestRegistry();
  let number = 0;
  fc.assert(
    fc.property(stream, fc.integer({ min: 1, max: 20 }), (value, maxBytes) => {
      number += 1;
      const { output } = segmentsOf(value);
      const id = putEnded(home, number, { output });
      const whole = registry.read(id, { since: 0, raw: true, maxBytes: 100_000 });
      let text = "";
      let at = 0;
      let lost = 0;
      for (let turns = 0; ; turns += 1) {
        expect(turns).toBeLessThan(3000);
        const part = registry.read(id, { since: at, raw: true, maxBytes });
        expect(part.from).toBe(at);
        text += part.text;
        lost += part.lost_bytes;
        if (part.more) expect(part.to).toBeGreaterThan(at);
        at = part.to;
        if (!part.more) break;
      }
      expect(at).toBe(whole.end);
      expect(text).toBe(whole.text);
      expect(lost).toBe(whole.lost_bytes);
    }),
    { numRuns: 150 },
  );
});

test("every view accounts for every byte between its ends: shown, omitted or lost", () => {
  const { home, registry } = openTestRegistry();
  let number = 0;
  fc.assert(
    fc.property(
      stream,
      fc.constantFrom("head" as const, "tail" as const, "headTail" as const, "delta" as const),
      fc.integer({ min: 1, max: 120 }),
      fc.option(fc.nat(80), { nil: undefined }),
      (value, view, maxBytes, since) => {
        number += 1;
        const { output } = segmentsOf(value);
        const id = putEnded(home, number, { output });
        const result = registry.read(id, { view, maxBytes, raw: true, ...(since === undefined ? {} : { since }) });
        const marker = /\n\[… (\d+) bytes omitted …\]\n/.exec(result.text);
        if (view !== "headTail") expect(marker).toBeNull();
        else expect(Number(marker?.[1] ?? 0)).toBe(result.omitted_bytes);
        const kept = Object.entries(output).flatMap(([start, bytes]) =>
          [...bytes].map((byte, index) => [Number(start) + index, byte] as const),
        );
        const within = kept.filter(([at]) => at >= result.from && at < result.to).length;
        expect(result.lost_bytes + within).toBe(result.to - result.from);
        expect(result.omitted_bytes).toBeGreaterThanOrEqual(0);
        // Shown bytes never exceed the budget by more than the rest of one character, which is not cut (3 bytes).
        expect(within - result.omitted_bytes).toBeLessThanOrEqual(Math.max(maxBytes + 3, 8));
        expect(result.to).toBeLessThanOrEqual(result.end);
      },
    ),
    { numRuns: 200 },
  );
});

test("[peer 15] what retention drops between the look and the read is told as a gap", () => {
  const real = nodeSystem();
  let armed = true;
  let folder = "";
  const files: typeof real.files = {
    ...real.files,
    readRange: (path, offset, length) => {
      if (armed && path.endsWith(segmentName(4))) {
        armed = false;
        unlinkSync(join(folder, segmentName(4)));
      }
      return real.files.readRange(path, offset, length);
    },
  };
  const { home, registry } = openTestRegistry({}, { system: { ...real, files } });
  const id = putEnded(home, 1, { output: { 0: "aaaa", 4: "bbbb", 8: "cccc" } });
  folder = processPaths(home, id).output;
  expect(registry.read(id, { since: 0 })).toMatchObject({ text: "aaaacccc", gaps: [{ from: 4, to: 8 }], lost_bytes: 4, to: 12 });
  expect(armed).toBe(false);
});
