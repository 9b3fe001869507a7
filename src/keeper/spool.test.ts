import fc from "fast-check";
import { expect, test } from "vitest";
import { gapsOf, headBytes, type Segment, segmentBytesFor, segmentName, segmentStart, tailBytes } from "../rules/index.ts";
import { type FakeSystem, fakeSystem } from "../system/fake/index.ts";
import { Spool } from "./spool.ts";

const folder = "/home/output";

function onDisk(system: FakeSystem): (Segment & { data: Buffer })[] {
  return system.files
    .list(folder)
    .map((name) => ({ start: segmentStart(name)!, data: system.files.read(`${folder}/${name}`, 1 << 30)! }))
    .map(({ start, data }) => ({ start, size: data.length, data }))
    .sort((a, b) => a.start - b.start);
}

/** Every byte says where it stands: two places within 65,521 bytes never look alike over four bytes. */
function stream(from: number, length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, at) => ((from + at) * 31 + Math.floor((from + at) / 251)) & 0xff));
}

type Step =
  | { readonly kind: "append"; readonly bytes: number }
  | { readonly kind: "reopen" }
  | { readonly kind: "fault"; readonly inChanges: number; readonly fault: "ENOSPC" | "EIO" }
  | { readonly kind: "full"; readonly roomBytes: number }
  | { readonly kind: "room" };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("append" as const),
      bytes: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 120_000 })),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("reopen" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("fault" as const),
      inChanges: fc.integer({ min: 1, max: 6 }),
      fault: fc.constantFrom("ENOSPC" as const, "EIO" as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("full" as const), roomBytes: fc.integer({ min: 0, max: 50_000 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("room" as const) }) },
);

test("[peer 14] whatever the disk does, kept bytes stand at their offsets, holes and losses add up, and the limit holds", () => {
  fc.assert(
    fc.property(
      fc.array(step, { minLength: 1, maxLength: 60 }),
      fc.constantFrom(65_536, 131_072),
      fc.boolean(),
      (steps, outputBytesMax, dropOld) => {
        const system = fakeSystem();
        system.files.makeFolder(folder);
        const options = { system, folder, outputBytesMax, dropOld };
        let spool = new Spool(options);
        let produced = 0;
        for (const each of steps) {
          if (each.kind === "append") {
            const before = spool.losses.length;
            const said = spool.append(stream(produced, each.bytes));
            produced += each.bytes;
            expect(said === "lossBegan").toBe(spool.losses.length > before);
            expect(spool.end).toBe(produced);
          } else if (each.kind === "reopen") {
            const { losses } = spool;
            spool.close();
            spool = new Spool(options, losses);
            // What a later keeper takes for the end is the end, even when nothing of the last bytes could be kept.
            expect(spool.end).toBe(produced);
          } else if (each.kind === "fault") system.machine.disk.failAt(each.inChanges, each.fault);
          else if (each.kind === "full") system.machine.disk.bytesMax = system.machine.disk.usedBytes + each.roomBytes;
          else system.machine.disk.bytesMax = 1 << 30;
        }
        spool.close();
        const segments = onDisk(system);
        for (const { start, data } of segments) expect(data.equals(stream(start, data.length)), `the segment at ${start}`).toBe(true);
        const gaps = gapsOf(segments, produced);
        const missing = gaps.reduce((sum, gap) => sum + gap.to - gap.from, 0);
        const lost = spool.losses.reduce((sum, loss) => sum + loss.bytes!, 0);
        if (dropOld) {
          expect(missing).toBeGreaterThanOrEqual(0);
          // A segment that could not be removed is kept; the next one tries again.
          expect(tailBytes(segments)).toBeLessThanOrEqual(outputBytesMax + 4 * segmentBytesFor(outputBytesMax));
        } else {
          expect(missing).toBe(lost);
          expect(gaps.every((gap) => spool.losses.some((loss) => loss.from <= gap.from))).toBe(true);
        }
      },
    ),
    { numRuns: 300 },
  );
});

function spoolOf(system: FakeSystem, wish: { outputBytesMax?: number; dropOld?: boolean } = {}): Spool {
  system.files.makeFolder(folder);
  return new Spool({ system, folder, outputBytesMax: 65_536, dropOld: true, ...wish });
}

test("the head ends exactly where it should, and stays whatever comes later", () => {
  const system = fakeSystem();
  const spool = spoolOf(system);
  for (let at = 0; at < 1_000_000; at += 10_000) spool.append(stream(at, 10_000));
  const segments = onDisk(system);
  expect(segments[0]).toMatchObject({ start: 0, size: headBytes });
  expect(tailBytes(segments)).toBeLessThanOrEqual(65_536 + segmentBytesFor(65_536));
  expect(gapsOf(segments, spool.end)).toEqual([{ from: headBytes, to: segments[1]!.start }]);
  expect(spool.losses).toEqual([]);
});

