import fc from "fast-check";
import { expect, test } from "vitest";
import { type TreeRow, treeOf } from "./tree.ts";

const row = (pid: number, parent: number, change: Partial<TreeRow> = {}): TreeRow => ({
  pid,
  parent,
  group: pid,
  session: pid,
  startTime: pid,
  zombie: false,
  name: `p${pid}`,
  ...change,
});
const root = row(100, 50);
const none = new Set<number>();
const within = { group: 100, session: 100 };
const strangers = [row(1, 0), row(50, 1), row(60, 1), row(61, 60)];

test("group, session, descendants and marks belong to it, strangers do not", () => {
  const rows = [
    ...strangers,
    root,
    row(101, 100, within),
    row(102, 1, { group: 102, session: 100 }), // left the group, lost its parent
    row(103, 1, { group: 100, session: 103 }),
    row(104, 102), // a session of its own
    row(105, 104),
    row(106, 1), // double-forked, carries the mark
    row(107, 106),
  ];
  expect(new Set(treeOf(root, rows, new Set([106]), none))).toEqual(new Set([100, 101, 102, 103, 104, 105, 106, 107]));
});

test("[peer 20] the root comes first, then every level behind the one above", () => {
  const rows = [row(104, 102), row(103, 1, within), row(102, 100, within), row(101, 100, within), root, ...strangers];
  expect(treeOf(root, rows, none, none)).toEqual([100, 103, 101, 102, 104]);
});

test("without a root only marks count", () => {
  const rows = [...strangers, root, row(101, 100, within), row(106, 1), row(107, 106)];
  expect(treeOf(null, rows, none, none)).toEqual([]);
  expect(treeOf(null, rows, new Set([106]), none)).toEqual([106, 107]);
});

test("[peer 17] a root that is gone is still known by its group and session", () => {
  expect(treeOf(root, [...strangers, row(101, 1, within)], none, none)).toEqual([101]);
});

test("a stranger that has the root's number now is left alone, and so is its group", () => {
  const stranger = row(100, 1, { startTime: 9000 });
  const rows = [...strangers, stranger, row(9001, 100, { ...within, startTime: 9001 }), row(106, 1, { startTime: 5 })];
  expect(treeOf(root, rows, none, none)).toEqual([]);
  expect(treeOf(root, rows, new Set([106]), none)).toEqual([106]);
});

test("[defect 6.1.20] zombies are no members, their children are", () => {
  const rows = [...strangers, { ...root, zombie: true }, row(101, 100, { zombie: true }), row(102, 101)];
  expect(treeOf(root, rows, none, none)).toEqual([102]);
});

test("[peer 17] a keeper started from within, and what it holds, is never reached", () => {
  const rows = [...strangers, root, row(200, 100), row(201, 200), row(202, 201)];
  expect(treeOf(root, rows, new Set([200, 202]), new Set([200]))).toEqual([100, 202]);
  expect(treeOf(root, rows, new Set([200]), new Set([200]))).toEqual([100]);
});

test("[peer 17] init and the kernel's group are never reached, even when asked for", () => {
  const odd = { ...root, group: 0, session: 0 };
  const rows = [row(1, 0), row(2, 0, { group: 0, session: 0 }), row(3, 2, { group: 0, session: 0 }), odd];
  expect(treeOf(odd, rows, new Set([1]), none)).toEqual([100]);
  expect(treeOf(row(1, 0), rows, none, none)).toEqual([]);
});

test("a child older than its parent is a stranger's", () => {
  expect(treeOf(root, [root, row(99, 100)], none, none)).toEqual([100]);
});

const tables = fc.uniqueArray(
  fc.record({
    pid: fc.integer({ min: 1, max: 30 }),
    parent: fc.integer({ min: 0, max: 30 }),
    group: fc.integer({ min: 0, max: 30 }),
    session: fc.integer({ min: 0, max: 30 }),
    startTime: fc.integer({ min: 0, max: 3 }),
    zombie: fc.boolean(),
    name: fc.constant(""),
  }),
  { selector: (each) => each.pid },
);
const pids = fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 4 }).map((list) => new Set(list));

test("on any table: each member once, none that must never be reached, no zombies, none missing; parents before children", () => {
  fc.assert(
    fc.property(tables, pids, pids, fc.nat(30), (rows, marked, never, pick) => {
      const picked = rows[pick % Math.max(1, rows.length)] ?? null;
      const members = treeOf(picked, rows, marked, never);
      const byPid = new Map(rows.map((each) => [each.pid, each]));
      expect(new Set(members).size).toBe(members.length);
      for (const pid of members) {
        expect(never.has(pid) || pid <= 1).toBe(false);
        expect(byPid.get(pid)?.zombie).toBe(false);
      }
      for (const pid of marked) {
        const each = byPid.get(pid);
        if (each !== undefined && !each.zombie && pid > 1 && !never.has(pid)) expect(members).toContain(pid);
      }
      // Closed: a living, reachable, younger child of a member is a member.
      for (const child of rows) {
        const parent = byPid.get(child.parent);
        if (parent === undefined || !members.includes(parent.pid) || child.zombie || child.pid <= 1 || never.has(child.pid)) continue;
        if (child.startTime >= parent.startTime) expect(members).toContain(child.pid);
        if (child.startTime > parent.startTime && child.pid !== picked?.pid) {
          expect(members.indexOf(child.pid)).toBeGreaterThan(members.indexOf(parent.pid));
        }
      }
      if (picked !== null && members.includes(picked.pid)) expect(members[0]).toBe(picked.pid);
    }),
    { numRuns: 3000 },
  );
});

test("ten thousand processes in one chain are no trouble", () => {
  const rows = Array.from({ length: 10_000 }, (_, index) => row(100 + index, 99 + index));
  expect(treeOf(rows[0] ?? null, rows, none, none)).toEqual(rows.map((each) => each.pid));
});
