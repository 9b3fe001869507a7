import {
  HermaError,
  type KeeperHello,
  type KeeperKillResult,
  type KeeperProcess,
  keeperProtocol,
  type ProcessId,
  type RestartSurvival,
  timestampOf,
  version,
} from "../contract/index.ts";
import { defaultGraceMs } from "../rules/index.ts";
import type { System } from "../system/index.ts";
import { Adopting } from "./adopting.ts";
import { Census } from "./census.ts";
import { Doorbell } from "./doorbell.ts";
import { EmptyGroups } from "./emptyGroups.ts";
import { readFolder } from "./evidence.ts";
import { Held } from "./held.ts";
import type { Keeping, KillWish } from "./keeping.ts";
import type { Log } from "./log.ts";
import { askLoginShell, type Shell } from "./loginShell.ts";
import { Starting } from "./starting.ts";
import { specOf } from "./stating.ts";
import { noLine } from "./streams.ts";

/** A hang-up waits for nobody longer than this between TERM and KILL, whatever was wished at the start. */
const hangupGraceMsMax = 10_000;

export type KeeperOptions = {
  readonly system: System;
  readonly home: string;
  readonly generation: string;
  readonly log: Log;
  readonly restartSurvival: RestartSurvival;
  /** False when another keeper of this generation may have begun: then nothing is started or taken over any more. */
  readonly holdsLock: () => boolean;
  /** Called whenever the keeper holds nothing any more. */
  readonly emptied?: () => void;
};

/** Owns processes: starts them, keeps their output, reaps them, ends them on request. One per home and generation. */
export class Keeper {
  readonly doorbell: Doorbell;
  readonly #options: KeeperOptions;
  readonly #keeping: Keeping;
  readonly #held = new Map<string, Held>();
  /** Processes that are over, and whose tree is being ended all the same. */
  readonly #past = new Map<string, Held>();
  readonly #startedAt: string;
  #shell: Promise<Shell> | null = null;
  #requests = 0;
  readonly #adopting: Adopting;
  readonly #starting: Starting;
  #leaving = false;

