import { basename } from "node:path";
import { homePaths } from "../contract/index.ts";
import { lookAtNames } from "../system/index.ts";
import type { DrainLeases, DrainSystem } from "./drainLeases.ts";

/** The marker is watched; it is also looked at this often, where watching does not work. */
const lookMs = 1_000;

/**
 * Looks at the marker whenever it may have changed, and at each lease's end. `changed` is called when leases have, `failed` with what a look threw.
 * The first look is made before this returns. Returns its end.
 */
export function watchDrain(options: {
  readonly home: string;
  readonly system: DrainSystem;
  readonly leases: DrainLeases;
  readonly changed: () => void;
  readonly failed: (error: unknown) => void;
  /** False once the files are somebody else's. */
  readonly mayLook: () => boolean;
}): () => void {
  const { home, system, leases, failed } = options;
  let againMs = lookMs;
  return lookAtNames(system, {
    folder: home,
    names: [basename(homePaths(home).drainMarker)],
    look: () => {
      // A look that failed is not repeated at once, even though a lease has ended by then.
      againMs = lookMs;
      if (!options.mayLook()) return;
      try {
        leases.look(options.changed);
        againMs = Math.min(lookMs, leases.nextEndMs ?? lookMs);
      } catch (error) {
        failed(error);
      }
    },
    againMs: () => againMs,
    blind: failed,
  });
}
