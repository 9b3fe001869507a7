import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../../test/setup/folders.ts";
import { until } from "../../test/setup/waiting.ts";
import type { HermaError } from "../contract/index.ts";
import { nodeSystem } from "../system/index.ts";
import { openStore, type Store, type StoreOptions } from "./index.ts";
import { openDatabase } from "./openDatabase.ts";
import { newNotice, processId } from "./testing/things.ts";

const system = nodeSystem();
const one = processId(1);

function open(home: string, options: Partial<StoreOptions> = {}): Store {
  const store = openStore({ home, system, ...options });
  onTestFinished(() => store[Symbol.dispose]());
  return store;
}

const failure = (code: string, text = "") => expect.objectContaining({ code, message: expect.stringContaining(text) });
const modes = (home: string) => readdirSync(home).map((name) => `${name} ${(statSync(join(home, name)).mode & 0o777).toString(8)}`);

test("only its owner can read it, whatever the umask, and one file is left when nobody has it open", () => {
  const home = join(temporaryFolder(), "new", "home");
  const store = open(home);
  store.notices.add(newNotice(1), "1");
  expect(modes(home)).toEqual(["herma.db 600", "herma.db-shm 600", "herma.db-wal 600"]);
  expect(statSync(home).mode & 0o777).toBe(0o700);
  store[Symbol.dispose]();
  expect(modes(home)).toEqual(["herma.db 600"]);
  expect(open(home).notices.list()).toHaveLength(1);
});

test("what is committed is synced: a notice is on the disk before anybody hears of it", () => {
  const { database } = openDatabase({ path: join(temporaryFolder(), "herma.db"), system });
  expect(database.prepare("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" });
  // 2 is FULL: each commit waits until the log is on the disk.
  expect(database.prepare("PRAGMA synchronous").get()).toEqual({ synchronous: 2 });
  database.close();
});

test("several have it open, and each sees what the others commit", () => {
  const home = temporaryFolder();
  const [left, right] = [open(home), open(home)];
  left.notices.add(newNotice(1), "1");
  expect(right.notices.add(newNotice(2), "1")).toBe(false);
  expect(right.notices.claim({ claimant: "r", limit: 1, leaseMs: 60_000 })).toHaveLength(1);
  expect(left.notices.claim({ claimant: "l", limit: 1, leaseMs: 60_000 })).toEqual([]);
  expect(left.notices.deliver(newNotice(1).id, "r")).toBe(true);
});

/** The home's database as another program has it, with the lock for writing. */
function lockedByAnother(home: string): DatabaseSync {
  const other = new DatabaseSync(join(home, "herma.db"));
  onTestFinished(() => other.close());
  other.exec("BEGIN IMMEDIATE");
  return other;
}

test("a transaction of another that takes too long is told as that, and nothing is changed", () => {
  const home = temporaryFolder();
  const store = open(home, { busyMs: 20 });
  const other = lockedByAnother(home);
  expect(() => store.readers.acknowledge(one, "model", 5)).toThrow(failure("IO", "another program"));
  expect(() => store.transaction(() => 1)).toThrow(expect.objectContaining({ code: "IO", hint: expect.stringContaining("Try again") }));
  // Reading waits for nobody.
  expect(store.readers.acknowledged(one, "model")).toBe(0);
  other.exec("COMMIT");
  store.readers.acknowledge(one, "model", 5);
  expect(store.readers.acknowledged(one, "model")).toBe(5);
});

test("a program that keeps its lock is waited for once, not anew by each of many", () => {
  const home = temporaryFolder();
  const store = open(home, { busyMs: 1000 });
  const other = lockedByAnother(home);
  const locked = failure("IO", "another program");
  expect(() => store.readers.acknowledge(one, "model", 5)).toThrow(locked);
  const beginMs = performance.now();
  for (let count = 0; count < 20; count += 1) {
    expect(() => store.readers.acknowledge(one, "model", 5)).toThrow(locked);
    // That reading goes through says nothing of writing.
    expect(store.readers.acknowledged(one, "model")).toBe(0);
  }
  // Twenty waits in full would be twenty seconds.
  expect(performance.now() - beginMs).toBeLessThan(10_000);
  other.exec("COMMIT");
  store.readers.acknowledge(one, "model", 5);
  expect(store.readers.acknowledged(one, "model")).toBe(5);
});

