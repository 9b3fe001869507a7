import type { MarkerKind } from "../lifecycle/index.ts";

/** Why a gateway stops, decided once, at the first signal or loss. */
export type StopCause = {
  /** For the state file and the log. */
  readonly reason: string;
  /** 0 planned, 1 unexpected, 75 restart wanted (spec compat 22). */
  readonly exitCode: 0 | 1 | 75;
  /** What its operator wants from now on: an unexpected signal does not change it. */
  readonly desiredState: "running" | "stopped";
  readonly restartRequested: boolean;
};

/** The signals a gateway answers. SIGUSR1 must be among them: Node would open its debugger. */
export const gatewaySignals: readonly string[] = ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1"];

/** Decides what a signal means. `marker` consumes a marker meant for this gateway and tells whether there was one. */
export function causeOfSignal(signal: string, marker: (kind: MarkerKind) => boolean): StopCause {
  const takeover = marker("takeover");
  if (takeover) return { reason: "taken over by another gateway", exitCode: 0, desiredState: "running", restartRequested: false };
  if (signal === "SIGINT") return { reason: "interrupted (SIGINT)", exitCode: 0, desiredState: "stopped", restartRequested: false };
  if (signal === "SIGUSR1") return { reason: "restart wanted (SIGUSR1)", exitCode: 75, desiredState: "running", restartRequested: true };
  if (marker("planned_stop")) return { reason: `planned stop (${signal})`, exitCode: 0, desiredState: "stopped", restartRequested: false };
  return { reason: `unexpected ${signal}`, exitCode: 1, desiredState: "running", restartRequested: false };
}
