import { type Interest, type NoticeKind, type ProcessFact, type ProcessId, timestampOf } from "../../contract/index.ts";
import {
  type Breaker,
  breakerCooldownMs,
  decideWatch,
  freshBreaker,
  freshLimit,
  type LineMatch,
  lineText,
  type NoticeContent,
  type NoticeProcess,
  noticeText,
  type ProcessLimit,
  patternText,
  type WatchOutcome,
} from "../../rules/index.ts";
import type { NewNotice, Store, Watch } from "../../store/index.ts";
import type { Context } from "../context.ts";
import { readFolder } from "../folder.ts";
import { keptOutput } from "../kept.ts";
import { shownMatchLine } from "../matchedLine.ts";
import { ownerOf } from "../owner.ts";

/** Bytes of a held line that are looked at again when it is told. */
const heldLineBytes = 65_536;

/** What a notice is about, beside its text. */
type Told = {
  readonly once: string;
  readonly content: NoticeContent;
  readonly weight: NewNotice["weight"];
  readonly data: Readonly<Record<string, unknown>>;
};

/**
 * Writes notices, and keeps the breaker over all processes. Methods that write are called within a transaction of the store; their facts are told after
 * the commit.
 */
export class Desk {
  readonly context: Context;
  readonly store: Store;
  readonly #generation: string;
  #facts: ProcessFact[] = [];

  constructor(context: Context, store: Store, generation: string) {
    this.context = context;
    this.store = store;
    this.#generation = generation;
  }

  /**
   * Runs `work` as one transaction and then tells the facts of it. When it throws, nothing has happened: neither rows nor facts.
   * Whatever the caller keeps in memory has to be read again then.
   */
  commit<T>(work: () => T): T {
    this.#facts = [];
    const result = this.store.transaction(work);
    const facts = this.#facts;
    this.#facts = [];
    for (const fact of facts) this.context.tell(fact);
    return result;
  }

  breaker(): Breaker {
    return { ...freshBreaker, ...(this.store.scans.breaker() as Partial<Breaker> | null) };
  }

  /** Lets go of the breaker when its time has come, and tells what it held. */
  tick(): void {
    const before = this.breaker();
    const { state, outcomes } = decideWatch({ process: freshLimit, breaker: before }, { type: "tick" }, this.nowMs);
    for (const outcome of outcomes) this.settle(outcome, before, null);
    // Stored also when nothing is told: after a clock was set back, the breaker lets go at another time.
    if (JSON.stringify(state.breaker) !== JSON.stringify(before)) this.store.scans.putBreaker(state.breaker);
  }

  /** Decides about matches of one process, in order. Returns how it stands with its limits then. */
  matches(limit: ProcessLimit, found: readonly { readonly watch: Watch; readonly match: LineMatch }[]): ProcessLimit {
    const first = this.breaker();
    let state = { process: limit, breaker: first };
    for (const { watch, match } of found) {
      const { id, process_id, rule } = watch;
      const before = state.breaker;
      const event = { type: "match" as const, process: process_id, watch: id, mode: rule.mode, offset: match.offset };
      const decision = decideWatch(state, event, this.nowMs);
      state = decision.state;
      for (const outcome of decision.outcomes) {
        const own = outcome.type === "deliver" && outcome.watch === id && outcome.offset === match.offset;
        this.settle(outcome, before, own ? match.text : null);
      }
    }
    if (JSON.stringify(state.breaker) !== JSON.stringify(first)) this.store.scans.putBreaker(state.breaker);
    return state.process;
  }

  get nowMs(): number {
    return this.context.system.clock.wallMs();
  }

  /** Stores a notice and, when it is new, its fact. */
  tell(id: ProcessId | null, told: Told): boolean {
    const { context } = this;
    const interest = id === null ? null : this.store.interests.get(id);
    const spec = id === null ? null : readFolder(context.system.files, context.home, id).spec;
    const { session, task } = id === null ? { session: null, task: null } : ownerOf(spec, interest);
    const notice: NewNotice = {
      id: `note_${hex(context, 6)}`,
      kind: told.content.kind,
      process_id: id,
      session,
      task,
      generation: this.#generation,
      weight: told.weight,
      created_at: timestampOf(this.nowMs),
      data: told.data,
      text: noticeText(told.content, {
        nonce: hex(context, 8),
        redact: (text) => context.shown.output(text, spec?.command),
      }),
    };
    if (!this.store.notices.add(notice, told.once)) return false;
    this.#facts.push({ type: "process.noticed", id, notice: notice.id, kind: notice.kind satisfies NoticeKind, session });
    return true;
  }

