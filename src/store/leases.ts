import type { System } from "../system/index.ts";

/** A claim as its row has it. */
export type Claim = {
  readonly id: string;
  readonly attempts: number;
  readonly claimed_by: string | null;
  readonly claimed_until: string | null;
  readonly lease_ms: number | null;
};

/** Ends that are remembered. Above this number, the ends of claims that no longer exist are forgotten. */
const endsMax = 1000;

/**
 * Judges whether claims have expired. The wall clock is the only clock that programs share, and it may be set at any time. So it is used once, when a
 * claim is first seen, and believed only within the length of the claim; from then on this program's own monotonic clock counts. So a clock that is
 * set back cannot hold a notice for ever, and one that is set forward ends no claim that was seen before.
 */
export class Leases {
  readonly #clock: Pick<System["clock"], "monotonicMs" | "wallMs">;
  /** Monotonic milliseconds at which each claim ends. */
  #ends = new Map<string, number>();

  constructor(clock: Pick<System["clock"], "monotonicMs" | "wallMs">) {
    this.#clock = clock;
  }

  /** Those that have run out, of all claims there are. */
  over<C extends Claim>(claims: readonly C[]): C[] {
    const { nowMs, ends } = this.#see(claims);
    // Claims that are gone are remembered for a while, because the transaction that ended them may be rolled back.
    if (this.#ends.size > endsMax) this.#ends = new Map(ends);
    return claims.filter((claim) => (ends.get(keyOf(claim)) ?? 0) <= nowMs);
  }

  /** Milliseconds until the first of these claims runs out, 0 when one has; null of none. */
  nextOverInMs(claims: readonly Claim[]): number | null {
    if (claims.length === 0) return null;
    const { nowMs, ends } = this.#see(claims);
    return Math.max(0, Math.min(...ends.values()) - nowMs);
  }

  #see(claims: readonly Claim[]): { readonly nowMs: number; readonly ends: ReadonlyMap<string, number> } {
    const nowMs = this.#clock.monotonicMs();
    const ends = new Map(claims.map((claim) => [keyOf(claim), this.#ends.get(keyOf(claim)) ?? nowMs + this.#leftByWallMs(claim)]));
    for (const [key, endMs] of ends) this.#ends.set(key, endMs);
    return { nowMs, ends };
  }

  /** This program makes the claim now. */
  begin(claim: Claim): void {
    this.#ends.set(keyOf(claim), this.#clock.monotonicMs() + (claim.lease_ms ?? 0));
  }

  #leftByWallMs(claim: Claim): number {
    const leftMs = Date.parse(claim.claimed_until ?? "") - this.#clock.wallMs();
    return Number.isNaN(leftMs) ? 0 : Math.max(0, Math.min(leftMs, claim.lease_ms ?? 0));
  }
}

/** Tells one claim of a notice from the next, also by the same claimant. */
function keyOf(claim: Claim): string {
  return `${claim.id} ${claim.attempts} ${claim.claimed_until} ${claim.claimed_by}`;
}
