import { expect, test } from "vitest";
import { fakeSystem } from "../system/fake/index.ts";
import { Changes } from "./changes.ts";

const path = "/home/herma.db";

function watched() {
  const system = fakeSystem();
  const { time } = system.machine;
  system.files.makeFolder("/home");
  system.files.replace(path, "", { durable: false });
  const database = { committed: () => {}, version: 1, otherChanges: () => database.version };
  const changes = new Changes(database, system, path);
  const told: number[] = [];
  const end = changes.subscribe(() => told.push(time.nowMs));
  const log = system.files.appender(`${path}-wal`);
  /** What a commit looks like from outside: bytes in the log, and they count once they are synced. */
  const commit = async (syncMs: number): Promise<void> => {
    log.write(Buffer.from("frames"));
    await time.advance(syncMs);
    database.version += 1;
  };
  return { system, time, database, changes, told, end, commit };
}

test.each([0, 0.5, 3, 40, 900, 4000])("a change that counts %d ms after it was written is told, once", async (syncMs) => {
  const { time, told, commit, changes } = watched();
  await time.advance(20_000);
  const startMs = time.nowMs;
  await commit(syncMs);
  await time.advance(20_000);
  expect(told).toHaveLength(1);
  expect(told[0]! - startMs).toBeGreaterThanOrEqual(syncMs);
  expect(told[0]! - startMs).toBeLessThanOrEqual(2 * syncMs + 1);
  changes.close();
  expect(time.waiting).toBe(0);
});

test("what was written while the change before it was looked for is told as well", async () => {
  const { time, told, commit, changes } = watched();
  await commit(5);
  await commit(5);
  await commit(300);
  await time.advance(20_000);
  expect(told.length).toBeGreaterThanOrEqual(2);
  expect(told.at(-1)).toBeGreaterThanOrEqual(310);
  changes.close();
});

test("other files of the home are nobody's hint, and looking ends by itself", async () => {
  const { system, time, told, database, changes } = watched();
  await time.advance(20_000);
  expect(time.waiting).toBe(0);
  database.version += 1;
  system.files.replace("/home/gateway_state.json", "{}", { durable: false });
  await time.advance(20_000);
  expect(told).toEqual([]);
  changes.close();
});

test("commits of this program are told together, on a later turn, without a look", async () => {
  const { time, told, database, changes } = watched();
  await time.advance(20_000);
  database.committed();
  database.committed();
  expect(told).toEqual([]);
  await time.advance(0);
  expect(told).toHaveLength(1);
  database.committed();
  changes.close();
  await time.advance(1000);
  expect(told).toHaveLength(1);
});

test("a database that cannot be asked is a change too, and no failure of the one who looks", async () => {
  const { time, told, database, commit, changes } = watched();
  await time.advance(20_000);
  database.otherChanges = () => {
    throw new Error("disk I/O error");
  };
  await commit(0);
  await time.advance(20_000);
  expect(told).toHaveLength(1);
  changes.close();
});

test("each subscription ends by itself; the last one ends the watch", async () => {
  const { system, time, told, end, database, changes } = watched();
  let others = 0;
  const other = (): void => {
    others += 1;
  };
  const [endFirst, endSecond] = [changes.subscribe(other), changes.subscribe(other)];
  database.committed();
  await time.advance(0);
  expect([told.length, others]).toEqual([1, 2]);
  end();
  endFirst();
  endFirst();
  database.committed();
  await time.advance(0);
  expect([told.length, others]).toEqual([1, 3]);
  expect(system.machine.watchers.size).toBe(1);
  endSecond();
  expect(system.machine.watchers.size).toBe(0);
});

test("a database in memory has no file to watch", async () => {
  const system = fakeSystem();
  const database = { committed: () => {}, otherChanges: () => expect.unreachable("there is no other") };
  const changes = new Changes(database, system, ":memory:");
  let told = 0;
  changes.subscribe(() => {
    told += 1;
  });
  database.committed();
  await system.machine.time.advance(0);
  expect(told).toBe(1);
  expect(system.machine.watchers.size).toBe(0);
  changes.close();
});
