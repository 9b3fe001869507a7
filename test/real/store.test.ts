import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import nodeProcess from "node:process";
import { DatabaseSync } from "node:sqlite";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { openStore, type Store, type StoreOptions } from "../../src/store/index.ts";
import { newNotice, processId } from "../../src/store/testing/things.ts";
import { nodeSystem } from "../../src/system/index.ts";
import { temporaryFolder } from "../setup/folders.ts";
import { deadline, until } from "../setup/waiting.ts";

const writerProgram = join(import.meta.dirname, "../fixtures/programs/storeWriter.ts");

const system = nodeSystem();

function open(home: string, options: Partial<StoreOptions> = {}): Store {
  const store = openStore({ home, system, ...options });
  onTestFinished(() => store[Symbol.dispose]());
  return store;
}

/** Of all the programs that these tests start: half of the time they take goes into it otherwise. */
let compiled = "";
beforeAll(() => {
  compiled = temporaryFolder();
});

type Writer = {
  readonly child: ChildProcess;
  readonly lines: readonly string[];
  readonly ended: Promise<{ code: number | null; stderr: string }>;
};

function startWriter(...args: string[]): Writer {
  const child = spawn(nodeProcess.execPath, [writerProgram, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...nodeProcess.env, NODE_COMPILE_CACHE: compiled },
  });
  const lines: string[] = [];
  let [rest, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    lines.push(...parts);
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  // Older versions of Node.js 24 say that they run TypeScript; what is built is JavaScript.
  const own = (): string => stderr.replace(/^.*Type Stripping is an experimental.*\n.*trace-warnings.*\n/m, "");
  const ended = new Promise<{ code: number | null; stderr: string }>((done) => child.on("close", (code) => done({ code, stderr: own() })));
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  return { child, lines, ended };
}

/** Everything SQLite itself can find wrong. */
function demandSound(home: string): void {
  const database = new DatabaseSync(join(home, "herma.db"));
  try {
    expect(database.prepare("PRAGMA integrity_check").all()).toEqual([{ integrity_check: "ok" }]);
  } finally {
    database.close();
  }
}

test("two programs on one new database: no row is lost or doubled, every notice is delivered once, nothing is printed", async () => {
  const home = temporaryFolder();
  const steps = 400;
  const writers = ["a", "b"].map((name, index) => startWriter(home, name, "share", String(steps), String(index + 1)));
  for (const writer of writers) {
    expect(await deadline(writer.ended, 100_000, "the writers end")).toEqual({ code: 0, stderr: "" });
  }
  const store = open(home);
  const said = writers.flatMap((writer) => writer.lines);
  expect(said.filter((line) => line === "counted")).toHaveLength(2 * steps);
  expect(store.scans.get(processId(0xff))?.offset).toBe(2 * steps);

  const added = said.filter((line) => line.startsWith("added "));
  expect(new Set(added).size).toBe(added.length);
  const notices = store.notices.list();
  expect(notices).toHaveLength(added.length);
  expect(added.filter((line) => line.startsWith("added both ")).length).toBeGreaterThan(steps / 3);

  const delivered = said.filter((line) => line.startsWith("delivered ")).map((line) => line.slice("delivered ".length));
  expect(new Set(delivered).size).toBe(delivered.length);
  expect(delivered.sort()).toEqual(
    notices
      .filter((notice) => notice.state === "delivered")
      .map((notice) => notice.id)
      .sort(),
  );
  expect(notices.filter((notice) => !["stored", "delivered"].includes(notice.state))).toEqual([]);
  // What nobody took can still be taken, by a third one.
  const left = notices.filter((notice) => notice.state === "stored");
  expect(store.notices.claim({ claimant: "c", limit: 10_000, leaseMs: 1000 })).toHaveLength(left.length);
  demandSound(home);
});

