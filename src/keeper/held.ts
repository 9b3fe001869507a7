import {
  type ExitFile,
  HermaError,
  type Identity,
  type KeeperKillResult,
  type KeeperProcess,
  type Limits,
  type LimitsChange,
  type ProcessPaths,
  processPaths,
  type SpecFile,
  type StateFile,
  type Survivor,
  type TerminalSize,
  timestampOf,
} from "../contract/index.ts";
import { defaultGraceMs, type ProcessEvent } from "../rules/index.ts";
import type { ChildExit, Group, ProcessHandle, Timer } from "../system/index.ts";
import type { SeenEnd } from "./exitRecord.ts";
import type { Keeping, KillWish } from "./keeping.ts";
import { Killing } from "./killing.ts";
import { Limiting } from "./limiting.ts";
import { messageOf } from "./log.ts";
import { Orders } from "./orders.ts";
import { Settling, type SettlingOptions } from "./settling.ts";
import type { Heard } from "./spool.ts";
import { folderGoneCheck, freshState, StateRecord } from "./stateRecord.ts";
import { type Line, Streams } from "./streams.ts";

/** What a failed start may have left has done nothing that is worth a grace. */
const abortGraceMs = 1;

/** An end of its stream that is not followed by that of the process within this time is written down by itself. */
const streamNoteAfterMs = 5;

/** One process this keeper holds, from its start or adoption until it is over and its stream has ended. */
export class Held {
  readonly spec: SpecFile;
  readonly paths: ProcessPaths;
  readonly streams: Streams;
  readonly #keeping: Keeping;
  readonly #record: StateRecord;
  readonly #settling: Settling;
  readonly #killing: Killing;
  readonly #limiting: Limiting;
  readonly #orders: Orders;
  #handle: ProcessHandle | null = null;
  #failure: ExitFile["failure"] = null;
  #letGo = false;
  #streamNote: Timer | null = null;

