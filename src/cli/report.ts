import nodeProcess from "node:process";
import { HermaError } from "../contract/index.ts";
import { createRedactor } from "../rules/index.ts";
import { output } from "./output.ts";

/**
 * Tells a failure and returns the exit code. For people: one line `herma: …` and one `hint: …` on standard error. With `--json`: one
 * object `{"error": {code, message, hint, data?}}` on standard output. Anything that is not of the catalogue is a bug: exit 70.
 */
export function reportFailure(thrown: unknown, json: boolean): number {
  const error = thrown instanceof HermaError ? thrown : asBug(thrown);
  // What a refusal quotes may hold a secret, and what commands print is kept in logs and transcripts.
  const redactor = createRedactor({ enabled: true });
  if (json) output.json({ error: redactor.deep(error.toBody()) });
  else {
    output.note(`${output.noteStyle("red", "herma:")} ${redactor.text(oneLine(error.message))}`);
    if (error.hint !== "") output.note(`${output.noteStyle("dim", "hint:")} ${redactor.text(oneLine(error.hint))}`);
  }
  if (nodeProcess.env.HERMA_DEBUG) output.note(String((thrown as { stack?: unknown } | null)?.stack ?? thrown));
  return error.row.exit;
}

function asBug(thrown: unknown): HermaError {
  const message = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
  return new HermaError("INTERNAL", message, { cause: thrown, hint: "Please report it, with what HERMA_DEBUG=1 adds to this message." });
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, "; ");
}

/** The refusal of a word that is no number, size, duration … */
export function badOption(option: string, given: string, expected: string): HermaError {
  return new HermaError("BAD_REQUEST", `${option}: "${given}" is not ${expected}`, { hint: "See --help for its form." });
}