test("without dropping, everything is kept and `full` tells; from dropOld on it is not", () => {
  const system = fakeSystem();
  const spool = spoolOf(system, { dropOld: false });
  spool.append(stream(0, headBytes + 65_535));
  expect(spool.full).toBe(false);
  spool.append(stream(headBytes + 65_535, 1));
  expect(spool.full).toBe(true);
  spool.append(stream(spool.end, 65_536));
  expect(gapsOf(onDisk(system), spool.end)).toEqual([]);
  spool.dropOld();
  for (let count = 0; count < 4; count += 1) spool.append(stream(spool.end, 65_536));
  expect(tailBytes(onDisk(system))).toBeLessThanOrEqual(2 * 65_536);
});

test("one loss is told as one, however many chunks it takes, and the next bytes stand behind it", () => {
  const system = fakeSystem();
  const spool = spoolOf(system);
  expect(spool.append(stream(0, 1000))).toBe("kept");
  system.machine.disk.bytesMax = system.machine.disk.usedBytes + 400;
  expect(spool.append(stream(1000, 1000))).toBe("lossBegan");
  expect(spool.append(stream(2000, 500))).toBe("lossGrew");
  expect(spool.losses).toEqual([{ reason: "disk_full", from: 1400, bytes: 1100, at: expect.any(String) }]);
  system.machine.disk.bytesMax = 1 << 30;
  expect(spool.append(stream(2500, 10))).toBe("kept");
  expect(onDisk(system).map(({ start, size }) => [start, size])).toEqual([
    [0, 1400],
    [2500, 10],
  ]);
});

test("another reason begins another loss", () => {
  const system = fakeSystem();
  const spool = spoolOf(system);
  spool.append(stream(0, 10));
  system.machine.disk.failAt(1, "ENOSPC");
  spool.append(stream(10, 10));
  system.machine.disk.failAt(1, "EIO");
  spool.append(stream(20, 10));
  expect(spool.losses.map(({ reason, from, bytes }) => [reason, from, bytes])).toEqual([
    ["disk_full", 10, 10],
    ["disk_error", 20, 10],
  ]);
});

test("more losses than a file holds: the newest takes in the rest, and the sum stays right", () => {
  const system = fakeSystem();
  const spool = spoolOf(system);
  for (let count = 0; count < 100; count += 1) {
    spool.append(stream(spool.end, 10));
    system.machine.disk.failAt(1, count % 2 === 0 ? "ENOSPC" : "EIO");
    spool.append(stream(spool.end, 7));
  }
  expect(spool.losses).toHaveLength(64);
  expect(spool.losses.reduce((sum, loss) => sum + loss.bytes!, 0)).toBe(700);
  expect(gapsOf(onDisk(system), spool.end)).toHaveLength(100);
});

test("a loss of unknown size is never added to", () => {
  const system = fakeSystem();
  const spool = spoolOf(system);
  spool.append(stream(0, 10));
  spool.loseUnknown("keeper_died");
  system.machine.disk.failAt(1, "EIO");
  spool.append(stream(10, 5));
  expect(spool.losses.map(({ reason, from, bytes }) => [reason, from, bytes])).toEqual([
    ["keeper_died", 10, null],
    ["disk_error", 10, 5],
  ]);
});

test("a keeper that dies on a full disk leaves the end behind: the next one goes on where it was", () => {
  const system = fakeSystem();
  const spool = spoolOf(system);
  spool.append(stream(0, 5000));
  system.machine.disk.bytesMax = system.machine.disk.usedBytes;
  for (let count = 0; count < 9; count += 1) spool.append(stream(spool.end, 1000));
  // state.json could not be written either, so the losses are known to nobody any more.
  expect(spoolOf(system).end).toBe(14_000);
  expect(system.files.list(folder)).toEqual([segmentName(0), segmentName(14_000)]);
});

test("files in the folder that are no segments are let be", () => {
  const system = fakeSystem();
  system.files.makeFolder(`${folder}/00000000000000000007.log`);
  system.files.replace(`${folder}/notes.txt`, "mine", { durable: false });
  system.files.replace(`${folder}/${segmentName(0)}`, "abc", { durable: false });
  const spool = spoolOf(system);
  expect(spool.end).toBe(3);
  spool.append(Buffer.from("def"));
  expect(system.files.read(`${folder}/${segmentName(0)}`)?.toString()).toBe("abcdef");
});
