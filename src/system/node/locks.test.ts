import { readdirSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import process from "node:process";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../../../test/setup/folders.ts";
import type { Seen } from "../types.ts";
import { nodeLocks } from "./locks.ts";

const dead = (): Seen => ({ kind: "dead" });
const alive = (pid: number): Seen => ({
  kind: "alive",
  row: { pid, parent: 1, group: pid, session: pid, name: "x", startTime: 1, zombie: false, stopped: false },
});
const unknown = (): Seen => ({ kind: "unknown", why: "test" });

/** Looks at a file with the given body while the kernel's list of locks says `lines` (`HERE` stands for the file). */
function lookWith(lines: string[] | null, body: string, look: (pid: number) => Seen) {
  const folder = temporaryFolder();
  const path = `${folder}/lock`;
  writeFileSync(path, body);
  const { dev, ino } = statSync(path, { bigint: true });
  const hex = (value: bigint): string => value.toString(16).padStart(2, "0");
  const here = `${hex((dev >> 8n) & 0xfffn)}:${hex((dev & 0xffn) | ((dev >> 12n) & 0xfff00n))}:${ino}`;
  if (lines !== null) writeFileSync(`${folder}/locks`, `${lines.join("\n").replaceAll("HERE", here)}\n`);
  return nodeLocks({ look }, { locksPath: `${folder}/locks` }).look(path);
}

describe("a file that is replaced between opening and locking it", () => {
  test("is opened again, so that the lock is on what the path names", () => {
    const path = `${temporaryFolder()}/lock`;
    let replaced = 0;
    const opened = (): void => {
      if (replaced < 3) unlinkSync(path);
      replaced += 1;
    };
    const lock = nodeLocks({ look: dead }, { opened }).tryTake(path);
    expect(lock?.pathIsOurs()).toBe(true);
    expect(replaced).toBe(4);
    expect(nodeLocks({ look: dead }).tryTake(path)).toBeNull();
    lock?.release();
  });

  test("again and again, is given up", () => {
    const path = `${temporaryFolder()}/lock`;
    const before = openDescriptors();
    const locks = nodeLocks({ look: dead }, { opened: () => unlinkSync(path) });
    expect(() => locks.tryTake(path)).toThrow(/replaced/);
    expect(openDescriptors()).toBe(before);
  });
});

const openDescriptors = (): number => readdirSync("/proc/self/fd").length;

test("what this program holds itself is told without the kernel's list, as long as the path names it", () => {
  const path = `${temporaryFolder()}/lock`;
  const locks = nodeLocks({ look: dead }, { locksPath: `${path}.none` });
  const lock = locks.tryTake(path);
  expect(locks.look(path)).toEqual({ held: true, pid: process.pid });
  unlinkSync(path);
  writeFileSync(path, "");
  expect(locks.look(path)).toEqual({ held: "unknown" });
  lock?.release();
  const again = locks.tryTake(path);
  expect(locks.look(path)).toEqual({ held: true, pid: process.pid });
  again?.release();
  expect(locks.look(path)).toEqual({ held: "unknown" });
});

describe("/proc/locks", () => {
  test("the holder's line is found among others", () => {
    const lines = [
      "1: POSIX  ADVISORY  WRITE 55 HERE 0 EOF",
      "2: FLOCK  ADVISORY  WRITE 66 00:01:12345 0 EOF",
      "3: FLOCK  ADVISORY  WRITE 1234 HERE 0 EOF",
      "3: -> FLOCK  ADVISORY  WRITE 77 HERE 0 EOF",
    ];
    expect(lookWith(lines, '{"pid":9}', alive)).toEqual({ held: true, pid: 1234 });
    expect(lookWith(lines, '{"pid":9}', unknown)).toEqual({ held: true, pid: 1234 });
  });

  test("one that is dead holds nothing: what it was just starting lets go as soon as it is a program of its own", () => {
    const lines = ["3: FLOCK  ADVISORY  WRITE 1234 HERE 0 EOF"];
    expect(lookWith(lines, '{"pid":1234}', dead)).toEqual({ held: false });
    // The body names one that lives: a daemon whose parent took the lock.
    expect(lookWith(lines, '{"pid":9}', (pid) => (pid === 9 ? alive(pid) : dead()))).toEqual({ held: "unknown" });
  });

  test("who waits is no holder", () => {
    expect(lookWith(["3: -> FLOCK  ADVISORY  WRITE 77 HERE 0 EOF"], "", dead)).toEqual({ held: false });
  });

  test("a holder in another pid namespace holds it all the same", () => {
    expect(lookWith(["3: FLOCK  ADVISORY  WRITE 0 HERE 0 EOF"], "", dead)).toEqual({ held: true, pid: null });
    expect(lookWith(["3: FLOCK  ADVISORY  WRITE -1 HERE 0 EOF"], "", dead)).toEqual({ held: true, pid: null });
  });

  test.each<[string, string, (pid: number) => Seen, boolean | "unknown"]>([
    ["no body", "", unknown, false],
    ["a dead pid", '{"pid":42}', dead, false],
    ["a dead pid in an identity", '{"identity":{"pid":42}}', dead, false],
    ["a bare dead pid", "42", dead, false],
    ["a pid that cannot be judged", '{"pid":42}', unknown, "unknown"],
    ["true for a pid", '{"pid":true}', dead, "unknown"],
    ["a negative pid", '{"pid":-1}', dead, "unknown"],
    ["no pid", "{}", dead, "unknown"],
    ["null", "null", dead, "unknown"],
    ["noise", "\u0000{", dead, "unknown"],
  ])("nobody named, and %s in the body", (_what, body, look, held) => {
    expect(lookWith([], body, look)).toEqual({ held });
  });

  test("without the list nothing is known", () => {
    expect(lookWith(null, "", dead)).toEqual({ held: "unknown" });
  });
});
