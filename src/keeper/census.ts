import type { Clock, ProcessRow, ProcessTable } from "../system/index.ts";

/** A look is shared by those who ask within this time: ending a hundred processes at once must not read the process table a hundred times. */
const sharedMs = 5;

/** One look at the machine's processes. */
export type Look = {
  readonly atMs: number;
  readonly rows: readonly ProcessRow[];
  readonly byPid: ReadonlyMap<number, ProcessRow>;
  /** Pids by the mark they carry; zombies carry none. */
  readonly marked: ReadonlyMap<string, readonly number[]>;
};

type Marked = { readonly startTime: number; readonly mark: string };

/**
 * The process table with its marks, read once for all who want it at the same time. Whoever looks again passes what it saw last and gets
 * another, later look, so that "nobody is left, twice" always means two instants.
 */
export class Census {
  readonly #processes: ProcessTable;
  readonly #clock: Clock;
  #last: Look | null = null;
  /** Marks seen, by pid and start: a program's first variables never change, and reading them is most of a look's cost. */
  #known = new Map<number, Marked>();

  constructor(system: { readonly processes: ProcessTable; readonly clock: Clock }) {
    this.#processes = system.processes;
    this.#clock = system.clock;
  }

  /** A look that is not `seen`, at most {@link sharedMs} old. */
  look(seen: Look | null = null): Look {
    const nowMs = this.#clock.monotonicMs();
    const last = this.#last;
    if (last !== null && last !== seen && nowMs - last.atMs <= sharedMs && (seen === null || last.atMs >= seen.atMs)) return last;
    this.#last = this.#take(nowMs);
    return this.#last;
  }

  #take(atMs: number): Look {
    const rows = this.#processes.list();
    const known = new Map<number, Marked>();
    const marked = new Map<string, number[]>();
    for (const row of rows) {
      if (row.zombie) continue;
      const before = this.#known.get(row.pid);
      const mark = before?.startTime === row.startTime ? before.mark : this.#processes.markOf(row.pid);
      if (typeof mark !== "string") continue;
      known.set(row.pid, { startTime: row.startTime, mark });
      const pids = marked.get(mark);
      if (pids === undefined) marked.set(mark, [row.pid]);
      else pids.push(row.pid);
    }
    this.#known = known;
    return { atMs, rows, byPid: new Map(rows.map((row) => [row.pid, row])), marked };
  }
}
