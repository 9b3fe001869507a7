import type { ExitFile, Interest, ProcessId } from "../../contract/index.ts";
import { processPaths } from "../../contract/index.ts";
import {
  compileWatchRules,
  createLineScan,
  freshLimit,
  type Heartbeats,
  heartbeat,
  heartbeatDueMs,
  judgeSilence,
  type LineBlock,
  type LineMatch,
  type LineScan,
  type ProcessLimit,
  patternText,
  type Silence,
  silenceDueMs,
  silenceFrom,
  type WatchMatcher,
} from "../../rules/index.ts";
import type { Watch } from "../../store/index.ts";
import { readFolder, readState, standsAt } from "../folder.ts";
import { liveOutputEnd, OutputCursor } from "../output.ts";
import { patternEngine } from "../patterns.ts";
import type { Desk } from "./desk.ts";
import { tail, tellEnd } from "./ending.ts";

/** An open last line is matched when nothing has come for this long. */
const openLineQuietMs = 250;
/** Bytes of output matched in one look, so that other processes get their turn. */
const lookBytesMax = 4_194_304;
/** Milliseconds for the same: bytes that are no text take ten times as long as lines. */
const lookMsMax = 25;
/** Whether the end is near is asked for each. */
const chunkBytesMax = 262_144;
/** Without a match, the position is stored only after so many bytes: if they are read again, they match nothing again. */
const unsavedBytesMax = 8_388_608;

/** What is to be done after a look. */
export type Look =
  /** There is more to read at once. */
  | { readonly kind: "again" }
  /** Wait for the bell, at most so long. Null: as long as it takes. */
  | { readonly kind: "wait"; readonly dueInMs: number | null }
  /** Nobody has to look at this process any more. */
  | { readonly kind: "done" };

/** How a scan stands, beside its offset: JSON of the store. */
type Kept = {
  readonly counted: boolean;
  readonly limit: ProcessLimit;
  readonly heartbeats: Heartbeats | null;
  /** By id of the rule that fires on silence. */
  readonly silences: Readonly<Record<string, Silence>>;
};

/**
 * Matches one process's output against its watches, and tells its end. It goes by the files alone, so that missed events do not matter. Each look is
 * at most one transaction. After a failure it goes on from the stored position.
 */
export class ProcessScan {
  readonly id: ProcessId;
  readonly #desk: Desk;
  #interest: Interest | null = null;
  #watches: Watch[] = [];
  #matcher: WatchMatcher;
  #lines: LineScan;
  #cursor: OutputCursor;
  #kept: Kept = { counted: false, limit: freshLimit, heartbeats: null, silences: {} };
  #savedOffset = 0;
  /** Monotonic time of the newest output. */
  #outputAtMs: number;
  /** Read, but it may have come after the end: it counts once the ending says so. */
  #openMatched = false;

  constructor(desk: Desk, id: ProcessId) {
    this.#desk = desk;
    this.id = id;
    this.#matcher = compileWatchRules([], patternEngine());
    this.#lines = createLineScan();
    this.#cursor = this.#cursorAt(0);
    this.#outputAtMs = desk.context.system.clock.monotonicMs();
    this.reload();
  }

  /** False when output is of no interest: only the end is. */
  get wantsOutput(): boolean {
    return this.#matcher.active;
  }

  /** True when somebody has changed the interest that this scan works with. */
  get isStale(): boolean {
    const { store } = this.#desk;
    const now = [store.interests.get(this.id), store.watches.ofProcess(this.id)];
    return JSON.stringify(now) !== JSON.stringify([this.#interest, this.#watches]);
  }

  /** Goes on from what is stored. */
  reload(): void {
    const { store } = this.#desk;
    this.#interest = store.interests.get(this.id);
    this.#watches = store.watches.ofProcess(this.id);
    const scan = store.scans.get(this.id);
    const state = (scan?.state ?? {}) as Partial<Kept>;
    const active = this.#watches.filter((watch) => watch.state === "active");
    // Output in front of every rule need not be read.
    const first = Math.min(...active.map((watch) => watch.from));
    const stored = scan?.offset ?? 0;
    const skips = Number.isFinite(first) && first > stored;
    this.#kept = {
      counted: !skips && (state.counted ?? false),
      limit: { ...freshLimit, ...state.limit },
      heartbeats: state.heartbeats ?? null,
      silences: state.silences ?? {},
    };
    const line = skips ? first : stored;
    this.#lines = createLineScan({ line, counted: this.#kept.counted });
    this.#cursor = this.#cursorAt(line);
    this.#savedOffset = stored;
    this.#openMatched = false;
    this.#matcher = compileWatchRules(
      this.#watches.map((watch) => ({ rule: watch.rule, from: watch.from, active: watch.state === "active" })),
      patternEngine(),
    );
  }

