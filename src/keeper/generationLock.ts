import { HermaError, homePaths, keeperPaths } from "../contract/index.ts";
import type { Lock, System, Timer } from "../system/index.ts";
import { type Log, messageOf } from "./log.ts";

/** A keeper that leaves holds its lock for moments after its socket is gone. */
const leavingKeeperMsMax = 3000;
const lockRetryMs = 20;
/** Whoever removes a whole home removes its parts one after the other; a folder made again at once would be in the way of that. */
const removalMs = 50;
/** What no watch tells of (a folder above that was renamed, a machine without watches) is found out by a look this often. */
const lookMs = 5000;

type Options = {
  readonly system: Pick<System, "files" | "locks" | "clock">;
  readonly home: string;
  readonly generation: string;
  readonly log: Log;
};

export type LockEvents = {
  /** The file had been removed or replaced, and the new one is ours. */
  readonly taken: () => void;
  /** The new file is somebody else's: a second keeper of this generation lives. Told once. */
  readonly lost: () => void;
};

/**
 * The lock that makes a keeper the only one of its generation. A lock is a file's, and its name, or the whole folder, can be removed by whoever
 * cleans up: then it locks nobody out any more. So the name is watched, and the lock is taken anew before somebody else can have it.
 */
export class GenerationLock {
  readonly #options: Options;
  #lock: Lock;
  #body = "";
  #events: LockEvents | null = null;
  #unwatch: () => void = () => {};
  #lookTimer: Timer | null = null;
  #takeTimer: Timer | null = null;
  #saidWhy = "";

  private constructor(options: Options, lock: Lock) {
    this.#options = options;
    this.#lock = lock;
  }

  /** Null when a keeper serves already. One that is just leaving has removed its socket and is waited for. Throws HOME_UNUSABLE, IO. */
  static async take(options: Options, served: () => boolean): Promise<GenerationLock | null> {
    const { system, home, generation } = options;
    const { folder, lock: path } = keeperPaths(home, generation);
    // Whoever started us may have ended, and the home with it.
    if (system.files.stat(home) === null) throw new HermaError("HOME_UNUSABLE", `the home ${home} was removed`);
    system.files.makeFolder(folder);
    const deadlineMs = system.clock.monotonicMs() + leavingKeeperMsMax;
    for (;;) {
      const lock = system.locks.tryTake(path);
      if (lock !== null) return new GenerationLock(options, lock);
      if (served() || system.clock.monotonicMs() > deadlineMs) return null;
      await new Promise<void>((resolve) => system.clock.after(lockRetryMs, resolve));
    }
  }

  /** What the file says, for people and for those to whom the kernel does not tell the holder. Throws DISK_FULL, IO. */
  writeBody(body: string): void {
    this.#body = body;
    this.#lock.writeBody(body);
  }

  /** From now on the loss of the file is noticed and told, until {@link release}. */
  watch(events: LockEvents): void {
    this.#events = events;
    this.#lookAgain();
  }

  /** True when nobody else can have it now; one whose file has gone is taken anew first. */
  holds(): boolean {
    return this.#lock.pathIsOurs() || this.#takeAnew();
  }

  release(): void {
    this.#stop();
    this.#lock.release();
  }

  #stop(): void {
    this.#events = null;
    this.#unwatch();
    this.#lookTimer?.cancel();
    this.#takeTimer?.cancel();
  }

  /** Watches the folder that has the name now, and looks once, for what happened before. */
  #lookAgain(): void {
    const { system, home, generation } = this.#options;
    if (this.#events === null) return;
    this.#unwatch();
    this.#unwatch = () => {};
    this.#lookTimer?.cancel();
    this.#lookTimer = system.clock.after(lookMs, () => this.#lookAgain(), { unref: true });
    try {
      this.#unwatch = system.files.watch(keeperPaths(home, generation).folder, () => this.#look());
    } catch {
      // Without a watch the look now and then has to do.
    }
    this.#look();
  }

  #look(): void {
    if (this.#events === null || this.#takeTimer !== null || this.#lock.pathIsOurs()) return;
    this.#takeTimer = this.#options.system.clock.after(removalMs, () => {
      this.#takeTimer = null;
      if (!this.#lock.pathIsOurs()) this.#takeAnew();
    });
  }

  #takeAnew(): boolean {
    const { system, home, generation, log } = this.#options;
    const { folder, lock: path } = keeperPaths(home, generation);
    const events = this.#events;
    if (events === null) return false;
    try {
      // A home that was removed as a whole is not brought back.
      if (system.files.stat(homePaths(home).processes) === null) return this.#cannot("its home was removed");
      system.files.makeFolder(folder);
      const lock = system.locks.tryTake(path);
      if (lock === null) {
        log("its lock was removed, and another keeper of this generation has taken a new one: leaving to it");
        this.#stop();
        events.lost();
        return false;
      }
      this.#lock.release();
      this.#lock = lock;
    } catch (error) {
      return this.#cannot(messageOf(error));
    }
    try {
      this.#lock.writeBody(this.#body);
    } catch (error) {
      log(messageOf(error)); // It is a lock without its body, too.
    }
    this.#saidWhy = "";
    log("its lock was removed; it has taken a new one");
    this.#lookAgain();
    events.taken();
    return true;
  }

  #cannot(why: string): false {
    if (why !== this.#saidWhy) this.#options.log(`its lock was removed, and cannot be taken anew: ${why}`);
    this.#saidWhy = why;
    return false;
  }
}
