import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { type ErrorCode, errorCatalogue, HermaError, isHermaError } from "../contract/index.ts";
import type { Log } from "../gateway/index.ts";
import { createRedactor } from "../rules/index.ts";

/** Problem details (RFC 9457) with the catalogue's code and hint. `type` is a name made of the code. */
export type Problem = {
  type: string;
  title: string;
  status: number;
  code: ErrorCode;
  detail: string;
  hint: string;
  data?: Record<string, unknown>;
};

const problemType = "application/problem+json";
/** What a refusal quotes may hold a secret of whoever asked, and answers are logged along the way. */
const redactor = createRedactor({ enabled: true });
/** What is not to be had now is worth another try after this. */
const retryAfterSeconds = 5;
/** A name, not an address: `docs/errors.md` explains each code. */
const problemName = "urn:herma:error:";

export function problemOf(error: HermaError): Problem {
  const row = errorCatalogue[error.code];
  const problem: Problem = {
    type: `${problemName}${error.code.toLowerCase()}`,
    title: row.doc,
    status: row.http,
    code: error.code,
    detail: redactor.text(error.message),
    hint: redactor.text(error.hint),
  };
  if (error.data !== undefined) problem.data = redactor.deep(error.data);
  return problem;
}

/**
 * Answers with what went wrong. Errors of the catalogue are told as they are; anything else is a bug, of which the client learns nothing but
 * that it happened: the log has the stack.
 */
export function answerProblem(c: Context, thrown: unknown, log: Log): Response {
  const known = isHermaError(thrown) ? thrown : new HermaError("INTERNAL", "the gateway made a mistake; its log tells which");
  const path = new URL(c.req.url).pathname;
  if (!isHermaError(thrown))
    log.error({ method: c.req.method, path, stack: thrown instanceof Error ? thrown.stack : String(thrown) }, "a request met a bug");
  else if (known.row.kind !== "refusal")
    log.warn({ method: c.req.method, path, code: known.code, problem: known.message }, "a request failed");
  const problem = problemOf(known);
  const headers: Record<string, string> = { "content-type": problemType };
  if (known.code === "UNAUTHORIZED") headers["www-authenticate"] = 'Bearer realm="herma"';
  if (problem.status === 503) headers["retry-after"] = String(retryAfterSeconds);
  return c.body(JSON.stringify(problem), problem.status as ContentfulStatusCode, headers);
}
