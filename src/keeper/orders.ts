import {
  type ExitFile,
  HermaError,
  type Intent,
  type KeeperKillResult,
  type Limits,
  type LimitsChange,
  type SpecFile,
  type StateFile,
  type TerminalSize,
} from "../contract/index.ts";
import type { ProcessEvent } from "../rules/index.ts";
import type { System } from "../system/index.ts";
import type { KillWish } from "./keeping.ts";
import type { Killing } from "./killing.ts";
import type { Limiting } from "./limiting.ts";
import type { Settling } from "./settling.ts";
import type { StateRecord } from "./stateRecord.ts";
import type { Streams } from "./streams.ts";

/** The parts of the held process that is ordered about. */
export type OrdersOf = {
  readonly spec: SpecFile;
  readonly processes: System["processes"];
  readonly record: StateRecord;
  readonly streams: Streams;
  readonly limiting: Limiting;
  readonly killing: Killing;
  readonly settling: Settling;
  readonly now: () => string;
  /** A move of the process table, told to listeners. */
  readonly move: (event: ProcessEvent, change: Partial<StateFile>) => void;
};

/** What somebody wants of one held process: input, another size, other limits, a signal, its end. Each throws the table's refusal. */
export class Orders {
  readonly #of: OrdersOf;

  constructor(of: OrdersOf) {
    this.#of = of;
  }

  /** Writes to standard input or the terminal. Returns where output stood when the input was taken. */
  write(bytes: Uint8Array, eof: boolean): { bytes_written: number; offset: number } {
    this.#allow("inputAsked");
    const offset = this.#of.streams.spool.end;
    this.#of.streams.write(bytes, eof);
    if (eof && this.#of.streams.line.terminal === null) this.#of.record.change({ stdin: "closed" });
    return { bytes_written: bytes.length, offset };
  }

  /** Throws NO_TERMINAL. */
  resize(size: TerminalSize): void {
    this.#allow("resizeAsked");
    this.#of.streams.resize(size);
    this.#of.record.change({ tty: size });
  }

  /**
   * Changes its limits; what it waited for because of one goes on. Returns those that hold now. Throws LIMIT_UNAVAILABLE; then nothing has
   * changed.
   */
  changeLimits(change: LimitsChange): Limits {
    this.#allow("limitsAsked");
    const limits = this.#of.limiting.change(change);
    this.#of.move("limitsAsked", { limits });
    this.#of.limiting.follow();
    this.#of.streams.limit(limits);
    return limits;
  }

  /** One signal to the process group, or to the whole tree. No intent: what the process makes of it is its own affair. */
  signal(signal: string, tree: boolean): number[] {
    this.#allow("signalAsked");
    const root = this.#of.record.value.identity;
    const sameness = root === null ? "gone" : this.#of.processes.compare(root);
    if (sameness === "gone") throw new HermaError("PROCESS_ENDED", `${this.#of.spec.id} has ended`);
    if (sameness === "unknown") throw new HermaError("IDENTITY_UNPROVEN", `pid ${root?.pid} cannot be proven to be ${this.#of.spec.id}`);
    const own = this.#of.killing.tree;
    return own.send(signal, tree ? own.scan() : own.scanGroup());
  }

  /**
   * The ladder over the whole tree. The first intent wins, later callers join the climb (a shorter grace shortens it), and after survivors it can
   * be climbed again. After the end it still ends what carries the process's mark. Throws KEEPER_LEAVING when the keeper leaves meanwhile.
   */
  async kill(wish: KillWish): Promise<KeeperKillResult> {
    const graceMs = wish.grace_ms ?? this.#of.spec.grace_ms;
    const over = this.#of.settling.file !== null || this.#isOver();
    // What is over was not ended by whoever comes after: the first cause wins.
    if (!over && this.#of.record.value.intent === null) this.intend(wish);
    if (over && this.#of.killing.verdict === null && this.#of.killing.tree.scan().length === 0) {
      return { verdict: "already_exited", survivors: [], exit: await this.#endingOfRoot() };
    }
    const survivors = await this.#of.killing.climb(graceMs);
    if (survivors.length === 0) return { verdict: "killed", survivors, exit: await this.#endingOfRoot() };
    return { verdict: "survivors", survivors, exit: this.#isOver() ? await this.#endingOfRoot() : null };
  }

  /** Its exit was seen, or is about to be told: a zombie is dead. */
  #isOver(): boolean {
    if (this.#of.settling.end !== null) return true;
    const { identity } = this.#of.record.value;
    return identity !== null && this.#of.processes.compare(identity) === "gone";
  }

  /** Null while the disk does not take it. */
  async #endingOfRoot(): Promise<ExitFile | null> {
    await this.#of.settling.tried;
    return this.#of.settling.file;
  }

  /**
   * The intent stands before the first signal. Where the disk is full it stands in memory alone, and from there it gets into exit.json, whose
   * space is reserved; only a keeper that dies before there is room, and before the end, takes it along.
   */
  intend(wish: KillWish): void {
    const intent: Intent = { source: wish.source, at: this.#of.now(), grace_ms: wish.grace_ms ?? this.#of.spec.grace_ms };
    if (wish.reason !== undefined) intent.reason = wish.reason;
    this.#of.move("killAsked", { intent });
  }

  #allow(event: ProcessEvent): void {
    this.#of.record.allow(event);
    if (this.#of.settling.end !== null) throw new HermaError("PROCESS_ENDED", `${this.#of.spec.id} has ended`);
  }
}