test("killed in the middle of transactions, 50 times: the database opens, and what was committed is there, whole", async () => {
  const home = temporaryFolder();
  // A program that lives through all of it, and must not notice.
  const witness = open(home, { busyMs: 30_000 });
  let random = 20_260_301;
  const below = (limit: number): number => {
    random = (Math.imul(random, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (random >>> 8) % limit;
  };
  const names = ["1", "2", "3", "4", "5"];
  const known = new Map<string, number>();
  for (let round = 0; round < 10; round += 1) {
    const writers = names.map((name) => ({ name, writer: startWriter(home, name, "batches"), batches: 1 + below(12) }));
    for (const { name, writer, batches } of writers) {
      await until(`writer ${name} has written ${batches} batches`, () => writer.lines.length > batches, { deadlineMs: 60_000 });
      witness.readers.acknowledge(processId(0xee), "witness", round);
      writer.child.kill("SIGKILL");
      const { stderr } = await deadline(writer.ended, 30_000, "it is gone");
      expect(stderr).toBe("");
      const last = Number(writer.lines.at(-1)?.split(" ")[1]);
      known.set(name, Math.max(known.get(name) ?? 0, last));
    }
    demandWholeBatches(witness, known);
  }
  using fresh = openStore({ home, system });
  demandWholeBatches(fresh, known);
  demandSound(home);
  // Else no kill can have hit a transaction, and this test shows nothing.
  expect(names.reduce((sum, name) => sum + (known.get(name) ?? 0), 0)).toBeGreaterThan(50);
});

/** Every batch that was said to be committed is there, each with all its parts, and the cursor beside them says the same. */
function demandWholeBatches(store: Store, known: ReadonlyMap<string, number>): void {
  for (const [name, last] of known) {
    const id = processId(Number.parseInt(name, 16));
    const parts = new Map<number, number>();
    for (const { data } of store.notices.list({ process: id })) parts.set(Number(data.number), (parts.get(Number(data.number)) ?? 0) + 1);
    const end = store.scans.get(id)?.offset ?? 0;
    expect(end).toBeGreaterThanOrEqual(last);
    expect([...parts.keys()].sort((a, b) => a - b)).toEqual(Array.from({ length: end }, (_, index) => index + 1));
    expect([...parts.values()].filter((count) => count !== 5)).toEqual([]);
    expect(store.readers.acknowledged(id, "model")).toBe(end);
  }
}

test("many programs open a home that has no database, or one that is none, at the same moment", async () => {
  for (const noise of [null, "this is no database, and long enough that nobody takes it for the beginning of one. ".repeat(100)]) {
    const home = temporaryFolder();
    if (noise !== null) writeFileSync(join(home, "herma.db"), noise);
    const writers = ["1", "2", "3", "4", "5", "6"].map((name) => startWriter(home, name, "share", "5", name));
    for (const writer of writers) expect(await deadline(writer.ended, 60_000, "the writers end")).toEqual({ code: 0, stderr: "" });
    const added = writers.flatMap((writer) => writer.lines).filter((line) => line.startsWith("added "));
    const store = open(home);
    expect(store.notices.list()).toHaveLength(added.length);
    expect(store.scans.get(processId(0xff))?.offset).toBe(30);
    expect(readdirSync(home).filter((name) => /^herma\.db\.corrupt-[^.]*$/.test(name))).toHaveLength(noise === null ? 0 : 1);
  }
});

test("what another program commits is told without being asked for", async () => {
  const home = temporaryFolder();
  const store = open(home);
  let told = 0;
  const end = store.onChange(() => {
    told += 1;
  });
  onTestFinished(end);
  const writer = startWriter(home, "1", "share", "1", "1");
  const seen = await until(
    "its last change is seen by looking only when told",
    () => (told > 0 ? store.scans.get(processId(0xff)) : null),
    {
      deadlineMs: 30_000,
    },
  );
  expect(seen).toMatchObject({ offset: 1 });
  expect(await deadline(writer.ended, 30_000, "the writer ends")).toMatchObject({ code: 0 });
});

const isRoot = nodeProcess.getuid?.() === 0 && nodeProcess.platform === "linux";

test.skipIf(!isRoot)("a full disk: what does not fit is refused whole, what was there is read, and with room it goes on", async () => {
  const home = temporaryFolder();
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", home]);
  onTestFinished(() => void execFileSync("umount", [home]));
  const full = expect.objectContaining({ code: "DISK_FULL" });
  const fill = (): void => {
    try {
      writeFileSync(join(home, "filler"), Buffer.alloc(2 * 1024 * 1024));
    } catch {
      // That is the aim.
    }
  };
  fill();
  expect(() => openStore({ home, system })).toThrow(full);
  rmSync(join(home, "filler"));

  let store = openStore({ home, system });
  let count = 0;
  const add = (): boolean => store.notices.add(newNotice(count + 1, { text: "x".repeat(1000) }), `${count + 1}`);
  try {
    expect(() => {
      for (; count < 10_000; count += 1) add();
    }).toThrow(full);
    fill();
    expect(count).toBeGreaterThan(5);
    for (let i = 0; i < 3; i += 1) expect(add).toThrow(full);
    expect(() =>
      store.transaction(() => {
        for (let n = 0; n < 1000; n += 1) store.notices.add(newNotice(50_000 + n, { text: "y".repeat(1000) }), `big ${n}`);
      }),
    ).toThrow(full);
    expect(store.notices.list()).toHaveLength(count);
    store[Symbol.dispose]();

    // Opened while the disk is still full, it can be read; with room, the very same notice is stored.
    store = openStore({ home, system });
    expect(store.notices.list()).toHaveLength(count);
    rmSync(join(home, "filler"), { force: true });
  } finally {
    store[Symbol.dispose]();
  }
  execFileSync("mount", ["-o", "remount,size=4m", home]);
  store = openStore({ home, system });
  try {
    expect(add()).toBe(true);
    expect(store.notices.list()).toHaveLength(count + 1);
    expect(store.notices.list({ limit: 1 })[0]?.text).toHaveLength(1000);
  } finally {
    store[Symbol.dispose]();
  }
  demandSound(home);
});
