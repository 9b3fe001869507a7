import type { Identity, ProcessId, Survivor } from "../contract/index.ts";
import { treeOf } from "../rules/index.ts";
import type { Group, ProcessRow, System } from "../system/index.ts";
import type { Census, Look } from "./census.ts";

export type Member = { readonly identity: Identity; readonly name: string };

/** What the system shows of a process that it shows no more than the number of. */
const unseenName = "?";

export type TreeOf = {
  readonly mark: ProcessId;
  readonly root: Identity | null;
  /** Monotonic, when the process was there; no look from before counts. */
  readonly sinceMs: number;
  /** The group that holds it and what it started to limits; null without one. */
  readonly limited: () => Group | null;
};

/**
 * Who belongs to a process: its group, its session, its descendants, the members of its limits' group and everything that carries its mark, so that children which moved to
 * sessions of their own are found too. Members once seen stay members while they are provably the same, so keep the tree as long as the process.
 */
export class Tree {
  readonly #processes: System["processes"];
  readonly #census: Census;
  readonly #mark: ProcessId;
  readonly #root: Identity | null;
  readonly #sinceMs: number;
  readonly #limited: TreeOf["limited"];
  #seen: Look | null = null;
  #known = new Map<number, Member>();

  constructor(processes: System["processes"], census: Census, of: TreeOf) {
    this.#processes = processes;
    this.#census = census;
    this.#mark = of.mark;
    this.#root = of.root;
    this.#sinceMs = of.sinceMs;
    this.#limited = of.limited;
  }

  /** Living members now, root first. */
  scan(): Member[] {
    return this.#membersIn(this.#census.look(this.#sinceMs, this.#seen));
  }

  /** As {@link scan}, a moment later and together with all others who look again. */
  async rescan(): Promise<Member[]> {
    return this.#seen === null ? this.scan() : this.#membersIn(await this.#census.next(this.#seen));
  }

  #membersIn(look: Look): Member[] {
    this.#seen = look;
    const { rows, byPid } = look;
    const never = ownPids(this.#processes, rows);
    const marked = new Set([...(look.marked.get(this.#mark) ?? []), ...(this.#limited()?.members() ?? [])]);
    for (const [pid, { identity }] of this.#known) {
      const row = byPid.get(pid);
      if (row !== undefined && !row.zombie && row.startTime === identity.start_time) marked.add(pid);
    }
    const members = treeOf(this.#rootIn(byPid), rows, marked, never).map((pid) => this.#member(byPid.get(pid)!));
    // A root that the system does not show, and does not call gone either, may live.
    const hidden = this.#root !== null && !byPid.has(this.#root.pid) && this.#processes.compare(this.#root) === "unknown";
    if (hidden) members.unshift({ identity: this.#root!, name: unseenName });
    this.#known = new Map(members.map((member) => [member.identity.pid, member]));
    return members;
  }

  /** Living members of the root's own process group; none when the root is gone, because the group may be a stranger's by then. */
  scanGroup(): Member[] {
    const { rows, byPid } = this.#census.look(this.#sinceMs);
    const root = this.#rootIn(byPid);
    const never = ownPids(this.#processes, rows);
    if (root === null || never.has(root.pid)) return [];
    return rows.filter((row) => row.group === root.group && !row.zombie && !never.has(row.pid)).map((row) => this.#member(row));
  }

  /** Ends all who are in its limits' group at once, where there is one: no fork is quicker. Not when this program itself is in it. */
  endLimited(): void {
    const group = this.#limited();
    if (group === null) return;
    const never = ownPids(this.#processes, this.#processes.list());
    if (!group.members().some((pid) => never.has(pid))) group.kill();
  }

  /** Signals the members given; returns the pids that were reached. Each one is proven to be itself at that very moment. */
  send(signal: string, members: readonly Member[]): number[] {
    const reached: number[] = [];
    for (const member of members) {
      const handle = this.#processes.open(member.identity);
      if (typeof handle === "string") continue;
      try {
        if (handle.send(signal) === "sent") reached.push(member.identity.pid);
      } finally {
        handle.close();
      }
    }
    return reached;
  }

  /** A root whose row is gone says nothing about its group any more: the number may be a stranger's by now. */
  #rootIn(byPid: ReadonlyMap<number, ProcessRow>): ProcessRow | null {
    const row = this.#root === null ? undefined : byPid.get(this.#root.pid);
    return row !== undefined && row.startTime === this.#root?.start_time ? row : null;
  }

  #member(row: ProcessRow): Member {
    const identity = { boot_id: this.#processes.bootId(), pid: row.pid, start_time: row.startTime };
    return { identity, name: row.name };
  }
}

/** Pid 1, this program and its whole group: never reached, whatever marks they carry. */
export function ownPids(processes: Pick<System["processes"], "self">, rows: readonly ProcessRow[]): ReadonlySet<number> {
  const self = processes.self().pid;
  const group = rows.find((row) => row.pid === self)?.group;
  return new Set([1, self, ...rows.filter((row) => row.group === group).map((row) => row.pid)]);
}

export function survivorsOf(members: readonly Member[]): Survivor[] {
  return members.map((member) => ({ pid: member.identity.pid, name: member.name }));
}
