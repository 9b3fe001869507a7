import { HermaError } from "../../contract/index.ts";

/** A keeper that holds its lock and gives no answer. */
export function silent(generation: string): HermaError {
  return new HermaError("KEEPER_SILENT", `the keeper ${generation} does not answer`, { data: { generation } });
}

/** The error a keeper answered with. */
export function answeredError(outcome: { readonly status: number; readonly body: unknown }): HermaError {
  if (typeof outcome.body === "object" && outcome.body !== null && "code" in outcome.body) return HermaError.fromBody(outcome.body);
  return new HermaError("KEEPER_PROTOCOL", `the keeper answered with status ${outcome.status} and no reason`);
}
