import type { ProcessId } from "../contract/index.ts";

/** Polls without news until a hint is given … */
const emptyPollsHint = 3;
/** … and until a wake is armed instead. */
const emptyPollsWake = 6;

/** How often one reader has asked one process in vain: JSON. */
export type PollState = { readonly empty: number };
export const freshPolls: PollState = { empty: 0 };

export type Poll = {
  /** There was output the reader did not know, or another status than last time. */
  readonly news: boolean;
  /** It can still end. */
  readonly running: boolean;
  /** A wake for its end is armed already. */
  readonly armed: boolean;
  /** The reader is one that can be woken (it has a session with an agent behind it). */
  readonly wakeable: boolean;
};

/** What the answer says besides: nothing; that waiting is cheaper; that a wake has been armed by this poll; that one is armed. */
export type PollAdvice = "none" | "hint" | "arm" | "armed";

/**
 * Models that poll in vain spend a turn each time, and some begin to invent news. The 3rd poll in a row without news is answered with a
 * hint, the 6th arms the wake that the reader should have asked for, and every later answer says that the wake is armed.
 */
export function judgePoll(state: PollState, seen: Poll): { readonly state: PollState; readonly advice: PollAdvice } {
  if (seen.news || !seen.running) return { state: freshPolls, advice: "none" };
  const empty = state.empty + 1;
  const advised = (advice: PollAdvice) => ({ state: { empty }, advice });
  if (empty < emptyPollsHint) return advised("none");
  if (empty < emptyPollsWake) return advised(empty === emptyPollsHint ? "hint" : "none");
  if (seen.armed) return advised("armed");
  if (seen.wakeable) return advised("arm");
  // The reader cannot be woken, so the hint is repeated after as many polls as before.
  return advised(empty % emptyPollsHint === 0 ? "hint" : "none");
}

/** The answer to a poll without news: what is absent is unchanged. At most 40 tokens without a hint. */
export type ShortPoll = { readonly session_id: ProcessId; readonly status: string; readonly cursor: number; readonly hint?: string };

/** @param cursor absolute offset up to which the reader knows the output */
export function shortPoll(id: ProcessId, status: string, cursor: number, advice: PollAdvice = "none"): ShortPoll {
  const answer = { session_id: id, status, cursor };
  return advice === "none" ? answer : { ...answer, hint: adviceTexts[advice] };
}

const adviceTexts: Record<Exclude<PollAdvice, "none">, string> = {
  hint: "Nothing new. Use wait (it returns the moment something happens), or do other work.",
  arm: "Still nothing new. You will be notified when it ends, so there is no need to ask again: do other work, or end your turn.",
  armed: "Nothing new. The notification for its end is set; asking again changes nothing.",
};
