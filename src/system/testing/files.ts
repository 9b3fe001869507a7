import { expect, test } from "vitest";
import { HermaError } from "../../contract/index.ts";
import { type ConformanceWorld, settled } from "./world.ts";

type Given = () => ConformanceWorld;

/** The error's code, or "" when nothing was thrown. */
export function codeThrown(act: () => unknown): string {
  try {
    act();
    return "";
  } catch (error) {
    return error instanceof HermaError ? error.code : `not a HermaError: ${String(error)}`;
  }
}

async function codeRejected(world: ConformanceWorld, promise: Promise<unknown>): Promise<string> {
  try {
    await settled(world, promise);
    return "";
  } catch (error) {
    return codeThrown(() => {
      throw error;
    });
  }
}

/** Reading, listing, and what absence looks like. */
export function readingConforms(given: Given): void {
  test("what is absent is a value", () => {
    const { system, folder } = given();
    const gone = `${folder}/no/such`;
    expect(system.files.read(gone)).toBeNull();
    expect(system.files.readRange(gone, 0, 10)).toBeNull();
    expect(system.files.stat(gone)).toBeNull();
    expect(system.files.list(gone)).toEqual([]);
    expect(system.files.remove(gone)).toBe(false);
    system.files.removeTree(gone);
  });

  test("a file inside a file is absent too", () => {
    const { system, folder } = given();
    system.files.createExclusive(`${folder}/a`, "x");
    expect(system.files.read(`${folder}/a/b`)).toBeNull();
    expect(system.files.stat(`${folder}/a/b`)).toBeNull();
  });

  test("bytes come back as they went in, whole and in ranges", () => {
    const { system, folder } = given();
    const bytes = Buffer.from([0, 255, 10, 128, 0, 200]);
    system.files.replace(`${folder}/a`, bytes, { durable: false });
    expect(system.files.read(`${folder}/a`)).toEqual(bytes);
    expect(system.files.readRange(`${folder}/a`, 2, 2)).toEqual(bytes.subarray(2, 4));
    expect(system.files.readRange(`${folder}/a`, 4, 100)).toEqual(bytes.subarray(4));
    expect(system.files.readRange(`${folder}/a`, 6, 1)).toEqual(Buffer.alloc(0));
    expect(system.files.readRange(`${folder}/a`, 600, 1)).toEqual(Buffer.alloc(0));
  });

  test("an empty file is empty, not absent", () => {
    const { system, folder } = given();
    system.files.createExclusive(`${folder}/a`, "");
    expect(system.files.read(`${folder}/a`)).toEqual(Buffer.alloc(0));
  });

  test("a file over the limit is refused, one at the limit is not", () => {
    const { system, folder } = given();
    system.files.createExclusive(`${folder}/a`, Buffer.alloc(10_000));
    expect(system.files.read(`${folder}/a`, 10_000)).toHaveLength(10_000);
    expect(codeThrown(() => system.files.read(`${folder}/a`, 9_999))).toBe("IO");
  });

  test("a folder is made with its parents, and once more; where a file stands none is made", () => {
    const { system, folder } = given();
    system.files.makeFolder(`${folder}/a/b/c`);
    system.files.makeFolder(`${folder}/a/b/c`);
    expect(system.files.stat(`${folder}/a/b/c`)).toMatchObject({ kind: "folder", mode: 0o700 });
    expect(system.files.stat(`${folder}/a`)).toMatchObject({ kind: "folder", mode: 0o700 });
    system.files.createExclusive(`${folder}/file`, "");
    expect(codeThrown(() => system.files.makeFolder(`${folder}/file`))).toBe("IO");
    expect(codeThrown(() => system.files.makeFolder(`${folder}/file/b/c`))).toBe("IO");
  });

  test("names are sorted, and stat tells kind, size and mode", () => {
    const { system, folder } = given();
    system.files.makeFolder(`${folder}/f/g`);
    system.files.createExclusive(`${folder}/f/b`, "12345");
    system.files.createExclusive(`${folder}/f/a`, "", { mode: 0o640 });
    system.files.makeFifo(`${folder}/f/c`);
    expect(system.files.list(`${folder}/f`)).toEqual(["a", "b", "c", "g"]);
    expect(system.files.stat(`${folder}/f/b`)).toMatchObject({ kind: "file", size: 5, mode: 0o600 });
    expect(system.files.stat(`${folder}/f/a`)).toMatchObject({ mode: 0o640 });
    expect(system.files.stat(`${folder}/f/g`)).toMatchObject({ kind: "folder", mode: 0o700 });
    expect(system.files.stat(`${folder}/f/c`)).toMatchObject({ kind: "fifo", mode: 0o600 });
  });

  test("nothing follows a link in the last place", () => {
    const { system, folder, makeLink } = given();
    system.files.createExclusive(`${folder}/secret`, "s");
    makeLink(`${folder}/link`, `${folder}/secret`);
    expect(system.files.stat(`${folder}/link`)?.kind).toBe("link");
    expect(codeThrown(() => system.files.read(`${folder}/link`))).toBe("IO");
    expect(codeThrown(() => system.files.readRange(`${folder}/link`, 0, 1))).toBe("IO");
    expect(codeThrown(() => system.files.appender(`${folder}/link`))).toBe("IO");
    expect(codeThrown(() => system.locks.tryTake(`${folder}/link`))).toBe("IO");
    expect(system.files.createExclusive(`${folder}/link`, "x")).toBe(false);
    system.files.replace(`${folder}/link`, "mine", { durable: false });
    expect(system.files.read(`${folder}/secret`)?.toString()).toBe("s");
    expect(system.files.read(`${folder}/link`)?.toString()).toBe("mine");
  });

  test("a FIFO in a file's place does not hang a reader", () => {
    const { system, folder } = given();
    system.files.makeFifo(`${folder}/a`);
    expect(["", "IO"]).toContain(codeThrown(() => system.files.read(`${folder}/a`)));
  });
}

