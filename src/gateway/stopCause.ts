import type { ExitReason, GatewayMarker } from "../contract/index.ts";
import type { MarkerKind } from "../lifecycle/index.ts";
import { budgets } from "../rules/index.ts";

/** Why a gateway stops, decided once, at the first signal, order or loss. */
export type StopCause = {
  /** For the diary of exits. */
  readonly why: ExitReason;
  /** For the state file and the log. */
  readonly reason: string;
  /** 0 planned, 1 unexpected, 75 restart wanted (spec compat 22). */
  readonly exitCode: 0 | 1 | 75;
  /** What its operator wants from now on: an unexpected signal does not change it. */
  readonly desiredState: "running" | "stopped";
  readonly restartRequested: boolean;
  /** Most milliseconds that the drain may take, when it is less than the setting; 0: nothing is waited for. */
  readonly drainMsMax?: number;
  /** The stop was read from a marker, whose sender will also send a signal. That signal is no second order, so it forces nothing. */
  readonly signalFollows?: boolean;
  /** Another gateway comes, and there may be several of them: see {@link saysTheSame}. */
  readonly byTakeover?: boolean;
  /** Ends what was started to live for a turn or a session as well. */
  readonly withProcesses?: boolean;
};

/** The signals a gateway answers. SIGUSR1 must be among them: Node would open its debugger. */
export const gatewaySignals: readonly string[] = ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1"];

/**
 * Decides what a signal means. `marker` consumes a marker meant for this gateway. `ready`: it has been up; before that nobody can have wished
 * for a restart of it, so only Ctrl-C is more than an accident. `successor`: the gateway that this one has started to follow it.
 */
export function causeOfSignal(
  signal: string,
  marker: (kind: MarkerKind) => GatewayMarker | null,
  known: {
    readonly ready: boolean;
    readonly standby?: boolean;
    /** A service manager runs it, whose unit stops it by SIGINT; nobody has a Ctrl-C there. */
    readonly managed?: boolean;
    readonly successor?: { readonly pid: number; readonly force: boolean } | null;
  },
): StopCause {
  const { ready, standby = false, managed = false, successor = null } = known;
  if (standby) {
    const reason = `told to leave while it stood by (${signal})`;
    return { why: "planned_stop", reason, exitCode: 0, desiredState: "running", restartRequested: false };
  }
  const takeover = marker("takeover");
  if (takeover !== null) return successor !== null && takeover.replacer_pid === successor.pid ? succeeded(successor) : takenOver(takeover);
  if (signal === "SIGINT" && managed) return plannedStop("the service manager");
  if (signal === "SIGINT")
    return { why: "interrupted", reason: "interrupted (SIGINT)", exitCode: 0, desiredState: "stopped", restartRequested: false };
  if (marker("planned_stop") !== null) return plannedStop(signal);
  if (signal === "SIGUSR1" && ready) return restartWanted(signal);
  return { why: "unexpected_signal", reason: `unexpected ${signal}`, exitCode: 1, desiredState: "running", restartRequested: false };
}

/** Of gateways that take over at once, one may have its marker consumed with another's signal; within so many milliseconds that is what it is. */
const takeoversTogetherMs = 2_000;

/** One Ctrl-C comes twice where a starter passes on what the terminal has told to both (`npm start`). Whoever presses again takes longer. */
const sameKeyMs = 500;

/**
 * Whether one more signal of a gateway that stops already says nothing new: it is another gateway's wish to take over, or the same Ctrl-C. It must
 * not cut what the first one lets finish, as a second signal does otherwise.
 */
export function saysTheSame(
  signal: string,
  cause: StopCause,
  known: { readonly sinceMs: number; readonly marker: (kind: MarkerKind) => GatewayMarker | null },
): boolean {
  if (signal === "SIGINT") return cause.why === "interrupted" && known.sinceMs < sameKeyMs;
  if (signal !== "SIGTERM" || cause.byTakeover !== true) return false;
  // Consumed in any case, so that it means nothing to anybody later.
  return known.marker("takeover") !== null || known.sinceMs < takeoversTogetherMs;
}

/** Another gateway comes. A Hermes (its markers know no instance) kills after 10 s, so there is less time then (spec compat 24). */
function takenOver(marker: GatewayMarker): StopCause {
  const fromHermes = typeof marker.target_instance_id !== "string";
  const who = marker.replacer_pid === undefined ? "" : ` (pid ${marker.replacer_pid})`;
  return {
    why: "takeover",
    reason: `taken over by another gateway${who}`,
    exitCode: 0,
    desiredState: "running",
    restartRequested: false,
    byTakeover: true,
    ...(fromHermes ? { drainMsMax: budgets.hermesTakeoverDrainMs } : {}),
  };
}

/** The restart that was asked for: the next gateway takes over. */
function succeeded({ pid, force }: { readonly pid: number; readonly force: boolean }): StopCause {
  return {
    why: "restart",
    reason: `restarted: pid ${pid} is the next gateway`,
    exitCode: 0,
    desiredState: "running",
    restartRequested: true,
    byTakeover: true,
    ...(force ? { drainMsMax: 0 } : {}),
  };
}

/** `by`: a signal, or whatever else brought the order. */
export function plannedStop(by: string): StopCause {
  return { why: "planned_stop", reason: `planned stop (${by})`, exitCode: 0, desiredState: "stopped", restartRequested: false };
}

/** The service manager starts the next one, because of the exit code. */
export function restartWanted(by: string): StopCause {
  return { why: "restart", reason: `restart wanted (${by})`, exitCode: 75, desiredState: "running", restartRequested: true };
}
