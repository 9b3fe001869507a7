/** What a scoped lock's file and its owner tell. */
export type ScopedLockEvidence = {
  /** `unreadable`: the system does not let us see it. `noise`: nobody's record, such as an empty file, `{}`, or one without a pid. */
  readonly file: "record" | "noise" | "unreadable";
  /** The record names this very program. */
  readonly mine: boolean;
  /** Whether the program it names lives. One that is stopped (Ctrl-Z) lives: it wakes up again and still has its connection. */
  readonly owner: "same" | "gone" | "unknown";
};

/**
 * What may be done with a scoped lock that stands: `ours` is renewed, `stale` is taken over, `held` belongs to another program. What cannot be seen counts
 * as held: nothing is taken over on a guess.
 */
export function judgeScopedLock(evidence: ScopedLockEvidence): "ours" | "stale" | "held" {
  if (evidence.file === "unreadable") return "held";
  if (evidence.file === "noise") return "stale";
  if (evidence.mine) return "ours";
  return evidence.owner === "gone" ? "stale" : "held";
}

/**
 * Where scoped locks stand, which is the original's place: one for all homes and gateways of a user. Null without any folder of the user's own.
 * `variables`: of the gateway.
 */
export function scopedLockFolder(variables: Readonly<Record<string, string | undefined>>): string | null {
  const { HERMES_GATEWAY_LOCK_DIR: chosen, XDG_STATE_HOME: state, HOME: home, USERPROFILE: profile } = variables;
  if (chosen) return chosen;
  if (state) return `${state}/hermes/gateway-locks`;
  const own = home || profile;
  return own ? `${own}/.local/state/hermes/gateway-locks` : null;
}
