import { HermaError, isHermaError, type ProcessId } from "../../contract/index.ts";
import type { System } from "../../system/index.ts";
import type { Outcome } from "./http.ts";
import { type Keepers, ownGeneration } from "./keepers.ts";
import { answeredError, silent } from "./refusals.ts";

/** How often the lock of a keeper that was told to leave is looked at, until it is free. */
const leavingLookMs = 20;
/** There are two ways to miss the keeper: it has just left, and its successor does not hold the process. Each is worth one more try. */
const triesMax = 3;

export type Command = {
  /** `/v1/…` */
  readonly path: string;
  readonly body: unknown;
  /** See `HttpRequest.apart`. */
  readonly apart?: boolean;
};

type Options = {
  readonly keepers: Keepers;
  readonly system: Pick<System, "clock">;
  /** From telling a keeper to leave to the release of its lock. */
  readonly leaveMsMax: number;
};

/**
 * Gives one command to the keeper of a process, of whichever generation. Where that one has left or died, a keeper of ours adopts the process
 * and gets the command. Every command may be given twice when the first try had no answer: what a dead keeper had taken is lost with it, and a start
 * is recognised by its id. Throws the keeper's own refusals, KEEPER_SILENT, KEEPER_UNAVAILABLE.
 */
export async function command<T>(
  options: Options,
  target: { readonly id: ProcessId; readonly generation: () => string | null; readonly schema: Schema<T> } & Command,
): Promise<T> {
  const { keepers } = options;
  let problem: HermaError | null = null;
  for (let tries = 0; tries < triesMax; tries += 1) {
    if (problem !== null) await succeed(options, target.generation() ?? ownGeneration);
    const generation = target.generation() ?? ownGeneration;
    const outcome = await keepers.send({
      socket: keepers.socketOf(generation),
      method: "POST",
      path: target.path,
      body: target.body,
      apart: target.apart ?? false,
    });
    if (outcome.kind === "answer" && outcome.status < 400) return parsed(target.schema, outcome);
    if (outcome.kind === "broken" && keepers.http.closed)
      throw new HermaError("KEEPER_SILENT", "this registry was closed before the keeper had answered", {
        hint: "What was asked for may have been done all the same: another registry shows it.",
      });
    problem = problemOf(generation, outcome);
    if (!mayBeMended(problem)) throw problem;
  }
  throw problem ?? new HermaError("INTERNAL", "no try was made");
}

function problemOf(generation: string, outcome: Outcome): HermaError {
  switch (outcome.kind) {
    case "answer":
      return answeredError(outcome);
    case "silent":
      return silent(generation);
    default:
      return new HermaError("KEEPER_UNAVAILABLE", `the keeper ${generation} cannot be reached (${outcome.why})`);
  }
}

/** Failures that a keeper which adopts can mend: none is there, it is leaving, or it does not hold the process. */
function mayBeMended(problem: HermaError): boolean {
  return (
    isHermaError(problem, "KEEPER_UNAVAILABLE") || isHermaError(problem, "KEEPER_LEAVING") || isHermaError(problem, "PROCESS_NOT_FOUND")
  );
}

/** Makes sure that the process's keeper answers, or that a keeper of ours does and has adopted the process. */
async function succeed({ keepers, system, leaveMsMax }: Options, generation: string): Promise<void> {
  if (generation !== ownGeneration) {
    const deadlineMs = system.clock.monotonicMs() + leaveMsMax;
    // A keeper of another generation that holds its lock comes up or leaves; ours could adopt nothing of it before that is decided.
    while (keepers.find(generation).lock.held === true) {
      const said = await keepers.hello(keepers.socketOf(generation));
      if (said.kind === "answer" && !said.hello.leaving) return;
      if (said.kind === "silent" || system.clock.monotonicMs() > deadlineMs) throw silent(generation);
      await new Promise<void>((resolve) => system.clock.after(leavingLookMs, resolve));
    }
  }
  await keepers.ensureAdoption();
}

function parsed<T>(schema: Schema<T>, outcome: { readonly body: unknown }): T {
  const result = schema.safeParse(outcome.body);
  if (result.success) return result.data;
  throw new HermaError("KEEPER_PROTOCOL", "the keeper answered in a form that this version does not know");
}

export type Schema<T> = { safeParse(value: unknown): { success: true; data: T } | { success: false } };
