/** What the tree needs to know of a process. `startTime` in any unit that only grows. */
export type TreeRow = {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  readonly startTime: number;
  /** It has ended and waits for its parent: it is no member, but its children may be. */
  readonly zombie: boolean;
  readonly name: string;
};
export type TreeRoot = Pick<TreeRow, "pid" | "group" | "session" | "startTime">;

/**
 * Who belongs to a process: its group, its session, the marked ones, and the descendants of all of them. The root comes first, then by
 * depth, parents before children: a parent that is gone first cannot start its children again.
 *
 * @param root the process itself, or null: then only marks count. Give null once its row is gone and its group could be a stranger's by now:
 *   a number that was given away and left again cannot be told from the root's own.
 * @param rows the process table at one moment
 * @param marked pids that provably carry this process's mark
 * @param never pids that must not be reached (one's own and one's group's): they are neither members nor a way to their children, since a
 *   keeper that was started from within a process carries its mark. Pid 1 is always one of them.
 */
export function treeOf(root: TreeRoot | null, rows: readonly TreeRow[], marked: ReadonlySet<number>, never: ReadonlySet<number>): number[] {
  const byPid = new Map<number, TreeRow>();
  const children = new Map<number, TreeRow[]>();
  for (const row of rows) {
    if (row.pid <= 1 || never.has(row.pid)) continue;
    byPid.set(row.pid, row);
    const siblings = children.get(row.parent);
    if (siblings === undefined) children.set(row.parent, [row]);
    else siblings.push(row);
  }
  const members = new Map<number, TreeRow>();
  const pending = [...byPid.values()].filter((row) => marked.has(row.pid) || belongsTo(root, row, byPid));
  for (let row = pending.pop(); row !== undefined; row = pending.pop()) {
    if (members.has(row.pid)) continue;
    members.set(row.pid, row);
    for (const child of children.get(row.pid) ?? []) if (isChild(child, row)) pending.push(child);
  }
  return parentsFirst(members, children, root)
    .filter((row) => !row.zombie)
    .map((row) => row.pid);
}

/** The root itself, or a member of its group or session as long as these numbers can still be the root's. */
function belongsTo(root: TreeRoot | null, row: TreeRow, byPid: ReadonlyMap<number, TreeRow>): boolean {
  if (root === null) return false;
  const holder = byPid.get(root.pid);
  // The kernel gives a pid away again only when no group and no session has its number: then nobody of ours is left in them.
  if (holder !== undefined && holder.startTime !== root.startTime) return false;
  if (row.pid === root.pid) return true;
  // Groups and sessions 0 and 1 are the kernel's and init's.
  return (root.group > 1 && row.group === root.group) || (root.session > 1 && row.session === root.session);
}

/** A child is never older than its parent; if it seems so, the parent's number was given to another process while the table was read. */
function isChild(child: TreeRow, parent: TreeRow): boolean {
  return child.startTime >= parent.startTime;
}

function parentsFirst(members: ReadonlyMap<number, TreeRow>, children: ReadonlyMap<number, TreeRow[]>, root: TreeRoot | null): TreeRow[] {
  const byAge = (a: TreeRow, b: TreeRow) =>
    Number(b.pid === root?.pid) - Number(a.pid === root?.pid) || a.startTime - b.startTime || a.pid - b.pid;
  const hasParent = (row: TreeRow) => {
    const parent = members.get(row.parent);
    return parent !== undefined && parent !== row && isChild(row, parent);
  };
  const ordered = new Set<TreeRow>();
  let level = [...members.values()].filter((row) => row.pid === root?.pid || !hasParent(row));
  while (level.length > 0) {
    level.sort(byAge);
    for (const row of level) ordered.add(row);
    level = level
      .flatMap((row) => children.get(row.pid) ?? [])
      .filter((row) => members.has(row.pid) && hasParent(row) && !ordered.has(row));
  }
  // A table that changed while it was read may show a ring of parents.
  const ring = [...members.values()].filter((row) => !ordered.has(row)).sort(byAge);
  return [...ordered, ...ring];
}
