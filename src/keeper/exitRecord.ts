import { type ExitFile, exitReservedBytes, type Loss, type ProcessPaths, type StateFile, type Survivor } from "../contract/index.ts";
import { endingOf } from "../rules/index.ts";
import type { System } from "../system/index.ts";

/** An end as it was seen: with what the system told of it, or null when it told nothing. */
export type SeenEnd = {
  readonly exit: Pick<NonNullable<StateFile["exited"]>, "code" | "signal" | "usage"> | null;
  readonly evidence: ExitFile["evidence"];
  /** When it was seen, or noticed. */
  readonly at: string;
};

export type EndFacts = {
  readonly id: string;
  readonly end: SeenEnd;
  readonly intent: StateFile["intent"];
  readonly startedAt: string | null;
  readonly failure: ExitFile["failure"];
  readonly foundDead: "lost" | "reboot" | null;
  /** The kernel ended a member of its tree because memory ran out. */
  readonly memoryRanOut: boolean;
  readonly outputEnd: number;
  readonly survivors: readonly Survivor[];
  readonly losses: readonly Loss[];
};

const listedMax = 64;

/** Puts exit.json together: what is known, and nothing more. It always fits into the space that was reserved for it. */
export function exitFileOf(facts: EndFacts): ExitFile {
  const { end, intent, failure, foundDead } = facts;
  const limit = intent?.source.startsWith("limit:") === true ? intent.source.slice("limit:".length) : null;
  const ending = endingOf({ intent, failure, exit: end.exit, limit, oom: facts.memoryRanOut, evidence: end.evidence, foundDead });
  return fitted({
    format: 1,
    id: facts.id,
    code: ending.code,
    signal: ending.signal,
    cause: ending.cause,
    termination_source: ending.terminationSource,
    intent,
    started_at: facts.startedAt,
    ended_at: end.at,
    output_end: facts.outputEnd,
    usage: end.exit?.usage ?? null,
    survivors: facts.survivors.slice(0, listedMax),
    evidence: end.evidence,
    failure,
    losses: facts.losses.slice(-listedMax),
  });
}

/** Lists are cut from their ends, then texts for people: a full disk must not eat the rest. */
function fitted(file: ExitFile): ExitFile {
  let fit = file;
  const tooLong = (): boolean => textOf(fit).length > exitReservedBytes;
  while (tooLong() && fit.losses.length > 0) fit = { ...fit, losses: fit.losses.slice(0, -1) };
  while (tooLong() && fit.survivors.length > 0) fit = { ...fit, survivors: fit.survivors.slice(0, -1) };
  while (tooLong() && fit.failure !== null && fit.failure.message !== "")
    fit = { ...fit, failure: { ...fit.failure, message: half(fit.failure.message) } };
  while (tooLong() && fit.intent?.reason !== undefined && fit.intent.reason !== "")
    fit = { ...fit, intent: { ...fit.intent, reason: half(fit.intent.reason) } };
  return fit;
}

function half(text: string): string {
  return text.slice(0, Math.floor(text.length / 2));
}

function textOf(file: ExitFile): Buffer {
  return Buffer.from(JSON.stringify(file));
}

/** Writes exit.json once, into its reserved space where there is one: an ending that stands is never written again. Throws DISK_FULL, IO. */
export async function storeExit(files: System["files"], paths: ProcessPaths, file: ExitFile): Promise<void> {
  if (files.stat(paths.exit) !== null) return;
  const text = textOf(file);
  if (files.stat(paths.exitReserved) === null) await files.replaceDurably(paths.exit, text);
  else await files.fulfil(paths.exitReserved, paths.exit, text);
}