/** Writing: whole or not at all. */
export function writingConforms(given: Given): void {
  test("the mode of a file is set; of a link, or of nothing, it is not", () => {
    const { system, folder, makeLink } = given();
    system.files.createExclusive(`${folder}/a`, "a", { mode: 0o644 });
    system.files.setMode(`${folder}/a`, 0o600);
    expect(system.files.stat(`${folder}/a`)?.mode).toBe(0o600);
    makeLink(`${folder}/b`, `${folder}/a`);
    expect(codeThrown(() => system.files.setMode(`${folder}/b`, 0o777))).toBe("IO");
    expect(codeThrown(() => system.files.setMode(`${folder}/none`, 0o600))).toBe("IO");
    expect(codeThrown(() => system.files.setGroup(`${folder}/b`, 0))).toBe("IO");
    expect(codeThrown(() => system.files.setGroup(`${folder}/none`, 0))).toBe("IO");
    expect(system.files.stat(`${folder}/a`)?.mode).toBe(0o600);
  });

  test("createExclusive makes a file once", () => {
    const { system, folder } = given();
    const won = ["a", "b", "c"].map((text) => system.files.createExclusive(`${folder}/x`, text, { durable: true }));
    expect(won).toEqual([true, false, false]);
    expect(system.files.read(`${folder}/x`)?.toString()).toBe("a");
    expect(system.files.list(folder)).toEqual(["x"]);
  });

  test.each([true, false])("replace (durable: %s) replaces whole, by another inode, with the asked mode", (durable) => {
    const { system, folder } = given();
    system.files.replace(`${folder}/x`, "old and longer", { durable });
    const before = system.files.stat(`${folder}/x`);
    system.files.replace(`${folder}/x`, "new", { durable, mode: 0o640 });
    expect(system.files.read(`${folder}/x`)?.toString()).toBe("new");
    expect(system.files.stat(`${folder}/x`)).toMatchObject({ mode: 0o640 });
    expect(system.files.stat(`${folder}/x`)?.ino).not.toBe(before?.ino);
    expect(system.files.list(folder)).toEqual(["x"]);
  });

  test("replaceDurably: the last call wins, whatever is under way", async () => {
    const { system, folder } = given();
    const path = `${folder}/x`;
    const writes = ["1", "2", "3"].map((text) => system.files.replaceDurably(path, text.repeat(1000)));
    system.files.replace(path, "4", { durable: false });
    const last = system.files.replaceDurably(path, "5", 0o640);
    await settled(given(), Promise.all([...writes, last]));
    expect(system.files.read(path)?.toString()).toBe("5");
    expect(system.files.stat(path)).toMatchObject({ mode: 0o640 });
    expect(system.files.list(folder)).toEqual(["x"]);
  });

  test("a later replace is not undone by a slower durable one before it", async () => {
    const { system, folder } = given();
    const slow = system.files.replaceDurably(`${folder}/x`, "slow");
    system.files.replace(`${folder}/x`, "newer", { durable: true });
    await settled(given(), slow);
    expect(system.files.read(`${folder}/x`)?.toString()).toBe("newer");
  });

  test("writing where no folder is, is IO and leaves nothing", async () => {
    const { system, folder } = given();
    const path = `${folder}/none/x`;
    expect(codeThrown(() => system.files.createExclusive(path, ""))).toBe("IO");
    expect(codeThrown(() => system.files.replace(path, "", { durable: true }))).toBe("IO");
    expect(await codeRejected(given(), system.files.replaceDurably(path, ""))).toBe("IO");
    expect(codeThrown(() => system.files.reserve(path, 10))).toBe("IO");
    expect(codeThrown(() => system.files.makeFifo(path))).toBe("IO");
    expect(system.files.list(folder)).toEqual([]);
  });

  test("an error names the path and the system's reason", () => {
    const { system, folder } = given();
    expect(() => system.files.replace(`${folder}/none/x`, "", { durable: false })).toThrow(/none\/x.*ENOENT/);
    expect(() => system.files.rename(`${folder}/none`, `${folder}/y`)).toThrow(/none.*ENOENT/);
  });

  test("an appender is for files: what else stands there is refused at once, a FIFO without a reader too", () => {
    const { system, folder } = given();
    system.files.makeFifo(`${folder}/fifo`);
    system.files.makeFolder(`${folder}/folder`);
    for (const name of ["fifo", "folder"])
      expect(
        codeThrown(() => system.files.appender(`${folder}/${name}`)),
        name,
      ).toBe("IO");
  });

  test("an appender goes on at the end and knows its size", () => {
    const { system, folder } = given();
    const first = system.files.appender(`${folder}/log`);
    first.write(Buffer.from("one "));
    first.close();
    first.close();
    const second = system.files.appender(`${folder}/log`);
    expect(second.size).toBe(4);
    second.write(Buffer.from("two"));
    expect(second.size).toBe(7);
    second.close();
    expect(system.files.read(`${folder}/log`)?.toString()).toBe("one two");
    expect(system.files.stat(`${folder}/log`)?.mode).toBe(0o600);
  });

  test("remove takes files only, removeTree all", () => {
    const { system, folder } = given();
    system.files.makeFolder(`${folder}/a/b`);
    system.files.createExclusive(`${folder}/a/b/c`, "");
    expect(codeThrown(() => system.files.remove(`${folder}/a`))).toBe("IO");
    expect(system.files.remove(`${folder}/a/b/c`)).toBe(true);
    system.files.makeFifo(`${folder}/a/b/d`);
    system.files.removeTree(`${folder}/a`);
    expect(system.files.list(folder)).toEqual([]);
  });

  test("rename moves over what is there", () => {
    const { system, folder } = given();
    system.files.createExclusive(`${folder}/a`, "a");
    system.files.createExclusive(`${folder}/b`, "b");
    system.files.rename(`${folder}/a`, `${folder}/b`);
    expect(system.files.list(folder)).toEqual(["b"]);
    expect(system.files.read(`${folder}/b`)?.toString()).toBe("a");
  });

  test("a watch rings after a change, and not after its end", async () => {
    const { system, folder, until, pass } = given();
    const names: (string | null)[] = [];
    const stop = system.files.watch(folder, (name) => names.push(name));
    system.files.replace(`${folder}/x`, "1", { durable: false });
    await until("the change is told", () => names.includes("x"));
    stop();
    stop();
    const count = names.length;
    system.files.replace(`${folder}/y`, "1", { durable: false });
    await pass(50);
    expect(names).toHaveLength(count);
  });
}