test.each([
  ["noise", Buffer.alloc(20_000, "noise ")],
  ["a few bytes", Buffer.from("{}")],
  ["text of the length of a page", Buffer.alloc(4096, "x")],
])("a file that is no database is set aside and told, and a new one is made: %s", (_what, bytes) => {
  const home = temporaryFolder();
  writeFileSync(join(home, "herma.db"), bytes);
  // Left by whoever was there before; SQLite must not take it for the log of the new one.
  writeFileSync(join(home, "herma.db-wal"), "the log of something");
  const problems: HermaError[] = [];
  const store = open(home, { onProblem: (problem) => problems.push(problem) });
  store.notices.add(newNotice(1), "1");
  expect(problems).toEqual([failure("FILE_CORRUPT", "set aside")]);
  const aside = String(problems[0]?.data?.aside);
  expect(aside).toMatch(/herma\.db\.corrupt-\d{4}-\d\d-\d\dT\d{6}-[0-9a-f]{6}$/);
  expect(readFileSync(aside)).toEqual(bytes);
  store[Symbol.dispose]();
  const again = open(home, { onProblem: (problem) => problems.push(problem) });
  expect(again.notices.list()).toHaveLength(1);
  expect(problems).toHaveLength(1);
});

test("what another program has just set aside and made anew is not set aside again", () => {
  const home = temporaryFolder();
  writeFileSync(join(home, "herma.db"), "noise ".repeat(1000));
  const problems: HermaError[] = [];
  const onProblem = (problem: HermaError): void => void problems.push(problem);
  const late: StoreOptions["system"] = {
    ...system,
    locks: {
      ...system.locks,
      tryTake: (path) => {
        // This program has seen the noise, and before it has the lock the other one is through.
        open(home, { onProblem }).notices.add(newNotice(1), "1");
        return system.locks.tryTake(path);
      },
    },
  };
  expect(open(home, { system: late, onProblem }).notices.list()).toHaveLength(1);
  expect(problems).toHaveLength(1);
});

test("whoever cannot set it aside because another one is at it says so after a while", () => {
  const home = temporaryFolder();
  writeFileSync(join(home, "herma.db"), "noise ".repeat(1000));
  const lock = system.locks.tryTake(join(home, "herma.db.lock"));
  expect(() => open(home, { busyMs: 30 })).toThrow(failure("IO", "herma.db.lock"));
  lock?.release();
  expect(open(home).notices.list()).toEqual([]);
});

test("an empty file is a database that nobody has used yet", () => {
  const home = temporaryFolder();
  writeFileSync(join(home, "herma.db"), "");
  const store = open(home, { onProblem: (problem) => expect.unreachable(problem.message) });
  expect(store.notices.add(newNotice(1), "1")).toBe(true);
});

test("a damaged database is not thrown away: it is told, and left where it is", () => {
  const home = temporaryFolder();
  const path = join(home, "herma.db");
  const store = open(home);
  for (let n = 1; n <= 200; n += 1) store.notices.add(newNotice(n, { text: "x".repeat(500) }), `${n}`);
  store[Symbol.dispose]();
  const bytes = readFileSync(path);
  // The header stays, and every page behind the first is noise.
  writeFileSync(path, Buffer.concat([bytes.subarray(0, 4096), Buffer.alloc(bytes.length - 4096, 0x5a)]));
  expect(() => open(home).notices.list()).toThrow(expect.objectContaining({ code: "FILE_CORRUPT", hint: expect.stringContaining("left") }));
  expect(readdirSync(home).filter((name) => name.includes("corrupt"))).toEqual([]);
});

test("noise in any page: whole rows, or a failure of the catalogue", () => {
  const home = temporaryFolder();
  const path = join(home, "herma.db");
  const store = open(home);
  for (let n = 1; n <= 40; n += 1) store.notices.add(newNotice(n), `${n}`);
  store[Symbol.dispose]();
  const whole = readFileSync(path);
  let seed = 11;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    return seed % below;
  };
  const codes = new Set<string>();
  for (let round = 0; round < 150; round += 1) {
    const noise = Buffer.from(whole);
    for (let i = 0; i < 30; i += 1) noise[100 + random(noise.length - 100)] = random(256);
    for (const name of readdirSync(home)) rmSync(join(home, name));
    writeFileSync(path, noise);
    try {
      using damaged = openStore({ home, system });
      for (const notice of damaged.notices.list()) expect(typeof notice.text).toBe("string");
      damaged.notices.add(newNotice(1000), "new");
      codes.add("ok");
    } catch (error) {
      codes.add((error as HermaError).code ?? String(error));
    }
  }
  expect([...codes].filter((code) => !["ok", "FILE_CORRUPT", "IO", "INTERNAL"].includes(code))).toEqual([]);
  expect(codes).toContain("FILE_CORRUPT");
});

