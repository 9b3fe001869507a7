import type { System } from "../system/index.ts";

/** A claim as its row has it. */
export type Claim = {
  readonly id: string;
  readonly attempts: number;
  readonly claimed_by: string | null;
  readonly claimed_until: string | null;
  readonly lease_ms: number | null;
};

/**
 * Judges whether claims have run out. Programs have no clock in common but the wall clock, and that one may be set at any time. So it is
 * asked once, when a claim is first seen, and believed only within the length of the claim; from then on this program's own monotonic
 * clock decides. A clock that is set back cannot hold a notice for ever, one that is set forward ends no claim that was seen before.
 */
export class Leases {
  readonly #clock: Pick<System["clock"], "monotonicMs" | "wallMs">;
  #seen = new Map<string, { readonly claim: string; readonly endsMs: number }>();

  constructor(clock: Pick<System["clock"], "monotonicMs" | "wallMs">) {
    this.#clock = clock;
  }

  /** Those of all claims there are that have run out. Claims that are not among them any more are forgotten. */
  over<C extends Claim>(claims: readonly C[]): C[] {
    const nowMs = this.#clock.monotonicMs();
    const seen = new Map<string, { claim: string; endsMs: number }>();
    for (const claim of claims) {
      const key = keyOf(claim);
      const before = this.#seen.get(claim.id);
      const endsMs = before?.claim === key ? before.endsMs : nowMs + this.#leftByWallMs(claim);
      seen.set(claim.id, { claim: key, endsMs });
    }
    this.#seen = seen;
    return claims.filter((claim) => (seen.get(claim.id)?.endsMs ?? 0) <= nowMs);
  }

  /** This program makes the claim now. */
  begin(claim: Claim): void {
    this.#seen.set(claim.id, { claim: keyOf(claim), endsMs: this.#clock.monotonicMs() + (claim.lease_ms ?? 0) });
  }

  #leftByWallMs(claim: Claim): number {
    const leftMs = Date.parse(claim.claimed_until ?? "") - this.#clock.wallMs();
    return Number.isNaN(leftMs) ? 0 : Math.max(0, Math.min(leftMs, claim.lease_ms ?? 0));
  }
}

/** Tells one claim of a notice from the next, also by the same claimant. */
function keyOf(claim: Claim): string {
  return `${claim.attempts} ${claim.claimed_until} ${claim.claimed_by}`;
}
