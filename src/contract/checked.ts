import type { z } from "zod";
import { HermaError } from "./errors.ts";
import { fieldProblems } from "./issues.ts";

/** A zod schema, as far as {@link checked} needs it. */
export type CheckingSchema<T> = {
  safeParse(value: unknown): { success: true; data: T } | { success: false; error: { issues: readonly z.core.$ZodIssue[] } };
};

/**
 * The value as the schema wants it. A client checks a request with it before the keeper does, so both refuse with the same words. Throws
 * BAD_REQUEST, which names the first wrong field, or `whole` when the value as a whole is wrong.
 */
export function checked<T>(schema: CheckingSchema<T>, value: unknown, whole = "it"): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [first] = fieldProblems(result.error.issues, value, { whole, part: "field" });
  throw new HermaError("BAD_REQUEST", first?.problem ?? `${whole} cannot be used`);
}
