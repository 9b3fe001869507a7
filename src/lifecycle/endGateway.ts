import { HermaError } from "../contract/index.ts";
import type { ProcessHandle, System } from "../system/index.ts";
import { clearMarker, type MarkerKind, writeMarker } from "./markers.ts";
import type { ProvenGateway } from "./target.ts";

export type EndRequest = {
  readonly home: string;
  readonly system: Pick<System, "clock" | "files" | "platform" | "processes">;
  readonly target: ProvenGateway;
  /** Why it is to end. */
  readonly marker: MarkerKind;
  /**
   * `never`: it may take as long as it says, and is let live after that. `late`: it is killed then. `now`: it need not finish anything, and is
   * killed when that is not over in seconds.
   */
  readonly force: "never" | "late" | "now";
  /** Somebody has told it already; only wait. Default false. */
  readonly told?: boolean;
  /** Called about once a second while it lives. */
  readonly onWait?: (waitedMs: number, ofMs: number) => void;
  /** Gives up the wait. */
  readonly signal?: AbortSignal;
};
export type EndResult = {
  /** `gone`: it had ended before. */
  readonly kind: "gone" | "ended" | "killed";
  readonly waitedMs: number;
};

/** Milliseconds in which a gateway that was told to stop at once, or was killed, must have ended. */
const leaveNowMs = 5_000;
const killedMs = 5_000;
const lookMs = 1_000;

/**
 * Ends a gateway: tells it by a marker that this is meant, sends SIGTERM to the very process (by a handle on its identity), waits as long as it
 * says that it takes, and looks again. Throws IDENTITY_UNPROVEN, and GATEWAY_SURVIVES when it lives on.
 */
export async function endGateway(request: EndRequest): Promise<EndResult> {
  const { system, target } = request;
  const handle = system.processes.open(target.identity);
  if (handle === "gone") return { kind: "gone", waitedMs: 0 };
  if (handle === "unknown") throw unproven(target.identity.pid);
  const begunMs = system.clock.monotonicMs();
  const waited = () => Math.round(system.clock.monotonicMs() - begunMs);
  const ended = whenEnded(handle);
  try {
    if (request.told !== true) tell(request, handle);
    const ofMs = request.force === "now" ? leaveNowMs : target.endsWithinMs;
    if (await within(request, ended, ofMs)) return { kind: "ended", waitedMs: waited() };
    if (request.force === "never") {
      throw survives(`the gateway (pid ${target.identity.pid}) is still running after ${Math.round(ofMs / 1000)} s`);
    }
    const sent = handle.send("SIGKILL");
    if (sent === "denied") throw denied(target.identity.pid);
    if (await within({ ...request, signal: undefined }, ended, killedMs)) return { kind: "killed", waitedMs: waited() };
    throw survives(`the gateway (pid ${target.identity.pid}) still lives ${killedMs / 1000} s after SIGKILL`);
  } finally {
    handle.close();
    clearMarker(request.home, request.marker, system);
    if (system.platform === "win32") clearMarker(request.home, "planned_stop", system);
  }
}

/**
 * Sends the signal, twice when the gateway is to stop at once, because the second one forces. On Windows a signal can only end a program at once, so a
 * Herma is told by the marker alone.
 */
function tell(request: EndRequest, handle: ProcessHandle): void {
  const { system, target, force } = request;
  const byMarkerAlone = system.platform === "win32" && target.program === "herma" && force !== "now";
  writeMarker(request.home, byMarkerAlone ? "planned_stop" : request.marker, target, system);
  if (byMarkerAlone) return;
  for (const _ of force === "now" && target.program === "herma" ? [1, 2] : [1]) {
    if (handle.send("SIGTERM") === "denied") throw denied(target.identity.pid);
  }
}

function whenEnded(handle: ProcessHandle): Promise<true> {
  return new Promise((resolve) => handle.onEnd(() => resolve(true)));
}

/** Whether it ended in time. Its end is watched; the look each second reports progress, and serves where the end cannot be watched. */
async function within(
  request: Pick<EndRequest, "system" | "target" | "onWait"> & { readonly signal?: AbortSignal | undefined },
  ended: Promise<true>,
  ofMs: number,
): Promise<boolean> {
  const { system, target, signal } = request;
  const begunMs = system.clock.monotonicMs();
  for (;;) {
    const leftMs = ofMs - (system.clock.monotonicMs() - begunMs);
    if (system.processes.compare(target.identity) === "gone") return true;
    if (leftMs <= 0) return false;
    if (signal?.aborted === true) throw new HermaError("DEADLINE", "the wait for the gateway's end was given up");
    if (await sooner(system, ended, Math.min(lookMs, leftMs), signal)) return true;
    request.onWait?.(system.clock.monotonicMs() - begunMs, ofMs);
  }
}

async function sooner(system: Pick<System, "clock">, ended: Promise<true>, ms: number, signal: AbortSignal | undefined): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<false>();
  const timer = system.clock.after(ms, () => resolve(false));
  const abort = (): void => resolve(false);
  signal?.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([ended, late]);
  } finally {
    timer.cancel();
    signal?.removeEventListener("abort", abort);
  }
}

export function unproven(pid: number | null): HermaError {
  const who = pid === null ? "what holds the home" : `pid ${pid}`;
  return new HermaError("IDENTITY_UNPROVEN", `${who} cannot be proven to be the gateway of this home, so it is not signalled`, {
    hint: "It may run in another container or as another user: stop it there.",
    ...(pid === null ? {} : { data: { pid } }),
  });
}

function survives(message: string): HermaError {
  return new HermaError("GATEWAY_SURVIVES", message);
}

function denied(pid: number): HermaError {
  return new HermaError("GATEWAY_SURVIVES", `the system does not let this user end the gateway (pid ${pid})`, {
    hint: "Stop it as the user who started it.",
    data: { pid },
  });
}