  /** Looks at the files once. Throws what the store throws; `reload` before the next look then. */
  look(): Look {
    const { context } = this.#desk;
    const { files } = context.system;
    if (!standsAt(files, processPaths(context.home, this.id).folder)) {
      this.#desk.commit(() => this.#desk.store.interests.remove(this.id));
      return { kind: "done" };
    }
    // Asked first: what was printed before the end is on disk before the ending is.
    const { exit } = readFolder(files, context.home, this.id);
    const matches: LineMatch[] = [];
    const more = this.#matcher.active ? this.#read(matches, exit) : false;
    if (more) {
      if (matches.length > 0 || this.#unsaved > unsavedBytesMax) this.#desk.commit(() => this.#write(matches));
      return { kind: "again" };
    }
    if (exit !== null) return this.#finish(matches, exit);
    this.#matchOpenLine(matches);
    const due = this.#dueNow();
    if (matches.length > 0 || due || this.#unsaved > unsavedBytesMax) {
      this.#desk.commit(() => {
        this.#write(matches);
        if (due) this.#passTime();
      });
    }
    return { kind: "wait", dueInMs: this.#dueInMs() };
  }

  /** Stores where it stands, for the next one. */
  save(): void {
    if (this.#unsaved > 0) this.#desk.commit(() => this.#write([]));
  }

  get #unsaved(): number {
    return this.#lines.state().line - this.#savedOffset;
  }

  /** Feeds what is there; true when there is more. */
  #read(matches: LineMatch[], exit: ExitFile | null): boolean {
    const { context } = this.#desk;
    const end = exit?.output_end ?? Number.POSITIVE_INFINITY;
    const { clock } = context.system;
    const overMs = clock.monotonicMs() + lookMsMax;
    for (let size = 0; size < lookBytesMax; ) {
      const place = this.#cursor.offset;
      if (place >= end) break;
      const chunk = this.#cursor.next(Math.min(chunkBytesMax, end - place));
      if (chunk === null) break;
      if (exit === null && this.#endIsNear()) {
        // Between the exit of the process and its exit.json it is not known yet which bytes belong to the run.
        this.#cursor = this.#cursorAt(place);
        return false;
      }
      if (chunk.kind === "gap") continue;
      size += chunk.bytes.length;
      this.#outputAtMs = clock.monotonicMs();
      this.#openMatched = false;
      this.#match(matches, this.#lines.feed(chunk.bytes, chunk.offset));
      if (!this.#matcher.active) return false;
      if (size >= lookBytesMax || clock.monotonicMs() >= overMs) return true;
    }
    return false;
  }

