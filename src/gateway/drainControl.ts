import type { DrainStatus } from "../contract/index.ts";
import type { DrainWish } from "../lifecycle/index.ts";
import type { DrainLease } from "../rules/index.ts";

/** A drain from outside, as far as others use it. */
export type DrainControl = {
  status(): DrainStatus;
  /** Begins or renews a lease. When it returns, the gate is closed and the marker on disk. Throws BAD_REQUEST, or what the disk says. */
  begin(wish: DrainWish): DrainLease;
  /** Takes one principal's lease back, or everybody's (`null`). True when there was one. Throws what the disk says. */
  cancel(principal: string | null): boolean;
  /** Resolves when the state file says what was done, with the count of that moment (or it could not be written). */
  written(): Promise<void>;
  /** Resolves when everything has drained, when nobody asks for a drain (any more), or when `until` is aborted. */
  settled(until: AbortSignal): Promise<void>;
};
