import { basename } from "node:path";
import { homePaths } from "../contract/index.ts";
import type { Timer } from "../system/index.ts";
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
  const { home, system, leases } = options;
  const marker = basename(homePaths(home).drainMarker);
  let closed = false;
  let timer: Timer | null = null;
  const look = (): void => {
    if (closed || !options.mayLook()) return;
    timer?.cancel();
    try {
      leases.look(options.changed);
    } catch (error) {
      options.failed(error);
    }
    timer = system.clock.after(Math.min(lookMs, leases.nextEndMs ?? lookMs), look, { unref: true });
  };
  let unwatch = (): void => {};
  try {
    unwatch = system.files.watch(home, (name) => {
      if (name === null || name === marker) look();
    });
  } catch (error) {
    // Found out by the clock, then.
    options.failed(error);
  }
  look();
  return () => {
    closed = true;
    timer?.cancel();
    unwatch();
  };
}
