import type { ExitFile, ProcessView, WaitedProcess } from "../contract/index.ts";
import type { Registry } from "../processes/index.ts";
import { limitWords, signalNumber } from "../rules/index.ts";

/** Exit code of a command whose process ended in a way nobody could prove. */
const unknownEndExit = 125;

/**
 * The exit code a shell would see: the process's own, 128 + n when signal n ended it, 125 when neither could be proven.
 */
export function exitCodeOf(exit: ExitFile): number {
  if (exit.code !== null) return exit.code;
  const number = exit.signal === null ? null : signalNumber(exit.signal);
  return number === null ? unknownEndExit : 128 + number;
}

/** A process as it is once it has ended, which is waited for without a limit. */
export async function waitForEnd(registry: Registry, { id }: ProcessView): Promise<WaitedProcess & { readonly exit: ExitFile }> {
  const { processes } = await registry.wait({ ids: [id], deadlineSeconds: Number.POSITIVE_INFINITY });
  const [process] = processes;
  return { ...process!, exit: process!.exit! };
}

/** How a process ended, in a few words for a table: `exit 0`, `SIGTERM (killed)`, `lost`. */
export function endingWord(exit: ExitFile): string {
  const how = exit.signal ?? (exit.code === null ? null : `exit ${exit.code}`);
  switch (exit.cause) {
    case "exited":
      return how ?? "exited";
    case "failed_start":
      return "not started";
    case "killed":
    case "oom":
    case "limit":
      return how === null ? exit.cause : `${exit.cause} (${how})`;
    default:
      return exit.cause;
  }
}

/** How a process ended, as the end of a sentence that begins with its id. */
export function endingSentence(exit: ExitFile): string {
  const how = exit.signal === null ? (exit.code === null ? "" : ` with ${exit.code}`) : ` by ${exit.signal}`;
  switch (exit.cause) {
    case "exited":
      return exit.signal === null ? `exited${how}` : `was ended${how}`;
    case "killed":
      return `was killed${how} (${exit.intent?.source ?? exit.termination_source})`;
    case "failed_start":
      return `could not be started: ${exit.failure?.message ?? "no reason is known"}`;
    case "oom":
      return `ended${how}, because ${limitWords(exit.termination_source)} ran out`;
    case "limit":
      return `was ended${how} at the limit of ${limitWords(exit.termination_source)}`;
    case "reboot":
      return "went down with the machine";
    case "lost":
      return "ended while nobody watched; its exit code cannot be known";
    case "unknown":
      return "ended; its exit code could not be proven";
  }
}

/** The phase of a process in one word, or how it ended. */
export function phaseWord(view: ProcessView): string {
  if (view.exit !== null) return endingWord(view.exit);
  return view.paused ? `${view.phase} (output full)` : view.phase;
}
