import { homePaths } from "../contract/index.ts";
import type { System, Timer } from "../system/index.ts";
import { claimGateway } from "./claim.ts";
import type { ClaimRequest, GatewayClaim } from "./claimTypes.ts";
import type { Holder } from "./holder.ts";
import { findGateway } from "./target.ts";

/** The end of the holder is watched; the lock is also tried this often, for a holder that cannot be watched (another container, another system). */
const lookMs = 2_000;

/**
 * Waits until the home is free and claims it: the next gateway stands ready while this one runs. Writes nothing meanwhile. `waiting` is told of
 * each holder that is waited for. Null when `signal` was aborted before.
 */
export async function standBy(
  request: ClaimRequest,
  options: { readonly signal: AbortSignal; readonly waiting: (holder: Holder) => void },
): Promise<GatewayClaim | null> {
  const { signal } = options;
  const { promise: left, resolve: leave } = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => leave(), { once: true });
  let told: string | null = null;
  for (;;) {
    if (signal.aborted) return null;
    // Watched from before the try, so that an end right after it is not missed.
    const changed = watchHolder(request.home, request.system);
    try {
      const result = await claimGateway(request);
      if (result.ok) return result.claim;
      const who = `${result.holder.pid} ${result.holder.since}`;
      if (who !== told) options.waiting(result.holder);
      told = who;
      await Promise.race([changed.promise, left]);
    } finally {
      changed.close();
    }
  }
}

/** Resolves when the holder has ended, or has begun to let go, or after {@link lookMs}. */
function watchHolder(home: string, system: Pick<System, "clock" | "files" | "locks" | "processes">) {
  const { promise, resolve } = Promise.withResolvers<void>();
  const paths = homePaths(home);
  const names = new Set([paths.gatewayPid, paths.hermaLock, paths.gatewayLock].map((path) => path.slice(home.length + 1)));
  let unwatch = (): void => {};
  try {
    // The pid file goes a moment before the locks do.
    unwatch = system.files.watch(home, (name) => {
      if (name === null || names.has(name)) soon();
    });
  } catch {
    // No watch is left on this machine.
  }
  let soonTimer: Timer | null = null;
  const soon = (): void => {
    soonTimer ??= system.clock.after(letGoMs, resolve);
  };
  const timer = system.clock.after(lookMs, resolve);
  const found = findGateway(system, home);
  const handle = found.kind === "proven" ? system.processes.open(found.identity) : "unknown";
  if (handle === "gone") soon();
  else if (handle !== "unknown") handle.onEnd(() => resolve());
  return {
    promise,
    close: (): void => {
      unwatch();
      timer.cancel();
      soonTimer?.cancel();
      if (typeof handle !== "string") handle.close();
    },
  };
}

/** Between the removal of the pid file and the release of the locks. */
const letGoMs = 5;
