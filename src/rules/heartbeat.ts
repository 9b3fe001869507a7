/** Seconds after which a state that nobody rewrote proves nothing any more (hermes H3); the last moment counts as fresh. */
const freshSecondsMax = 120;

/** What the lock and the recorded identity tell of the gateway. `unseen`: neither can be judged from here, as in another container. */
export type OwnerSeen = "alive" | "gone" | "unseen";

/** What `gateway_state.json` holds: nothing there, something that is no state, or a state. */
export type StateSeen =
  | { readonly kind: "absent" }
  | { readonly kind: "unreadable" }
  | {
      readonly kind: "state";
      /** As it stands in the file: any word. */
      readonly word: string;
      /** Seconds since it was written, negative when that lies in the future; null when its time is missing, unreadable or without a zone. */
      readonly ageS: number | null;
      /** Seconds between heartbeats, if its writer promises any (the original does not). */
      readonly intervalS: number | null;
      /** Whether it was written for another boot than this one: by this machine before it started anew, or by another machine. */
      readonly otherBoot: boolean;
      /** Whether the thread beside its event loop says that the loop stands still: then nothing answers, however fresh the file is. */
      readonly frozen?: boolean;
      /** Whether its operator asked for the stop; null where the writer does not tell. */
      readonly stopWanted: boolean | null;
    };

export type HeartbeatEvidence = {
  readonly owner: OwnerSeen;
  readonly state: StateSeen;
  /** True when a program answered on the gateway's socket just now; null when nobody was asked. */
  readonly answers: boolean | null;
};

export const heartbeatReasons = [
  "cross_container_freshness",
  "gateway_stale_stopped_state",
  "gateway_not_running",
  "gateway_not_configured",
  "gateway_status_unavailable",
  "gateway_draining",
  "gateway_degraded",
  "gateway_starting",
  "heartbeat_stale",
  "status_unreadable",
] as const;
export type HeartbeatReason = (typeof heartbeatReasons)[number];

/** Whether a gateway lives: yes, no, or not to be known from here; on which evidence, and why if that is not plain. */
export type HeartbeatVerdict = {
  readonly alive: boolean | null;
  readonly evidence: "lock" | "heartbeat" | "socket" | "none";
  readonly reason: HeartbeatReason | null;
};

/** A state that old, or that far in the future, proves nothing (hermes H3, H4). */
export function isFresh(ageS: number | null): boolean {
  return ageS !== null && Math.abs(ageS) <= freshSecondsMax;
}

/**
 * Decides whether a gateway lives (hermes H11 to H16, spec compat 27). What the kernel proves comes first, an answer next, then what the
 * file says of itself. "I cannot see it" is never told as "it is down".
 */
export function judgeHeartbeat({ owner, state, answers }: HeartbeatEvidence): HeartbeatVerdict {
  if (owner === "alive") return heldVerdict(state, answers);
  if (answers === true) return { alive: true, evidence: "socket", reason: null };
  switch (state.kind) {
    case "absent":
      // There is a record but no state: a gateway ran here and has ended.
      if (owner === "gone") return { alive: false, evidence: "lock", reason: "gateway_not_running" };
      return { alive: null, evidence: "none", reason: "gateway_not_configured" };
    case "unreadable":
      if (owner === "gone") return { alive: false, evidence: "lock", reason: "gateway_not_running" };
      return { alive: null, evidence: "none", reason: "status_unreadable" };
    case "state":
      return owner === "gone" ? goneVerdict(state) : unseenVerdict(state);
  }
}

type State = Extract<StateSeen, { kind: "state" }>;

/** The lock is held. Only a writer who promised heartbeats and stopped giving them, and who does not answer, is doubted. */
function heldVerdict(state: StateSeen, answers: boolean | null): HeartbeatVerdict {
  if (answers === true || state.kind !== "state" || state.intervalS === null) return { alive: true, evidence: "lock", reason: null };
  if (state.frozen === true || (state.ageS !== null && state.ageS > Math.max(freshSecondsMax, 3 * state.intervalS)))
    return { alive: null, evidence: "lock", reason: "heartbeat_stale" };
  return { alive: true, evidence: "lock", reason: null };
}

/** Its owner is provably dead, so whatever the file says is history. */
function goneVerdict(state: State): HeartbeatVerdict {
  if (state.word === "stopped" && state.stopWanted === null && oldStop(state)) return oldStopVerdict;
  return { alive: false, evidence: "lock", reason: "gateway_not_running" };
}

const oldStopVerdict: HeartbeatVerdict = { alive: null, evidence: "none", reason: "gateway_stale_stopped_state" };
const freshReasons: Readonly<Record<string, HeartbeatReason>> = {
  running: "cross_container_freshness",
  draining: "gateway_draining",
  degraded: "gateway_degraded",
  starting: "gateway_starting",
};

/** Nothing but the file tells, as from another container. */
function unseenVerdict(state: State): HeartbeatVerdict {
  const fresh = freshReasons[state.word];
  if (fresh === undefined) {
    if (state.word === "stopped" && oldStop(state)) return oldStopVerdict;
    return { alive: false, evidence: "heartbeat", reason: "gateway_not_running" };
  }
  if (isFresh(state.ageS) && state.frozen !== true) return { alive: true, evidence: "heartbeat", reason: fresh };
  // After a reboot nothing of before lives; another machine that lived would have written meanwhile.
  if (state.otherBoot) return { alive: false, evidence: "heartbeat", reason: "gateway_not_running" };
  return { alive: null, evidence: "heartbeat", reason: "heartbeat_stale" };
}

function oldStop(state: State): boolean {
  return state.ageS !== null && state.ageS > freshSecondsMax;
}

/** Turns that run, from whatever stands in `active_agents`: whole, 0 or more; null when it is no number (hermes H17). */
export function activeAgentsIn(value: unknown): number | null {
  if (value === undefined) return 0;
  if (typeof value === "string" && /^\s*[+-]?\d{1,15}\s*$/.test(value)) return Math.max(0, Number(value));
  if (typeof value !== "number" || !Number.isFinite(value)) return null;
  return Math.max(0, Math.trunc(value));
}

/** The part of a state that may be shown to others (hermes H17, H18): no pids, arguments, paths or anything else. */
export type SafeDetails = {
  readonly gateway_state?: string;
  readonly updated_at?: string;
  readonly active_agents?: number;
  readonly platform_count?: number;
  readonly platform_states?: Readonly<Record<string, number>>;
};

/** Longer words are not of this contract. */
const wordLengthMax = 64;

export function safeDetails(state: Readonly<Record<string, unknown>>): SafeDetails {
  const { gateway_state: word, updated_at: updatedAt, platforms } = state;
  const active = activeAgentsIn(state.active_agents);
  const all = typeof platforms === "object" && platforms !== null && !Array.isArray(platforms) ? Object.values(platforms) : [];
  const counts = new Map<string, number>();
  for (const platform of all) {
    const its = typeof platform === "object" && platform !== null ? (platform as { state?: unknown }).state : undefined;
    if (typeof its === "string" && its !== "" && its.length <= wordLengthMax) counts.set(its, (counts.get(its) ?? 0) + 1);
  }
  return {
    ...(typeof word === "string" && word !== "" && word.length <= wordLengthMax ? { gateway_state: word } : {}),
    ...(typeof updatedAt === "string" && updatedAt.length <= wordLengthMax ? { updated_at: updatedAt } : {}),
    ...(active === null ? {} : { active_agents: active }),
    platform_count: all.length,
    ...(counts.size === 0 ? {} : { platform_states: Object.fromEntries(counts) }),
  };
}
