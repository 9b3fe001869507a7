import { basename } from "node:path";
import { homePaths } from "../contract/index.ts";
import { lookAtNames } from "../system/index.ts";
import type { DrainLeases, DrainSystem } from "./drainLeases.ts";

/** The system tells of a marker at once; this look is the fallback where it does not. */
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
      // One that fails is not tried again at once, though a lease is over by then.
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
