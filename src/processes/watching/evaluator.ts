import type { KeeperEvent, ProcessId } from "../../contract/index.ts";
import { breakerDueMs } from "../../rules/index.ts";
import type { Timer } from "../../system/index.ts";
import { type Bell, openBell } from "../bell.ts";
import type { Desk } from "./desk.ts";
import { ProcessScan } from "./scan.ts";

/** Notices that have reached their reader are forgotten after as long as the processes they speak of; this often that is looked at. */
const pruneMs = 86_400_000;
/** After a look that failed (the disk is full, the database is held by others), it is tried again this much later. */
const retryMs = 1000;

/**
 * Looks after every process in which somebody has an interest, as long as it holds the home's watch lock. While nothing happens it costs
 * nothing: keepers ring, the store tells of new interest, and what has to happen by itself has a timer.
 */
export class Evaluator {
  readonly #desk: Desk;
  readonly #problem: (error: unknown) => void;
  readonly #followers = new Map<ProcessId, Follower>();
  readonly #stopping = new AbortController();
  #unlisten: () => void = () => {};
  #tick: Timer | null = null;
  #retry: Timer | null = null;
  #prune: Timer | null = null;

  constructor(desk: Desk, problem: (error: unknown) => void) {
    this.#desk = desk;
    this.#problem = problem;
  }

  start(): void {
    this.#unlisten = this.#desk.store.onChange(() => this.#changed());
    this.#changed();
    this.#pruneNow();
  }

  async stop(): Promise<void> {
    this.#unlisten();
    this.#tick?.cancel();
    this.#retry?.cancel();
    this.#prune?.cancel();
    this.#stopping.abort();
    await Promise.all([...this.#followers.values()].map((follower) => follower.ended));
  }

  /** Interest has come or changed, here or in another program. */
  #changed(): void {
    if (this.#stopping.signal.aborted) return;
    try {
      for (const id of this.#desk.store.watches.active()) {
        const follower = this.#followers.get(id);
        if (follower === undefined) this.#follow(id);
        else follower.changed();
      }
      this.#tickLater();
    } catch (error) {
      this.#failed(error);
    }
  }

  #pruneNow(): void {
    const { system, settings } = this.#desk.context;
    this.#prune = system.clock.after(pruneMs, () => this.#pruneNow(), { unref: true });
    try {
      this.#desk.store.notices.prune(settings().finishedKeptMs);
    } catch (error) {
      this.#problem(error);
    }
  }

  #failed(error: unknown): void {
    this.#problem(error);
    this.#retry?.cancel();
    if (!this.#stopping.signal.aborted) this.#retry = this.#desk.context.system.clock.after(retryMs, () => this.#changed());
  }

  #follow(id: ProcessId): void {
    const follower = new Follower(this.#desk, id, {
      stopping: this.#stopping.signal,
      problem: this.#problem,
      done: () => {
        this.#followers.delete(id);
        // Interest may have come while the last look was under way.
        if (!this.#stopping.signal.aborted) this.#desk.context.system.clock.after(0, () => this.#changed());
      },
    });
    this.#followers.set(id, follower);
    follower.start();
  }

  /** The breaker lets go by itself. */
  #tickLater(): void {
    const { system } = this.#desk.context;
    this.#tick?.cancel();
    this.#tick = null;
    const dueMs = breakerDueMs(this.#desk.breaker());
    if (dueMs === null) return;
    this.#tick = system.clock.after(Math.max(0, dueMs - this.#desk.nowMs), () => {
      try {
        this.#desk.commit(() => this.#desk.tick());
        this.#tickLater();
      } catch (error) {
        this.#failed(error);
      }
    });
  }
}

type FollowerOptions = {
  readonly stopping: AbortSignal;
  readonly problem: (error: unknown) => void;
  readonly done: () => void;
};

/** One process: looked at when its bell rings, when a timer is due, and when its interest has changed. */
class Follower {
  ended: Promise<void> = Promise.resolve();
  readonly #desk: Desk;
  readonly #id: ProcessId;
  readonly #options: FollowerOptions;
  #scan: ProcessScan | null = null;
  #bell: Bell | null = null;
  #timer: Timer | null = null;
  /** What is stored has to be read again before the next look. */
  #stale = false;

  constructor(desk: Desk, id: ProcessId, options: FollowerOptions) {
    this.#desk = desk;
    this.#id = id;
    this.#options = options;
  }

  start(): void {
    this.ended = this.#run();
  }

  changed(): void {
    this.#stale = true;
    this.#bell?.ring(this.#id);
  }

  async #run(): Promise<void> {
    const { stopping } = this.#options;
    // Behind the bell nothing that happens is missed by the first look.
    const bell = openBell(this.#desk.context, { ids: [this.#id], heard: (event) => this.#hears(event), signal: stopping });
    this.#bell = bell;
    try {
      while (!stopping.aborted) {
        if (this.#look()) return;
        // Other parts report that a keeper cannot be replaced now. Until then folders are looked at now and then.
        await bell.rung().catch(() => {});
      }
      this.#save();
    } finally {
      this.#timer?.cancel();
      bell.close();
      this.#options.done();
    }
  }

  #hears(event: KeeperEvent): boolean {
    return event.type !== "output" || this.#scan?.wantsOutput !== false;
  }

  /** True when this process needs no further look. */
  #look(): boolean {
    this.#timer?.cancel();
    try {
      if (this.#scan === null) this.#scan = new ProcessScan(this.#desk, this.#id);
      else if (this.#stale && this.#scan.isStale) this.#scan.reload();
      this.#stale = false;
      const look = this.#scan.look();
      if (look.kind === "done") return true;
      if (look.kind === "again") this.#ringIn(0);
      else if (look.dueInMs !== null) this.#ringIn(look.dueInMs);
    } catch (error) {
      this.#scan = null;
      this.#options.problem(error);
      this.#ringIn(retryMs);
    }
    return false;
  }

  #ringIn(ms: number): void {
    // A timer of the system holds 24 days; what is due later is looked at once before.
    const bounded = Math.min(ms, timerMsMax);
    this.#timer = this.#desk.context.system.clock.after(bounded, () => this.#bell?.ring(this.#id));
  }

  #save(): void {
    try {
      this.#scan?.save();
    } catch (error) {
      // The next evaluator then reads a little output again, in which nothing matches.
      this.#options.problem(error);
    }
  }
}

const timerMsMax = 2_147_483_647;