  constructor(options: KeeperOptions) {
    const { system } = options;
    this.#options = options;
    this.doorbell = new Doorbell(system.clock);
    this.#startedAt = timestampOf(system.clock.wallMs());
    const instanceId = Buffer.from(system.random(8)).toString("hex");
    this.#keeping = {
      system,
      home: options.home,
      doorbell: this.doorbell,
      log: options.log,
      identity: { generation: options.generation, instance_id: instanceId, identity: system.processes.self() },
      restartSurvival: options.restartSurvival,
      census: new Census(system),
      emptyGroups: new EmptyGroups(system.clock),
      released: (held) => this.#release(held),
    };
    this.#adopting = new Adopting({
      keeping: this.#keeping,
      holdsLock: options.holdsLock,
      has: (id) => this.#held.has(id) || this.#starting.has(id),
      took: (held) => void this.#held.set(held.id, held),
    });
    this.#starting = new Starting({
      keeping: this.#keeping,
      adopting: this.#adopting,
      loginShell: () => this.askShell(),
      held: (id) => this.#held.get(id) ?? null,
      view: (id) => this.view(id),
      took: (held) => void this.#held.set(held.id, held),
      refuseLeaving: () => this.#refuseLeaving(),
      over: () => this.#checkEmpty(),
    });
  }

  /** Asks the login shell, once, for what the first start with a command line would otherwise wait for. */
  askShell(): Promise<Shell> {
    if (this.#shell === null) {
      this.#shell = askLoginShell(this.#options);
      // Whoever starts something with it hears of its failure; before that nobody waits for it.
      this.#shell.catch(() => {});
    }
    return this.#shell;
  }

  get instanceId(): string {
    return this.#keeping.identity.instance_id;
  }
  /** Processes that are held or being started. */
  get held(): number {
    return this.#held.size + this.#starting.count;
  }
  get leaving(): boolean {
    return this.#leaving;
  }

  holds(id: ProcessId): boolean {
    return this.#held.has(id);
  }

  hello(): KeeperHello {
    const { identity } = this.#keeping;
    return {
      protocol: keeperProtocol,
      version,
      generation: identity.generation,
      instance_id: identity.instance_id,
      identity: identity.identity,
      home: this.#options.home,
      started_at: this.#startedAt,
      restart_survival: this.#options.restartSurvival,
      held: this.held,
      leaving: this.#leaving,
    };
  }

  list(): KeeperProcess[] {
    return [...this.#held.values()].filter((held) => !held.ended).map((held) => held.view());
  }

  /** Throws PROCESS_NOT_FOUND when neither this keeper nor the home knows it. */
  view(id: ProcessId): KeeperProcess {
    const held = this.#held.get(id);
    if (held !== undefined) return held.view();
    const { state, exit } = readFolder(this.#options.system, this.#options.home, id);
    if (state !== null) return { state, exit, output_end: exit?.output_end ?? 0 };
    if (exit !== null) throw new HermaError("PROCESS_ENDED", `${id} ended before it could be started`);
    throw this.#notHeld(id);
  }

  /** The held process, living or with its stream still open. Throws PROCESS_ENDED or PROCESS_NOT_FOUND. */
  get(id: ProcessId): Held {
    const held = this.#held.get(id);
    if (held !== undefined) return held;
    if (readFolder(this.#options.system, this.#options.home, id).exit !== null) throw new HermaError("PROCESS_ENDED", `${id} has ended`);
    throw this.#notHeld(id);
  }

  #notHeld(id: ProcessId): HermaError {
    return new HermaError("PROCESS_NOT_FOUND", `this keeper does not hold ${id}`);
  }

  /** A request is being answered: until the returned function is called, the keeper does not leave by itself. */
  enter(): () => void {
    this.#requests += 1;
    return () => {
      this.#requests -= 1;
      this.#checkEmpty();
    };
  }

  /** Takes over what dead keepers left. Returns how many processes it took. */
  adopt(): Promise<number> {
    return this.#adopting.all();
  }

  // ---- start

  /**
   * Starts the process whose spec.json stands. An id that was started before answers that one's state, whatever became of it. Throws
   * KEEPER_LEAVING, PROCESS_NOT_FOUND, FILE_CORRUPT, DISK_FULL, IO; then nothing was started.
   */
  start(id: ProcessId, variables: Record<string, string>, loginVariables: boolean, pass: readonly string[] = []): Promise<KeeperProcess> {
    return this.#starting.start(id, { variables, loginVariables, pass });
  }

  /**
   * Writes down that it never ran, and why: its starter may be gone, and would leave a process that is for ever about to start. One that was
   * begun, or has ended, is let be.
   */
  async refuseStart(id: ProcessId, failure: { error: string; message: string }): Promise<void> {
    if (!this.#leaving) await this.#starting.refuse(id, failure);
  }

  #refuseLeaving(): void {
    if (this.#leaving || !this.#options.holdsLock()) throw new HermaError("KEEPER_LEAVING", "this keeper is leaving");
  }

  // ---- end

  /**
   * Ends a process and its tree (see {@link Held.kill}). One that is being started is not spawned any more; one that is over long since still
   * has what carries its mark ended. Throws PROCESS_NOT_FOUND.
   */
  async kill(id: ProcessId, wish: KillWish): Promise<KeeperKillResult> {
    const starting = this.#starting.kill(id, wish);
    const started = starting === null ? null : await starting;
    if (started?.exit?.cause === "killed") return { verdict: "killed", survivors: [], exit: started.exit };
    const held = this.#held.get(id);
    if (held !== undefined) return held.kill(wish);
    const past = this.#past.get(id) ?? this.#openPast(id);
    try {
      return await past.kill(wish);
    } finally {
      past.unconfine();
      this.#past.delete(id);
    }
  }

  #openPast(id: ProcessId): Held {
    const folder = readFolder(this.#options.system, this.#options.home, id);
    if (folder.exit === null) throw this.#notHeld(id);
    const past = new Held(this.#keeping, specOf(folder), folder.state);
    past.linger(folder.exit, noLine);
    this.#past.set(id, past);
    return past;
  }

  /** Ends everything it holds and refuses new starts. Stable for ever: `POST /hangup`. Bounded, whatever the processes do. */
  async hangup(): Promise<void> {
    this.#leaving = true;
    this.#adopting.stop();
    // A start that waits for the login shell finds out that the keeper is leaving.
    await this.#starting.settled();
    const kills = [...this.#held.values()].map((held) => {
      // TERM alone would let whoever ignores it go on with nobody to hold it.
      const graceMs = Math.min(held.spec.grace_ms === 0 ? defaultGraceMs : held.spec.grace_ms, hangupGraceMsMax);
      return held.kill({ source: "hangup", grace_ms: graceMs });
    });
    await Promise.allSettled(kills);
  }

  /** Leaves without ending anything: the next keeper takes over. Terminals end with their keeper. Ends that come now are still noted. */
  async abandon(): Promise<void> {
    await this.#leaveAll();
    await Promise.allSettled([...this.#held.values(), ...this.#past.values()].map((held) => held.letGo()));
  }

  /** As {@link abandon}, to a keeper that is there already and takes each process as soon as that one's state.json says it was let go. */
  async handOver(): Promise<void> {
    await this.#leaveAll();
    await Promise.allSettled([...this.#held.values(), ...this.#past.values()].map((held) => held.handOver()));
  }

  async #leaveAll(): Promise<void> {
    this.#leaving = true;
    this.#adopting.stop();
    this.doorbell.close();
    this.#keeping.emptyGroups.stop();
    await this.#adopting.settled();
  }

  /** After {@link abandon}, before the next keeper can come: from here on nothing of the home is touched. */
  forget(): void {
    for (const held of this.#held.values()) held.forget();
    this.#held.clear();
  }

  /** True and final when it holds nothing and nobody waits for an answer: from then on it starts nothing. */
  leaveIfEmpty(): boolean {
    if (!this.#isEmpty) return false;
    this.#leaving = true;
    this.#adopting.stop();
    return true;
  }

  get #isEmpty(): boolean {
    return this.held === 0 && this.#past.size === 0 && this.#requests === 0;
  }

  #release(held: { readonly id: ProcessId }): void {
    if (this.#held.get(held.id) === held) this.#held.delete(held.id);
    this.#checkEmpty();
  }

  #checkEmpty(): void {
    if (this.#isEmpty) this.#options.emptied?.();
  }
}