  /** `state` is the one a keeper before this one left, or null. */
  constructor(keeping: Keeping, spec: SpecFile, state: StateFile | null) {
    this.#keeping = keeping;
    this.spec = spec;
    this.paths = processPaths(keeping.home, spec.id);
    const { system, log } = keeping;
    const folderGone = folderGoneCheck(keeping, this.paths.folder, spec.id);
    this.#record = new StateRecord({ system, log, path: this.paths.state, folderGone }, state ?? freshState(keeping, spec));
    this.#limiting = new Limiting({
      system,
      home: keeping.home,
      spec,
      state: () => this.state,
      runOut: () => this.#limitEnds("run", "the time it may run is over"),
      leaves: (group) => keeping.emptyGroups.add(group),
    });
    const limited = (): Group | null => this.#limiting.group;
    this.#killing = new Killing({ system, census: keeping.census, mark: spec.id, root: () => this.state.identity, limited });
    this.streams = new Streams({
      system,
      spec,
      limits: this.#limiting.limits,
      paths: this.paths,
      losses: this.state.losses,
      heard: (what) => this.#heard(what),
      limitKills: () => this.#limitEnds("output", "its output reached the limit"),
      paused: (paused) => void this.#record.change({ paused }),
      ended: (error) => this.#streamEnded(error),
    });
    this.#settling = new Settling({
      system,
      paths: this.paths,
      log,
      folderGone,
      facts: () => this.#facts(),
      outputEnd: () => this.streams.spool.end,
      verdict: () => this.#killing.verdict,
      note: (end) => this.#note(end),
      stored: () => this.#stored(),
    });
    this.#orders = new Orders({
      spec,
      processes: system.processes,
      record: this.#record,
      streams: this.streams,
      limiting: this.#limiting,
      killing: this.#killing,
      settling: this.#settling,
      now: () => this.#now(),
      move: (event, change) => this.#move(event, change),
    });
  }

  get id(): string {
    return this.spec.id;
  }
  get state(): StateFile {
    return this.#record.value;
  }
  get exitFile(): ExitFile | null {
    return this.#settling.file;
  }
  get ended(): boolean {
    return this.exitFile !== null;
  }
  /** Over, but others still write into its stream. */
  get lingers(): boolean {
    return this.ended && !this.streams.ended;
  }
  /** Resolves once its end was written, or the disk has refused it for the first time. */
  get ending(): Promise<void> {
    return this.#settling.tried;
  }

  view(): KeeperProcess {
    return { state: this.state, exit: this.exitFile, output_end: this.streams.spool.end };
  }

  /** The group that the child is to be spawned in; null when its limits need none. */
  get group(): Group | null {
    return this.#limiting.group;
  }

  // ---- life

  /** Before the spawn: makes what its limits need. Throws LIMIT_UNAVAILABLE; then nothing is left of it. */
  confine(): void {
    this.#limiting.confine();
  }

  /** What {@link confine} made goes as soon as nobody is in it: it will not be spawned, or is over. */
  unconfine(): void {
    this.#limiting.ends();
  }

  /** The child runs. */
  spawned(child: { identity: Identity; pid: number }, line: Line): void {
    this.#killing.begins();
    this.#limiting.begins();
    this.streams.attach(line);
    this.#move("spawned", {
      ...this.#limiting.record,
      identity: child.identity,
      group: child.pid,
      session: child.pid,
      started_at: this.#now(),
      stdin: line.terminal !== null || line.input !== null ? "open" : "none",
      output_open: this.#outputOpen,
    });
  }

  /** It never ran: the same ending as any other, with the reason. */
  spawnFailed(failure: { error: string; message: string }): void {
    this.#failure = failure;
    this.#neverRan();
  }

  /** As {@link spawnFailed}, when it may have been spawned all the same: what carries its mark is ended first. */
  abort(failure: { error: string; message: string }): void {
    this.#failure = failure;
    this.#killing.begins();
    this.#killing.climb(abortGraceMs).catch((error: unknown) => this.#killFailed(error));
    this.#neverRan();
  }

  /** Somebody wanted it to end before it was spawned, so it never is. */
  killedBeforeSpawn(wish: KillWish): void {
    this.#orders.intend(wish);
    this.#neverRan();
  }

  #neverRan(): void {
    this.streams.closeOutput();
    this.#settling.saw({ exit: null, evidence: "none", at: this.#now() }, false);
  }

  /**
   * Another keeper's process is ours now. `handle` is null when it is already gone. Throws when the file would go on naming a keeper that
   * others may succeed too; then nothing was taken.
   */
  adopted(handle: ProcessHandle | null, place: { identity: Identity; group: number; session: number }, line: Line): void {
    const { let_go, keeper, output_open } = this.state;
    this.#limiting.goesOn(place.identity.pid);
    // A terminal's output went with its keeper; of a FIFO, what the dead keeper had read and not written.
    if (this.spec.tty !== null || (line.reader !== null && let_go !== true)) this.streams.spool.loseUnknown("keeper_died");
    // Whether its last writer ended before its keeper did, nobody saw.
    else if (line.reader === null && output_open === true) this.streams.spool.loseUnknown("pipe_removed");
    const written = this.#move("adopted", {
      ...place,
      output_open: line.reader === null ? undefined : true,
      ...this.#limiting.record,
      keeper: this.#keeping.identity,
      adoptions: this.state.adoptions + 1,
      stdin: this.state.stdin === "none" ? "none" : "closed",
      paused: false,
      let_go: undefined,
      losses: [...this.streams.spool.losses],
    });
    // Our generation's lock is ours: nobody else succeeds a keeper of it. The keepers of another generation are succeeded by whoever comes.
    if (!written && keeper.generation !== this.#keeping.identity.generation) {
      this.#record.stop();
      this.#limiting.stop();
      throw new HermaError("IO", `${this.id} cannot be taken over while its state.json cannot be written`);
    }
    this.streams.attach(line);
    this.#handle = handle;
    handle?.onExit((exit) => this.exited(exit, exit === null ? "none" : "pidfd"));
  }

  /** Keeps reading what others still write into the stream of a process that is over. */
  linger(exitFile: ExitFile, line: Line): void {
    this.#settling.settledBefore(exitFile);
    this.streams.attach(line);
    if (line.reader === null) return;
    this.streams.drained();
    if (this.state.let_go !== true) this.streams.spool.loseUnknown("keeper_died");
    this.#linger(true);
  }

  /** Others may have gone on writing, and their stream cannot be had again: what they wrote is lost, and that is on record. */
  lostBehindEnd(): void {
    this.streams.spool.loseUnknown("pipe_removed");
    this.#linger(undefined);
  }

  #linger(output_open: true | undefined): void {
    const losses = [...this.streams.spool.losses];
    this.#record.change({ phase: "ended", exited: null, keeper: this.#keeping.identity, losses, let_go: undefined, output_open });
  }

  /** The child has ended (told once). */
  exited(exit: ChildExit | null, evidence: ExitFile["evidence"]): void {
    if (!this.#letGo && this.#settling.end === null) this.streams.drain();
    this.#settling.saw({ exit, evidence, at: this.#now() }, !this.streams.ended);
  }

  // ---- streams

  #heard(what: Heard): void {
    const { spool } = this.streams;
    if (what === "lossBegan") this.#record.change({ losses: [...spool.losses] });
    if (what === "lossGrew") this.#record.changeSoon({ losses: [...spool.losses] });
    this.#keeping.doorbell.output(this.spec.id, spool.end);
    this.#settling.heard();
  }

  /** The last writer has closed the stream. That alone does not end the process. */
  #streamEnded(error: Error | null): void {
    if (error !== null) this.#keeping.log(`${this.id}: its output stream broke: ${error.message}`);
    this.#settling.settle();
    if (this.#letGo) return;
    if (this.ended) {
      this.#noteStreamEnd();
      this.#release();
      return;
    }
    // Most streams end with their process, whose end is written anyway, and says this as well.
    this.#streamNote = this.#keeping.system.clock.after(streamNoteAfterMs, () => this.#noteStreamEnd());
  }

  /** Says in state.json that no more output comes, and takes the FIFO away. */
  #noteStreamEnd(): void {
    this.#streamNote?.cancel();
    this.#streamNote = null;
    if (this.state.output_open === true) this.#record.change({ output_open: undefined });
    this.streams.removePipe();
  }

  /** A terminal's output ends with its keeper, whoever else has it open. */
  get #outputOpen(): true | undefined {
    return this.streams.ended || this.streams.line.terminal !== null ? undefined : true;
  }

  /** TERM alone would be no limit for whoever ignores it. */
  #limitEnds(limit: "run" | "output", reason: string): void {
    const grace_ms = this.spec.grace_ms === 0 ? defaultGraceMs : this.spec.grace_ms;
    this.kill({ source: `limit:${limit}`, reason, grace_ms }).catch((error: unknown) => this.#killFailed(error));
  }

  #killFailed(error: unknown): void {
    this.#keeping.log(`${this.id}: it could not be ended: ${messageOf(error)}`);
  }

  // ---- orders, see {@link Orders}

  write(bytes: Uint8Array, eof: boolean): { bytes_written: number; offset: number } {
    return this.#orders.write(bytes, eof);
  }
  resize(size: TerminalSize): void {
    this.#orders.resize(size);
  }
  changeLimits(change: LimitsChange): Limits {
    return this.#orders.changeLimits(change);
  }
  signal(signal: string, tree: boolean): number[] {
    return this.#orders.signal(signal, tree);
  }
  kill(wish: KillWish): Promise<KeeperKillResult> {
    return this.#orders.kill(wish);
  }

  // ---- the end

  #facts(): ReturnType<SettlingOptions["facts"]> {
    const { intent, started_at } = this.state;
    const survivors = this.#survivorsNow();
    const { losses } = this.streams.spool;
    const { memoryRanOut } = this.#limiting;
    return { id: this.id, intent, startedAt: started_at, failure: this.#failure, foundDead: null, memoryRanOut, survivors, losses };
  }

  #survivorsNow(): Survivor[] {
    try {
      return this.#killing.survivorsNow();
    } catch (error) {
      this.#killFailed(error);
      return [];
    }
  }

  #stored(): void {
    this.#limiting.ends();
    this.streams.drained();
    this.#move(this.#failure === null ? "settled" : "spawnFailed", {
      exited: null,
      paused: this.state.paused && !this.streams.ended,
      stdin: this.state.stdin === "none" ? "none" : "closed",
      losses: [...this.streams.spool.losses],
      output_open: this.#outputOpen,
    });
    this.#keeping.doorbell.tell({ type: "exit", id: this.spec.id });
    this.#handle?.close();
    if (!this.streams.ended) return;
    this.#noteStreamEnd();
    this.#release();
  }

  /** Says in state.json what exit.json does not say yet. What never ran has no exit to note. */
  #note({ exit, at }: SeenEnd): void {
    if (this.ended || this.state.identity === null) return;
    this.#record.change({ exited: { code: exit?.code ?? null, signal: exit?.signal ?? null, at, usage: exit?.usage ?? null } });
  }

  #release(): void {
    this.#limiting.ends();
    this.#record.stop();
    this.streams.release();
    this.#keeping.released(this);
  }

  /**
   * Lets go without ending anything: the next keeper takes over. What is being written is waited for; an end that comes later is still noted,
   * until {@link forget}.
   */
  async letGo(): Promise<void> {
    this.#stop();
    // What was read is written by now, so nothing is missing.
    this.#record.change({ let_go: true });
    await this.#settling.letGo();
  }

  /** Lets go to a keeper that is there already: that it did so is the last thing it writes. */
  async handOver(): Promise<void> {
    this.#stop();
    await this.#settling.letGo();
    this.#record.change({ let_go: true });
    this.forget();
  }

  #stop(): void {
    this.#letGo = true;
    this.#streamNote?.cancel();
    this.#killing.stop();
    this.#limiting.stop();
    this.streams.letGo();
  }

  /** After {@link letGo}: nothing of it is touched any more, since another keeper may have it. */
  forget(): void {
    this.#record.stop();
    this.#handle?.close();
  }

  #move(event: ProcessEvent, change: Partial<StateFile>): boolean {
    const written = this.#record.move(event, change);
    this.#keeping.doorbell.tell({ type: "state", id: this.spec.id, phase: this.state.phase, seq: this.state.seq });
    return written;
  }

  #now(): string {
    return timestampOf(this.#keeping.system.clock.wallMs());
  }
}