  #endIsNear(): boolean {
    const { context } = this.#desk;
    const state = readState(context.system.files, context.home, this.id);
    return state !== null && (state.exited !== null || state.phase === "ended");
  }

  #match(matches: LineMatch[], blocks: readonly LineBlock[]): LineMatch[] {
    const found = blocks.flatMap((block) => this.#matcher.match(block));
    for (const match of found) matches.push(match);
    return found;
  }

  #matchOpenLine(matches: LineMatch[]): void {
    const open = this.#lines.openLine();
    if (open === null || this.#openMatched || !this.#matcher.active || this.#quietMs() < openLineQuietMs) return;
    this.#openMatched = true;
    const found = this.#match(matches, [open]);
    // Rules on silence take no line from the others: it may still match one of them when it is whole.
    if (found.some((match) => !this.#isNegative(match.rule))) this.#lines.countOpenLine();
  }

  #quietMs(): number {
    return this.#desk.context.system.clock.monotonicMs() - this.#outputAtMs;
  }

  #isNegative(rule: number): boolean {
    return this.#watches[rule]?.rule.negative_seconds !== undefined;
  }

  /** Everything up to the end has been read. */
  #finish(matches: LineMatch[], exit: ExitFile): Look {
    const last = this.#matcher.active ? this.#lines.end() : null;
    if (last !== null) this.#match(matches, [last]);
    this.#desk.commit(() => {
      this.#write(matches);
      const { store } = this.#desk;
      for (const watch of store.watches.ofProcess(this.id)) {
        if (watch.state === "active") store.watches.save({ ...watch, state: "disabled" });
      }
      const interest = store.interests.get(this.id);
      if (interest === null) return;
      const tells = interest.notify_on_complete;
      if (tells) tellEnd(this.#desk, interest, exit, this.#kept.limit.suppressed);
      // If the end was told, its notice remembers that. If nobody wanted to be told, there is nothing left to do.
      const told = store.notices.list({ process: this.id }).some((notice) => notice.kind === "completion");
      store.interests.put({ ...interest, heartbeat_seconds: null, notify_on_complete: tells && told });
    });
    return { kind: "done" };
  }

  /** Decides about matches in order, and stores how everything stands then. Called within a transaction. */
  #write(matches: readonly LineMatch[]): void {
    const { store, nowMs } = this.#desk;
    const silences: Record<string, Silence> = { ...this.#kept.silences };
    const decided: { watch: Watch; match: LineMatch }[] = [];
    const hits = new Map<number, { count: number; last: number }>();
    for (const match of matches) {
      const watch = this.#watches[match.rule];
      if (watch === undefined) continue;
      hits.set(watch.id, { count: (hits.get(watch.id)?.count ?? 0) + 1, last: match.offset });
      if (watch.rule.negative_seconds === undefined) decided.push({ watch, match });
      else silences[watch.id] = silenceFrom(nowMs);
    }
    const limit = decided.length === 0 ? this.#kept.limit : this.#desk.matches(this.#kept.limit, decided);
    // Read anew: what was decided may have changed them, and others too.
    for (const watch of hits.size === 0 ? [] : store.watches.ofProcess(this.id)) {
      const hit = hits.get(watch.id);
      if (hit === undefined) continue;
      const matched = watch.rule.mode === "once" && watch.rule.negative_seconds === undefined;
      const state = matched ? "matched" : watch.state;
      store.watches.save({ ...watch, state, hits: watch.hits + hit.count, last_match: hit.last });
    }
    this.#kept = { ...this.#kept, limit, silences };
    this.#put();
    this.#takeOver();
  }

  #put(): void {
    const { line, counted } = this.#lines.state();
    this.#kept = { ...this.#kept, counted };
    this.#desk.store.scans.put({ process_id: this.id, offset: line, state: { ...this.#kept } });
    this.#savedOffset = line;
  }

  /** What decisions have changed holds for this scan as well. */
  #takeOver(): void {
    const { store } = this.#desk;
    this.#interest = store.interests.get(this.id);
    const watches = store.watches.ofProcess(this.id);
    if (watches.length !== this.#watches.length) return;
    this.#watches = watches;
    for (const [index, watch] of watches.entries()) this.#matcher.setActive(index, watch.state === "active");
  }

  /** Rules on silence and heartbeats whose time has come. Called within a transaction. */
  #passTime(): void {
    const { store, nowMs } = this.#desk;
    const silences: Record<string, Silence> = { ...this.#kept.silences };
    for (const watch of this.#watches) {
      const seconds = watch.rule.negative_seconds;
      if (watch.state !== "active" || seconds === undefined) continue;
      const { silence, fires } = judgeSilence(silences[watch.id] ?? silenceFrom(nowMs), seconds, nowMs);
      silences[watch.id] = silence;
      if (!fires) continue;
      this.#tellSilence(watch, seconds, silence);
      const state = watch.rule.mode === "once" ? "matched" : "active";
      store.watches.save({ ...watch, state, deliveries: watch.deliveries + 1 });
    }
    this.#kept = { ...this.#kept, silences, heartbeats: this.#beat() };
    this.#put();
    this.#takeOver();
  }

  #tellSilence(watch: Watch, seconds: number, silence: Silence): void {
    const pattern = patternText(watch.rule);
    const offset = this.#end();
    this.#desk.tell(this.id, {
      once: `silence:${watch.id}:${silence.sinceMs}`,
      content: {
        kind: "watch_match",
        process: this.#desk.subject(this.id, this.#interest),
        pattern,
        line: null,
        offset,
        silentSeconds: seconds,
        suppressed: 0,
        late: false,
      },
      weight: "turn",
      data: { watch: watch.id, pattern, offset, silent_seconds: seconds },
    });
  }

  #beat(): Heartbeats | null {
    const seconds = this.#interest?.heartbeat_seconds ?? null;
    if (seconds === null) return null;
    const { nowMs } = this.#desk;
    const before = this.#kept.heartbeats ?? { lastMs: nowMs, toldTo: 0 };
    const end = this.#end();
    const { last, due } = heartbeat(before, seconds, { nowMs, end, running: true });
    if (!due) {
      // Nothing is new: the next look at it is a whole time later, not at once.
      return nowMs >= heartbeatDueMs(last, seconds) ? { ...last, lastMs: nowMs } : last;
    }
    const state = readState(this.#desk.context.system.files, this.#desk.context.home, this.id);
    this.#desk.tell(this.id, {
      once: `heartbeat:${this.id}:${last.toldTo}`,
      content: {
        kind: "heartbeat",
        process: this.#desk.subject(this.id, this.#interest),
        runMs: state?.started_at == null ? null : Math.max(0, nowMs - Date.parse(state.started_at)),
        output: tail(this.#desk, this.id, end, before.toldTo),
        newBytes: end - before.toldTo,
      },
      weight: "turn",
      data: { from: before.toldTo, to: end },
    });
    return last;
  }

  #end(): number {
    const { home, system } = this.#desk.context;
    return liveOutputEnd(system.files, home, this.id, readState(system.files, home, this.id));
  }

  #dueNow(): boolean {
    const dueMs = this.#timeDueMs();
    return dueMs !== null && dueMs <= this.#desk.nowMs;
  }

  /** When silence or heartbeats want another look, epoch milliseconds; 0: at once, since nobody counts their time yet. */
  #timeDueMs(): number | null {
    const dues: number[] = [];
    for (const watch of this.#watches) {
      const seconds = watch.rule.negative_seconds;
      if (watch.state !== "active" || seconds === undefined) continue;
      const silence = this.#kept.silences[watch.id];
      const dueMs = silence === undefined || this.#isAhead(silence) ? 0 : silenceDueMs(silence, seconds);
      if (dueMs !== null) dues.push(dueMs);
    }
    const seconds = this.#interest?.heartbeat_seconds ?? null;
    const { heartbeats } = this.#kept;
    if (seconds !== null) dues.push(heartbeats === null || heartbeats.lastMs > this.#desk.nowMs ? 0 : heartbeatDueMs(heartbeats, seconds));
    return dues.length === 0 ? null : Math.min(...dues);
  }

  /** The clock was set back: its time begins anew, at once, instead of when the clock has come there again. */
  #isAhead(silence: Silence): boolean {
    return !silence.told && silence.sinceMs > this.#desk.nowMs;
  }

  #dueInMs(): number | null {
    const dues: number[] = [];
    if (this.#lines.openLine() !== null && !this.#openMatched && this.#matcher.active) {
      dues.push(Math.max(0, openLineQuietMs - this.#quietMs()));
    }
    const timeMs = this.#timeDueMs();
    if (timeMs !== null) dues.push(Math.max(0, timeMs - this.#desk.nowMs));
    return dues.length === 0 ? null : Math.min(...dues);
  }

  #cursorAt(offset: number): OutputCursor {
    const { context } = this.#desk;
    return new OutputCursor(context.system.files, processPaths(context.home, this.id).output, offset);
  }
}
