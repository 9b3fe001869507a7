import type { Identity, ProcessId, Survivor } from "../contract/index.ts";
import { killLadder, treeOf } from "../rules/index.ts";
import type { ProcessRow, System } from "../system/index.ts";

/** After KILL new children may still appear for an instant; look again this often until nothing is left. */
const rescanMs = 25;

type Member = { readonly identity: Identity; readonly name: string };
type Slice = Pick<System, "clock" | "processes">;

/**
 * Who belongs to a process: its group, its session, its descendants and everything that carries its mark, so that children which moved to
 * sessions of their own are found too. Members once seen stay members while they are provably the same.
 */
export class Tree {
  readonly #system: Slice;
  readonly #mark: ProcessId;
  readonly #root: Identity | null;
  #known = new Map<number, Member>();

  constructor(system: Slice, mark: ProcessId, root: Identity | null) {
    this.#system = system;
    this.#mark = mark;
    this.#root = root;
  }

  /** Living members now, root first. */
  scan(): Member[] {
    const { processes } = this.#system;
    const rows = processes.list();
    const byPid = new Map(rows.map((row) => [row.pid, row]));
    const self = processes.self();
    const ownGroup = byPid.get(self.pid)?.group;
    const never = new Set([1, self.pid]);
    for (const row of rows) if (row.group === ownGroup) never.add(row.pid);

    const marked = new Set<number>();
    for (const row of rows) {
      if (row.zombie || never.has(row.pid)) continue;
      const seen = this.#known.get(row.pid);
      if (seen?.identity.start_time === row.startTime || processes.hasMark(row.pid, this.#mark) === true) marked.add(row.pid);
    }
    // A root whose row is gone says nothing about its group any more: the number may be a stranger's by now.
    const rootRow = this.#root === null ? undefined : byPid.get(this.#root.pid);
    const root = rootRow !== undefined && rootRow.startTime === this.#root?.start_time ? rootRow : null;

    const members = treeOf(root, rows, marked, never).map((pid) => this.#member(byPid.get(pid) as ProcessRow));
    this.#known = new Map(members.map((member) => [member.identity.pid, member]));
    return members;
  }

  /** Signals every member; returns the pids that were reached. */
  send(signal: string, members: readonly Member[] = this.scan()): number[] {
    const reached: number[] = [];
    for (const member of members) {
      const handle = this.#system.processes.open(member.identity);
      if (typeof handle === "string") continue;
      if (handle.send(signal) === "sent") reached.push(member.identity.pid);
      handle.close();
    }
    return reached;
  }

  #member(row: ProcessRow): Member {
    const identity = { boot_id: this.#system.processes.bootId(), pid: row.pid, start_time: row.startTime };
    return { identity, name: row.name };
  }
}

/** Ends a tree step by step: TERM, grace, KILL, and a verdict that names who is left. One ladder per process at a time. */
export class Ladder {
  readonly #system: Slice;
  readonly #tree: Tree;
  #graceMs: number;
  #termDeadlineMs: number | null = null;
  #cut: (() => void) | null = null;

  constructor(system: Slice, tree: Tree, graceMs: number) {
    this.#system = system;
    this.#tree = tree;
    this.#graceMs = graceMs;
  }

  /** Shortens the grace of a ladder that runs; a longer wish changes nothing. Grace 0 (TERM only) shortens nothing. */
  hasten(graceMs: number): void {
    if (graceMs === 0 || this.#termDeadlineMs === null) return;
    this.#termDeadlineMs = Math.min(this.#termDeadlineMs, this.#system.clock.monotonicMs() + graceMs);
    this.#cut?.();
  }

  /** Runs to the verdict: nobody ([]), or those who outlived the last step. */
  async run(): Promise<Survivor[]> {
    for (const step of killLadder(this.#graceMs)) {
      if (await this.#step(step.signal, step.thenWaitMs)) return [];
    }
    return this.#tree.scan().map((member) => ({ pid: member.identity.pid, name: member.name }));
  }

  async #step(signal: "SIGTERM" | "SIGKILL", waitMs: number): Promise<boolean> {
    const { clock } = this.#system;
    let deadlineMs = clock.monotonicMs() + waitMs;
    if (signal === "SIGTERM") this.#termDeadlineMs = deadlineMs;
    const signalled = new Set<string>();
    let emptyPasses = 0;
    for (;;) {
      const members = this.#tree.scan();
      if (members.length === 0) {
        // Two empty passes: a child born during the first one is seen by the second.
        emptyPasses += 1;
        if (emptyPasses >= 2) return true;
        continue;
      }
      emptyPasses = 0;
      const fresh = members.filter((member) => !signalled.has(keyOf(member)));
      this.#tree.send(signal, fresh);
      // A stopped process acts on TERM only once it runs again.
      if (signal === "SIGTERM") this.#tree.send("SIGCONT", fresh);
      for (const member of fresh) signalled.add(keyOf(member));
      if (signal === "SIGTERM") deadlineMs = this.#termDeadlineMs ?? deadlineMs;
      const leftMs = deadlineMs - clock.monotonicMs();
      if (leftMs <= 0) return false;
      await this.#gone(members, signal === "SIGKILL" ? Math.min(leftMs, rescanMs) : leftMs);
    }
  }

  /** Waits until all members have ended, the time is over, or the wait was cut short. */
  async #gone(members: readonly Member[], ms: number): Promise<void> {
    const { clock, processes } = this.#system;
    await new Promise<void>((resolve) => {
      const handles = members.map((member) => processes.open(member.identity)).filter((handle) => typeof handle !== "string");
      let left = handles.length;
      const done = () => {
        timer.cancel();
        this.#cut = null;
        for (const handle of handles) handle.close();
        resolve();
      };
      const timer = clock.after(ms, done);
      this.#cut = done;
      if (left === 0) done();
      for (const handle of handles) {
        handle.onExit(() => {
          left -= 1;
          if (left === 0) done();
        });
      }
    });
  }
}

function keyOf(member: Member): string {
  return `${member.identity.pid}:${member.identity.start_time}`;
}
