import { type ExitReason, isHermaError, timestampOf } from "../contract/index.ts";
import { type GatewayClaim, writeDiary } from "../lifecycle/index.ts";
import type { RunOptions } from "./options.ts";
import type { StopCause } from "./stopCause.ts";

/** Exit codes of a failed start that supervisors know; all others become 1. */
export const startExits: ReadonlySet<number> = new Set([1, 70, 78]);

/** How a gateway ends, as it knows itself. */
export type Ending = {
  readonly reason: ExitReason;
  /** A sentence for people. */
  readonly detail: string;
  readonly exitCode: number | null;
  readonly phase: string;
  readonly signal?: string | null;
  /** Cut short, by a second signal or a failure. */
  readonly forced?: boolean;
  /** What was thrown, if anything was. */
  readonly thrown?: unknown;
};

/**
 * Writes why this gateway ends into the diary of exits: before it ends, and once. For a gateway that ends without such an entry, the next start looks
 * for the reason.
 */
export class LastWords {
  readonly #options: RunOptions;
  #claim: GatewayClaim | null = null;
  #homeIsOurs = false;
  #said = false;
  /** What was known of its surroundings when the first signal came. */
  context: Record<string, unknown> | null = null;
  /** The first signal that it obeyed. */
  signal: string | null = null;
  /** What kept it from starting. */
  thrown: unknown = null;

  constructor(options: RunOptions) {
    this.#options = options;
  }

  /** From now on entries may be written. Before, the home may belong to somebody else, or not exist. */
  homeIsUsable(): void {
    this.#homeIsOurs = true;
  }

  holdsHome(claim: GatewayClaim): void {
    this.#claim = claim;
  }

  /** The last words of a gateway that stops for this cause; `forced`: the sentence for an end that was cut short. */
  stopped(cause: StopCause, forced?: string): void {
    this.say({
      reason: cause.why,
      detail: forced ?? cause.reason,
      exitCode: cause.exitCode,
      signal: this.signal,
      phase: "stopping",
      forced: forced !== undefined,
    });
  }

  /** The last words of one that could not start. */
  failedToStart(failure: string): void {
    const { thrown } = this;
    const exitCode = isHermaError(thrown) && startExits.has(thrown.row.exit) ? thrown.row.exit : 1;
    this.say({ reason: startReason(thrown), detail: failure, exitCode, phase: "startup_failed", thrown });
  }

  /** Writes the entry. Whatever comes after the first is not written. */
  say(ending: Ending): void {
    if (this.#said || !this.#homeIsOurs) return;
    this.#said = true;
    const { home, system, version, log } = this.#options;
    const claim = this.#claim;
    const identity = claim?.identity ?? system.processes.self();
    const nowMs = system.clock.wallMs();
    const problem = writeDiary(
      system.files,
      home,
      {
        event: "exit",
        at: timestampOf(nowMs),
        instance_id: claim?.instanceId ?? null,
        pid: identity.pid,
        boot_id: identity.boot_id,
        version,
        reason: ending.reason,
        detail: ending.detail,
        exit_code: ending.exitCode,
        signal: ending.signal ?? null,
        forced: ending.forced ?? false,
        phase: ending.phase,
        uptime_s: claim === null ? null : Math.max(0, (nowMs - Date.parse(claim.startedAt)) / 1000),
        stack: ending.thrown === undefined ? null : stackOf(ending.thrown),
        context: this.context,
      },
      { trim: claim !== null && !claim.lost },
    );
    if (problem !== null) log.error({ problem: String(problem) }, "why this gateway ends could not be written down");
  }
}

/** Stacks of the error and its causes; of anything else its text. */
export function stackOf(thrown: unknown): string {
  const parts: string[] = [];
  for (let error = thrown, depth = 0; error !== undefined && depth < 12; depth += 1) {
    parts.push(error instanceof Error ? (error.stack ?? String(error)) : String(error));
    error = error instanceof Error ? error.cause : undefined;
  }
  return parts.join("\ncaused by: ");
}

/** The word for what kept a gateway from starting. */
function startReason(error: unknown): ExitReason {
  if (isHermaError(error, "GATEWAY_RUNNING")) return "lost_race";
  return isHermaError(error) && error.row.exit === 78 ? "config_invalid" : "failed_start";
}