test("a link, a folder or a pipe in its place is refused", () => {
  const home = temporaryFolder();
  const path = join(home, "herma.db");
  symlinkSync("/etc/hostname", path);
  expect(() => open(home)).toThrow(failure("IO", "link"));
  rmSync(path);
  mkdirSync(path);
  expect(() => open(home)).toThrow(failure("IO", "folder"));
  rmSync(path, { recursive: true });
  system.files.makeFifo(path);
  expect(() => open(home)).toThrow(failure("IO", "fifo"));
});

test("moved away or replaced while it is open: what comes next goes to the file that stands there", () => {
  const home = temporaryFolder();
  const path = join(home, "herma.db");
  const store = open(home);
  store.notices.add(newNotice(1), "1");
  for (const end of ["", "-wal", "-shm"]) renameSync(path + end, `${path}.old${end}`);
  expect(store.notices.list()).toEqual([]);
  expect(store.notices.add(newNotice(2), "2")).toBe(true);
  expect(open(home).notices.list()).toHaveLength(1);
});

test("when it cannot be opened again, that is told until it can", () => {
  const home = temporaryFolder();
  const path = join(home, "herma.db");
  const store = open(home);
  for (const end of ["", "-wal", "-shm"]) rmSync(path + end);
  mkdirSync(path);
  for (let i = 0; i < 3; i += 1) expect(() => store.notices.list()).toThrow(failure("IO", "folder"));
  rmSync(path, { recursive: true });
  expect(store.notices.list()).toEqual([]);
  expect(store.notices.add(newNotice(2), "2")).toBe(true);
});

test("changes are told: those of others, and its own, and none after the end", async () => {
  const home = temporaryFolder();
  const [left, right] = [open(home), open(home)];
  let told = 0;
  const end = left.onChange(() => {
    told += 1;
  });
  right.notices.add(newNotice(1), "1");
  await until("the other's change is told", () => told > 0);
  told = 0;
  left.notices.add(newNotice(2), "2");
  expect(told, "never from within a call").toBe(0);
  await until("its own change is told", () => told > 0);
  end();
  end();
  told = 0;
  let others = 0;
  const endOther = right.onChange(() => {
    others += 1;
  });
  left.notices.add(newNotice(3), "3");
  await until("another listener is told", () => others > 0);
  expect(told).toBe(0);
  endOther();
});

test("looking is no change: whoever looks when told is told once", async () => {
  const home = temporaryFolder();
  const [left, right] = [open(home), open(home)];
  left.notices.add(newNotice(1), "1");
  left.notices.claim({ claimant: "l", limit: 1, leaseMs: 60_000 });
  let told = 0;
  const end = right.onChange(() => {
    told += 1;
    // Somebody else's claim stands, so this goes as far as a transaction.
    expect(right.notices.claim({ claimant: "r", limit: 1, leaseMs: 60_000 })).toEqual([]);
    right.transaction(() => right.notices.list());
    right.watches.remove(99);
  });
  left.readers.acknowledge(one, "model", 1);
  await until("it is told", () => told > 0);
  // The next change of all comes as one more, and nothing was told in between.
  const before = told;
  left.readers.acknowledge(one, "model", 2);
  await until("it is told again", () => told > before);
  expect(told).toBeLessThanOrEqual(4);
  end();
});

test("a replaced file is a change", async () => {
  const home = temporaryFolder();
  const path = join(home, "herma.db");
  const store = open(home);
  let told = 0;
  const end = store.onChange(() => {
    told += 1;
  });
  for (const name of ["", "-wal", "-shm"]) renameSync(path + name, `${path}.old${name}`);
  store.notices.list();
  await until("it is told", () => told > 0);
  end();
});

test("closing ends what was subscribed", () => {
  const home = temporaryFolder();
  const store = open(home);
  const end = store.onChange(() => {});
  store.readers.acknowledge(one, "model", 1);
  store[Symbol.dispose]();
  end();
});
