import type { ProcessId } from "../contract/index.ts";

/** Between two notices of one process about rules that count every match. */
const watchSpacingMs = 15_000;
/** This many windows with dropped matches in a row switch a process's watches off. */
const watchStrikesMax = 3;
/** Notices one process may make, in its life, with rules that count every match. */
const watchDeliveriesMax = 8;
/** All processes together make at most this many notices … */
const breakerDeliveriesMax = 15;
/** … within this time; one more trips the breaker … */
const breakerWindowMs = 10_000;
/** … for this long. */
export const breakerCooldownMs = 30_000;
/** Matches of `once` rules that wait for the breaker; further ones are only counted. */
export const heldMatchesMax = 1000;
/** Processes whose counts a release tells by name. */
const countedProcessesMax = 32;

/** How one process stands with its watches: JSON, stored with its scan. Times are epoch milliseconds. */
export type ProcessLimit = {
  /** When its last notice was made: the beginning of its window. */
  readonly emittedAtMs: number | null;
  /** A match has been dropped in this window. */
  readonly dropped: boolean;
  /** Windows with drops, in a row. */
  readonly strikes: number;
  /** Dropped since the last notice that told a count. */
  readonly suppressed: number;
  /** Notices made for rules that count every match. */
  readonly deliveries: number;
  /** Why rules that count every match are off; null while they are on. */
  readonly disabled: "strikes" | "lifetime" | null;
};

/** The match of a `once` rule that waits until the breaker lets it through. */
export type HeldMatch = { readonly process: ProcessId; readonly watch: number; readonly offset: number };

/** The breaker over all processes of a home: JSON, one row of the store. Times are epoch milliseconds. */
export type Breaker = {
  /** When the notices of the last window were made, oldest first. */
  readonly recentMs: readonly number[];
  readonly trippedUntilMs: number | null;
  /** Dropped since it tripped. */
  readonly suppressed: number;
  /** The same, by process, for the first processes. */
  readonly byProcess: Readonly<Record<string, number>>;
  /** Oldest first. */
  readonly held: readonly HeldMatch[];
};

export const freshLimit: ProcessLimit = {
  emittedAtMs: null,
  dropped: false,
  strikes: 0,
  suppressed: 0,
  deliveries: 0,
  disabled: null,
};
export const freshBreaker: Breaker = { recentMs: [], trippedUntilMs: null, suppressed: 0, byProcess: {}, held: [] };

/** `process`: that of the event's process; a `tick` leaves it as it is. */
export type WatchState = { readonly process: ProcessLimit; readonly breaker: Breaker };

export type WatchEvent =
  | {
      readonly type: "match";
      readonly process: ProcessId;
      /** The store's id of the rule. */
      readonly watch: number;
      readonly mode: "once" | "every";
      /** The line's key. */
      readonly offset: number;
    }
  /** Time has passed: due when {@link breakerDueMs} says so. Earlier ones do nothing. */
  | { readonly type: "tick" };

export type WatchOutcome =
  /** Make a notice of this match. `suppressed`: earlier ones of this process that were dropped. `late`: it had been held. */
  | (HeldMatch & { readonly type: "deliver"; readonly suppressed: number; readonly late: boolean })
  /** It was counted, and nobody hears of it by itself. */
  | { readonly type: "suppressed"; readonly process: ProcessId; readonly watch: number; readonly by: "spacing" | "breaker" | "disabled" }
  /** It will be delivered when the breaker lets go. */
  | (HeldMatch & { readonly type: "held" })
  /** The process's rules that count every match are off for good; it notifies on its end from now on. Once for each process. */
  | { readonly type: "disabled"; readonly process: ProcessId; readonly why: "strikes" | "lifetime"; readonly suppressed: number }
  | { readonly type: "tripped"; readonly untilMs: number }
  /** `suppressed` is the sum of `byProcess` and of what processes without a row of their own have lost. */
  | {
      readonly type: "released";
      readonly suppressed: number;
      readonly byProcess: Readonly<Record<string, number>>;
      readonly held: number;
    };

export type WatchDecision = { readonly state: WatchState; readonly outcomes: readonly WatchOutcome[] };

/**
 * Decides what becomes of a match: notices must not become a flood, and no match may vanish without being counted.
 *
 * - Rules that count every match: at most one notice a process in 15 s. What comes in between is dropped and counted; a window in which
 *   something was dropped is a strike, one without resets the strikes, and the third in a row switches these rules off. So does the 8th
 *   notice of a process.
 * - `once` rules match once and are waited for, so neither spacing nor strikes touch them, and the breaker only holds them back.
 * - The breaker over all processes is asked before a match counts as told: what it drops leaves the process's window, strikes and counts
 *   alone. It lets go by itself (`tick`), tells how many it dropped, and gives free what it held, at most 15 in 10 s.
 *
 * @param nowMs epoch milliseconds; a clock that is set back makes nothing wait longer than its time
 */
export function decideWatch(state: WatchState, event: WatchEvent, nowMs: number): WatchDecision {
  const outcomes: WatchOutcome[] = [];
  const breaker = release(settled(state.breaker, nowMs), nowMs, outcomes);
  if (event.type === "tick") return { state: { process: state.process, breaker }, outcomes };
  const { emittedAtMs } = state.process;
  const process = emittedAtMs !== null && emittedAtMs > nowMs ? { ...state.process, emittedAtMs: nowMs } : state.process;
  return { state: match({ process, breaker }, event, nowMs, outcomes), outcomes };
}

