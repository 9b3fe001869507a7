import { homePaths, isHermaError } from "../../contract/index.ts";
import type { Lock, ProcessHandle, Timer } from "../../system/index.ts";
import type { Context } from "../context.ts";
import { Desk } from "./desk.ts";
import { Evaluator } from "./evaluator.ts";

/** Milliseconds between tries once something tells that the lock may be free; the sign can come a moment earlier than the lock. */
const soonMs: readonly number[] = [10, 50, 250];
/** How often the lock is tried where the end of its holder cannot be watched. */
const lookMs = 1000;
/** How often it is tried where the holder's end is watched: a fallback only. */
const slowLookMs = 30_000;

/**
 * Each home has one evaluator of watches: the program that holds `watch.lock`. The gateway has precedence: any other program gives the lock to a gateway
 * that comes, and takes it again when that has gone. The kernel frees the lock whatever ends its holder; the next one goes on from the stored
 * positions.
 */
export class Watching {
  readonly #context: Context;
  readonly #problems = new Set<(error: unknown) => void>();
  /** How many callers want this program to evaluate: those of `start`, and each that wants to be told of notices. */
  #wanted = 0;
  #lock: Lock | null = null;
  #evaluator: Evaluator | null = null;
  #ending: Promise<void> | null = null;
  #unwatch: (() => void) | null = null;
  #timer: Timer | null = null;
  #holder: ProcessHandle | null = null;
  #tries = 0;

  constructor(context: Context) {
    this.#context = context;
  }

  get isEvaluator(): boolean {
    return this.#evaluator !== null;
  }

  /**
   * Stands ready until the returned end is called (idempotent): evaluates as soon as nobody else does. Throws HOME_NEWER.
   */
  join(onProblem?: (error: unknown) => void): () => Promise<void> {
    const problem = (error: unknown): void => onProblem?.(error);
    try {
      this.#context.store.open();
    } catch (error) {
      // Failures that may pass are tried again. A database of a newer Herma needs a person.
      if (isHermaError(error, "HOME_NEWER")) throw error;
      problem(error);
    }
    this.#problems.add(problem);
    this.#wanted += 1;
    if (this.#wanted === 1) this.#begin();
    let joined = true;
    return async () => {
      if (!joined) return;
      joined = false;
      this.#problems.delete(problem);
      this.#wanted -= 1;
      if (this.#wanted === 0) await this.stop();
    };
  }

  /** Lets the next one go on, whoever has joined. */
  async stop(): Promise<void> {
    this.#wanted = 0;
    this.#unwatch?.();
    this.#unwatch = null;
    this.#waitNoLonger();
    await this.#giveUp();
  }

  #begin(): void {
    const { system, home } = this.#context;
    const paths = homePaths(home);
    const signs: ReadonlySet<string> = new Set([paths.watchLock, paths.hermaLock, paths.gatewayPid, paths.gatewayState]);
    try {
      system.files.makeFolder(home);
      this.#unwatch = system.files.watch(home, (name) => {
        if (name !== null && !signs.has(`${home}/${name}`)) return;
        this.#tries = 0;
        this.#consider();
      });
    } catch (error) {
      // No watch is left on this machine: it is looked at now and then.
      this.#tell(error);
    }
    this.#consider();
  }

  /** Evaluates, or gives way, depending on who else is there. */
  #consider(): void {
    if (this.#wanted === 0 || this.#ending !== null) return;
    try {
      const gateway = this.#otherGateway();
      if (this.#evaluator !== null) {
        if (gateway !== null) void this.#giveUp().then(() => this.#consider());
        return;
      }
      this.#waitNoLonger();
      if (gateway !== null) this.#waitFor(gateway);
      else if (!this.#take()) this.#waitFor(this.#holderOf(homePaths(this.#context.home).watchLock));
    } catch (error) {
      this.#lock?.release();
      this.#lock = null;
      this.#evaluator = null;
      this.#tell(error);
      this.#waitFor(null);
    }
  }

  #take(): boolean {
    const { system, home, store } = this.#context;
    this.#lock = system.locks.tryTake(homePaths(home).watchLock);
    if (this.#lock === null) return false;
    this.#lock.writeBody(JSON.stringify(this.#context.self()));
    const generation = Buffer.from(system.random(6)).toString("hex");
    const evaluator = new Evaluator(new Desk(this.#context, store.open(), generation), (error) => this.#tell(error));
    this.#evaluator = evaluator;
    evaluator.start();
    return true;
  }

  /** Ends the evaluation where it stands. That the file of the lock changes tells others of it. */
  #giveUp(): Promise<void> {
    this.#ending ??= this.#end().finally(() => {
      this.#ending = null;
    });
    return this.#ending;
  }

  async #end(): Promise<void> {
    const evaluator = this.#evaluator;
    this.#evaluator = null;
    try {
      await evaluator?.stop();
    } finally {
      try {
        this.#lock?.writeBody("");
      } catch (error) {
        this.#tell(error);
      }
      this.#lock?.release();
      this.#lock = null;
    }
  }

  /** The pid of a gateway that is not this program: it is to evaluate. */
  #otherGateway(): number | null {
    const pid = this.#holderOf(homePaths(this.#context.home).hermaLock);
    return pid === this.#context.self().pid ? null : pid;
  }

  /** Null when nobody holds it, or that cannot be told. */
  #holderOf(path: string): number | null {
    const view = this.#context.system.locks.look(path);
    return view.held === true ? view.pid : null;
  }

  /** Looks again when that program is gone; where its end cannot be told, now and then. */
  #waitFor(pid: number | null): void {
    const { processes, clock } = this.#context.system;
    const identity = pid === null ? null : processes.identityOf(pid);
    const handle = identity === null ? "unknown" : processes.open(identity);
    if (typeof handle === "object") {
      this.#holder = handle;
      handle.onEnd(() => {
        this.#tries = 0;
        this.#consider();
      });
    }
    const ms = soonMs[this.#tries] ?? (typeof handle === "object" ? slowLookMs : lookMs);
    this.#tries += 1;
    this.#timer = clock.after(ms, () => this.#consider(), { unref: true });
  }

  #waitNoLonger(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#holder?.close();
    this.#holder = null;
  }

  #tell(error: unknown): void {
    for (const problem of this.#problems) problem(error);
  }
}