  subject(id: ProcessId, interest: Interest | null): NoticeProcess {
    const { spec } = readFolder(this.context.system.files, this.context.home, id);
    // Masked by the rules for commands, which know options and variables.
    const command = spec === null ? "" : this.context.shown.command(spec.command);
    return { id, name: spec?.name ?? null, command, purpose: interest?.purpose ?? null };
  }

  /** Does what was decided. `before`: the breaker as it was. `line`: the line of a match, when it is at hand. */
  settle(outcome: WatchOutcome, before: Breaker, line: string | null): void {
    switch (outcome.type) {
      case "suppressed":
      case "held":
        return;
      case "deliver":
        this.#deliver(outcome, line ?? this.#lineAt(outcome.process, outcome.offset));
        return;
      case "disabled":
        this.#disable(outcome);
        return;
      case "tripped":
        this.tell(null, {
          once: `tripped:${outcome.untilMs}`,
          content: { kind: "watch_overflow_tripped", cooldownMs: breakerCooldownMs },
          weight: "context",
          data: { until: timestampOf(outcome.untilMs) },
        });
        return;
      case "released": {
        const { suppressed, byProcess, held } = outcome;
        this.tell(null, {
          once: `released:${before.trippedUntilMs}`,
          content: { kind: "watch_overflow_released", suppressed, byProcess, held },
          weight: "context",
          data: { suppressed, by_process: byProcess, held },
        });
        return;
      }
    }
  }

  #deliver(outcome: Extract<WatchOutcome, { type: "deliver" }>, line: string): void {
    const { process: id, watch: watchId, offset, suppressed, late } = outcome;
    const watch = this.store.watches.ofProcess(id).find((one) => one.id === watchId);
    // The rule has been removed meanwhile, so nobody waits for its match.
    if (watch === undefined) return;
    const pattern = patternText(watch.rule);
    const content: NoticeContent = {
      kind: "watch_match",
      process: this.subject(id, this.store.interests.get(id)),
      pattern,
      line: shownMatchLine(this.context, id, { offset, text: line }),
      offset,
      silentSeconds: null,
      suppressed,
      late,
    };
    const data = { watch: watchId, pattern: this.context.shown.text(pattern), offset, suppressed, late };
    if (!this.tell(id, { once: `match:${watchId}:${offset}`, content, weight: "turn", data })) return;
    this.store.watches.save({ ...watch, deliveries: watch.deliveries + 1 });
    this.#facts.push({ type: "process.matched", id, watch: watchId, offset });
  }

  /** Its rules that count every match are off from now on; that it has ended will be told instead. */
  #disable({ process: id, why, suppressed }: Extract<WatchOutcome, { type: "disabled" }>): void {
    const interest = this.store.interests.get(id);
    const content: NoticeContent = { kind: "watch_disabled", process: this.subject(id, interest), why, suppressed };
    this.tell(id, { once: `disabled:${id}`, content, weight: "turn", data: { why, suppressed } });
    if (interest !== null) this.store.interests.put({ ...interest, notify_on_complete: true });
    for (const watch of this.store.watches.ofProcess(id)) {
      if (watch.state === "active" && watch.rule.mode === "every" && watch.rule.negative_seconds === undefined) {
        this.store.watches.save({ ...watch, state: "disabled" });
      }
    }
  }

  /** A line by its key, as far as it is still kept. */
  #lineAt(id: ProcessId, offset: number): string {
    try {
      for (const { offset: at, bytes } of keptOutput(this.context, id).chunks(offset, offset + heldLineBytes)) {
        if (at !== offset) break;
        const end = bytes.findIndex((byte) => byte === 0x0a || byte === 0x0d);
        return lineText(bytes, 0, end === -1 ? bytes.length : end);
      }
    } catch {
      // The process has been removed; the match is told all the same, without its line.
    }
    return "(it is not kept any more)";
  }
}

function hex(context: Context, bytes: number): string {
  return Buffer.from(context.system.random(bytes)).toString("hex");
}