/** When the next `tick` is due, or null: the breaker has nothing to do by itself. */
export function breakerDueMs(breaker: Breaker): number | null {
  if (breaker.trippedUntilMs !== null) return breaker.trippedUntilMs;
  if (breaker.held.length === 0) return null;
  const oldest = breaker.recentMs.length < breakerDeliveriesMax ? undefined : breaker.recentMs[0];
  return oldest === undefined ? 0 : oldest + breakerWindowMs;
}

type Match = Extract<WatchEvent, { type: "match" }>;

function match(state: WatchState, event: Match, nowMs: number, outcomes: WatchOutcome[]): WatchState {
  if (event.mode === "every") {
    const { process } = state;
    if (process.disabled !== null) {
      outcomes.push({ type: "suppressed", process: event.process, watch: event.watch, by: "disabled" });
      return { ...state, process: { ...process, suppressed: process.suppressed + 1 } };
    }
    if (process.emittedAtMs !== null && nowMs - process.emittedAtMs < watchSpacingMs) {
      return { ...state, process: drop(process, event, outcomes) };
    }
  }
  const full = state.breaker.recentMs.length >= breakerDeliveriesMax;
  if (full || state.breaker.trippedUntilMs !== null) return { ...state, breaker: refuse(state.breaker, event, nowMs, outcomes) };
  return emit(state, event, nowMs, outcomes);
}

function drop(process: ProcessLimit, event: Match, outcomes: WatchOutcome[]): ProcessLimit {
  outcomes.push({ type: "suppressed", process: event.process, watch: event.watch, by: "spacing" });
  const suppressed = process.suppressed + 1;
  if (process.dropped) return { ...process, suppressed };
  const strikes = process.strikes + 1;
  if (strikes < watchStrikesMax) return { ...process, suppressed, strikes, dropped: true };
  outcomes.push({ type: "disabled", process: event.process, why: "strikes", suppressed });
  return { ...process, suppressed: 0, strikes, dropped: true, disabled: "strikes" };
}

function emit(state: WatchState, event: Match, nowMs: number, outcomes: WatchOutcome[]): WatchState {
  const { process, breaker } = state;
  const deliveries = process.deliveries + (event.mode === "every" ? 1 : 0);
  const last = event.mode === "every" && deliveries >= watchDeliveriesMax;
  outcomes.push({ ...heldOf(event), type: "deliver", suppressed: process.suppressed, late: false });
  if (last) outcomes.push({ type: "disabled", process: event.process, why: "lifetime", suppressed: 0 });
  return {
    breaker: { ...breaker, recentMs: [...breaker.recentMs, nowMs] },
    process: {
      emittedAtMs: nowMs,
      dropped: false,
      strikes: process.dropped ? process.strikes : 0,
      suppressed: 0,
      deliveries,
      disabled: last ? "lifetime" : process.disabled,
    },
  };
}

function heldOf(event: Match): HeldMatch {
  return { process: event.process, watch: event.watch, offset: event.offset };
}

function refuse(breaker: Breaker, event: Match, nowMs: number, outcomes: WatchOutcome[]): Breaker {
  let next = breaker;
  if (next.trippedUntilMs === null) {
    next = { ...next, trippedUntilMs: nowMs + breakerCooldownMs };
    outcomes.push({ type: "tripped", untilMs: nowMs + breakerCooldownMs });
  }
  if (event.mode === "once" && next.held.length < heldMatchesMax) {
    const held = heldOf(event);
    outcomes.push({ ...held, type: "held" });
    return { ...next, held: [...next.held, held] };
  }
  outcomes.push({ type: "suppressed", process: event.process, watch: event.watch, by: "breaker" });
  const count = next.byProcess[event.process];
  const counted = count !== undefined || Object.keys(next.byProcess).length < countedProcessesMax;
  return {
    ...next,
    suppressed: next.suppressed + 1,
    byProcess: counted ? { ...next.byProcess, [event.process]: (count ?? 0) + 1 } : next.byProcess,
  };
}

/** Forgets what is older than a window, and what lies in a future that a clock set back has left behind. */
function settled(breaker: Breaker, nowMs: number): Breaker {
  const { trippedUntilMs } = breaker;
  return {
    ...breaker,
    recentMs: breaker.recentMs.map((atMs) => Math.min(atMs, nowMs)).filter((atMs) => nowMs - atMs < breakerWindowMs),
    trippedUntilMs: trippedUntilMs === null ? null : Math.min(trippedUntilMs, nowMs + breakerCooldownMs),
  };
}

/** Lets go when the time has come, and gives free what there is room for. */
function release(breaker: Breaker, nowMs: number, outcomes: WatchOutcome[]): Breaker {
  let next = breaker;
  if (next.trippedUntilMs !== null) {
    if (nowMs < next.trippedUntilMs) return next;
    outcomes.push({ type: "released", suppressed: next.suppressed, byProcess: next.byProcess, held: next.held.length });
    next = { ...next, trippedUntilMs: null, suppressed: 0, byProcess: {} };
  }
  const free = next.held.slice(0, Math.max(0, breakerDeliveriesMax - next.recentMs.length));
  if (free.length === 0) return next;
  for (const held of free) outcomes.push({ ...held, type: "deliver", suppressed: 0, late: true });
  return { ...next, held: next.held.slice(free.length), recentMs: [...next.recentMs, ...free.map(() => nowMs)] };
}
