import type { Clock, ProcessRow, ProcessTable } from "../system/index.ts";

/** A look is shared by those who ask within this time: ending a hundred processes at once must not read the process table a hundred times. */
const sharedMs = 5;
/** A look that took longer than this (a machine in trouble) is not paused for any longer. */
const lookMsMax = 50;

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
  #pending: Promise<Look> | null = null;
  #costMs = 0;
  /** Marks seen, by pid and start: a program's first variables never change, and reading them is most of a look's cost. */
  #known = new Map<number, Marked>();

  constructor(system: { readonly processes: ProcessTable; readonly clock: Clock }) {
    this.#processes = system.processes;
    this.#clock = system.clock;
  }

  /**
   * A look that is not `seen`, at most {@link sharedMs} old, and later than `sinceMs` (monotonic): one from before a process was there would say
   * that nothing of it is left.
   */
  look(sinceMs: number, seen: Look | null = null): Look {
    return this.#shared(sinceMs, seen) ?? this.#take();
  }

  /**
   * As {@link look}, but after a pause as long as a look takes: all who ask meanwhile get the same one. So however many wait for ends, at
   * most half of the time goes into looking.
   */
  next(seen: Look): Promise<Look> {
    const shared = this.#shared(seen.atMs, seen);
    if (shared !== null) return Promise.resolve(shared);
    this.#pending ??= new Promise((resolve) => {
      this.#clock.after(this.#costMs, () => {
        this.#pending = null;
        resolve(this.#take());
      });
    });
    return this.#pending;
  }

  #shared(sinceMs: number, seen: Look | null): Look | null {
    const last = this.#last;
    if (last === null || last === seen || last.atMs <= sinceMs || this.#clock.monotonicMs() - last.atMs > sharedMs) return null;
    return last;
  }

  #take(): Look {
    const beganMs = this.#clock.monotonicMs();
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
    const atMs = this.#clock.monotonicMs();
    this.#costMs = Math.min(lookMsMax, atMs - beganMs);
    this.#last = { atMs, rows, byPid: new Map(rows.map((row) => [row.pid, row])), marked };
    return this.#last;
  }
}
