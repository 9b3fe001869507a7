import type { Cause, ExitFile, Intent, Phase } from "../contract/index.ts";
import { signalNumber } from "./signals.ts";

/** All that is known about an end at the moment it is written down. */
export type EndEvidence = {
  readonly intent: Pick<Intent, "source"> | null;
  readonly failure: { readonly error: string; readonly message: string } | null;
  /** Null when no exit was seen at all. */
  readonly exit: { readonly code: number | null; readonly signal: string | null } | null;
  /** The limit that the system enforced without an intent of ours, such as `cpu`; with or without `limit:` before it. */
  readonly limit: string | null;
  /** The kernel ended a member of the tree because memory ran out. */
  readonly oom: boolean;
  readonly evidence: ExitFile["evidence"];
  readonly foundDead: "reboot" | "lost" | null;
};

/** How a process ended. `terminationSource` names who (`""` when it ended by itself); code and signal are null when neither is proven. */
export type Ending = {
  readonly cause: Cause;
  readonly terminationSource: string;
  readonly code: number | null;
  readonly signal: string | null;
};

/**
 * Decides why a process is over: the first cause wins. An intent is on disk before anything else can happen to the process, so it comes
 * before a spawn that failed afterwards, an end nobody saw and a code the process chose itself. Next is what kept the process from
 * running, then the limits, then what was seen, and last how it was found.
 */
export function endingOf(e: EndEvidence): Ending {
  const seen = e.evidence === "none" ? null : e.exit;
  // Both at once cannot be: a process that a signal ended has no code.
  const signal = seen?.signal ?? null;
  const code = signal === null ? (seen?.code ?? null) : null;
  const ended = (cause: Cause, terminationSource: string): Ending => ({ cause, terminationSource, code, signal });

  if (e.intent !== null) return ended(e.intent.source.startsWith(limitPrefix) ? "limit" : "killed", e.intent.source);
  if (e.failure !== null)
    return { cause: "failed_start", terminationSource: "failed_start", code: failureCode(e.failure.error), signal: null };
  // Memory may have run out for a child only; a process that then ends well has ended by itself.
  if (e.oom && code !== 0) return ended("oom", `${limitPrefix}memory`);
  if (e.limit !== null && code !== 0) return ended("limit", e.limit.startsWith(limitPrefix) ? e.limit : limitPrefix + e.limit);
  if (code !== null || signal !== null) return ended("exited", "");
  if (e.foundDead === "reboot") return ended("reboot", "reboot");
  if (e.foundDead === "lost") return ended("lost", "backend_lost");
  return ended("unknown", "");
}

const limitPrefix = "limit:";

/**
 * The exit code a shell gives a command that could not be run: 127 when there is no such program, 126 for every other reason, be it the
 * file (EACCES, ENOEXEC, EISDIR, E2BIG …) or the machine (EAGAIN, ENOMEM, EMFILE …).
 * @param error the system's name for it, such as ENOENT
 */
export function failureCode(error: string): 126 | 127 {
  return error === "ENOENT" || error === "ENOTDIR" ? 127 : 126;
}

/** What the tools of the original call a process's state and end (spec compat 12). Null stands for "not told". */
export type OriginalWords = {
  readonly status: "running" | "exited";
  readonly completion_reason: "exited" | "killed" | "failed_start" | "lost" | null;
  readonly termination_source: string | null;
  readonly exit_code: number | null;
};

/**
 * The original's words for our phase and ending. exit.json decides where it stands, whatever the phase still says. Its exit code mixes code
 * and signal (minus the signal's Linux number); where neither is proven it is null, and only a start that failed without a code gives -1.
 */
export function originalWords(view: {
  readonly phase: Phase;
  readonly exit: Pick<ExitFile, "cause" | "code" | "signal" | "termination_source"> | null;
}): OriginalWords {
  const { exit } = view;
  if (exit === null) {
    if (view.phase !== "ended") return { status: "running", completion_reason: null, termination_source: null, exit_code: null };
    return { status: "exited", completion_reason: "exited", termination_source: "", exit_code: null };
  }
  const told = (
    completion_reason: OriginalWords["completion_reason"],
    termination_source: string,
    exit_code: number | null,
  ): OriginalWords => ({
    status: "exited",
    completion_reason,
    termination_source,
    exit_code,
  });
  switch (exit.cause) {
    case "exited":
      return told("exited", "", codeOrSignal(exit));
    case "killed":
    case "oom":
    case "limit":
      return told("killed", exit.termination_source, codeOrSignal(exit));
    case "failed_start":
      return told("failed_start", "failed_start", exit.code ?? -1);
    case "lost":
      return told("lost", "backend_lost", null);
    case "reboot":
      return told("lost", "reboot", null);
    case "unknown":
      return told("exited", "", null);
  }
}

function codeOrSignal(exit: Pick<ExitFile, "code" | "signal">): number | null {
  if (exit.code !== null) return exit.code;
  const number = exit.signal === null ? null : signalNumber(exit.signal);
  return number === null ? null : -number;
}