/** Reserved space, and disks that are full. */
export function fullDiskConforms(given: Given): void {
  test("fulfil puts the content in a reserved file and gives it its name", async () => {
    const { system, folder } = given();
    system.files.reserve(`${folder}/.r`, 4096);
    expect(system.files.stat(`${folder}/.r`)).toMatchObject({ size: 4096, mode: 0o600 });
    expect(codeThrown(() => system.files.reserve(`${folder}/.r`, 10))).toBe("IO");
    const before = system.files.stat(`${folder}/.r`);
    await settled(given(), system.files.fulfil(`${folder}/.r`, `${folder}/done`, "the end"));
    expect(system.files.list(folder)).toEqual(["done"]);
    expect(system.files.read(`${folder}/done`)?.toString()).toBe("the end");
    expect(system.files.stat(`${folder}/done`)?.ino).toBe(before?.ino);
  });

  test("fulfil of nothing is IO", async () => {
    const { system, folder } = given();
    expect(await codeRejected(given(), system.files.fulfil(`${folder}/none`, `${folder}/done`, ""))).toBe("IO");
    expect(system.files.list(folder)).toEqual([]);
  });

  test("on a full disk a replacement fails without a trace, and a reserved file can still be fulfilled", async (context) => {
    const { system, smallDisk } = given();
    const disk = smallDisk(1024 * 1024);
    if ("skip" in disk) return context.skip(disk.skip);
    const { folder } = disk;
    system.files.replace(`${folder}/state`, "before", { durable: true });
    system.files.reserve(`${folder}/.exit`, 4096);
    const log = system.files.appender(`${folder}/log`);
    const chunk = Buffer.alloc(100_000, "x");
    let written = 0;
    let error: unknown;
    try {
      for (;;) {
        log.write(chunk);
        written += chunk.length;
      }
    } catch (caught) {
      error = caught;
    }
    expect(error).toMatchObject({ code: "DISK_FULL" });
    written += (error as HermaError).data?.written as number;
    expect(system.files.stat(`${folder}/log`)?.size).toBe(written);
    expect(log.size).toBe(written);
    log.close();
    const large = "y".repeat(8192);
    expect(codeThrown(() => system.files.replace(`${folder}/state`, large, { durable: true }))).toBe("DISK_FULL");
    expect(await codeRejected(given(), system.files.replaceDurably(`${folder}/state`, large))).toBe("DISK_FULL");
    expect(codeThrown(() => system.files.createExclusive(`${folder}/other`, large))).toBe("DISK_FULL");
    expect(codeThrown(() => system.files.reserve(`${folder}/.other`, 8192))).toBe("DISK_FULL");
    expect(system.files.read(`${folder}/state`)?.toString()).toBe("before");
    await settled(given(), system.files.fulfil(`${folder}/.exit`, `${folder}/exit.json`, "z".repeat(4000)));
    expect(system.files.read(`${folder}/exit.json`)?.toString()).toBe("z".repeat(4000));
    expect(system.files.list(folder)).toEqual(["exit.json", "log", "state"]);
  });
}
