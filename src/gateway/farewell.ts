import type { GatewayMarker } from "../contract/index.ts";
import { contextLine, type MarkerKind, shutdownSnapshot, startDiagnosis } from "../lifecycle/index.ts";
import type { GatewayContext } from "./context.ts";

/** The marker that began the stop, where no signal did. */
export type ConsumedMarker = { readonly kind: MarkerKind; readonly marker: GatewayMarker };

/**
 * Records the surroundings of the gateway when its end begins, before any marker is consumed: one line in the log, planned or not (F19), and all of it
 * for the diary. `signal`: null when no signal came. Later calls note nothing.
 */
export function noteShutdown(context: GatewayContext, signal: string | null, consumed?: ConsumedMarker): void {
  const { options, lastWords, claimIfAny: claim } = context;
  if (lastWords.context !== null) return;
  const note = shutdownSnapshot({
    system: options.system,
    home: options.home,
    signal,
    target: claim === null ? null : { identity: claim.identity, instanceId: claim.instanceId, startedAtMs: Date.parse(claim.startedAt) },
    variables: options.program.variables,
    ...(consumed === undefined ? {} : { consumed }),
    loopLagMs: context.loopWatch?.takeLagMs() ?? null,
  });
  lastWords.context = note;
  options.log.warn({}, `Shutdown context: ${contextLine(note)}`);
}

/** Notes every stop, whatever begins it; a signal has been noted before it became one. */
export function noteEveryStop(context: GatewayContext): void {
  context.life.stopping.addEventListener(
    "abort",
    () => {
      noteShutdown(context, null);
      diagnoseUnwished(context, context.lastWords.signal);
    },
    { once: true },
  );
}

/** For an end that nobody we know asked for: starts a program that looks for the cause longer than this one may live. */
function diagnoseUnwished(context: GatewayContext, signal: string | null): void {
  const { options, life } = context;
  if (life.cause?.why !== "unexpected_signal" && life.cause?.why !== "lock_stolen") return;
  const pid = startDiagnosis({
    system: options.system,
    home: options.home,
    program: options.program.starter,
    variables: options.program.variables,
    pid: options.system.processes.self().pid,
    signal: signal ?? "UNKNOWN",
  });
  if (pid === null) options.log.debug({}, "no longer look around: it could not be started");
  else options.log.info({ pid, log: "logs/gateway-shutdown-diag.log" }, "looking around for longer");
}
