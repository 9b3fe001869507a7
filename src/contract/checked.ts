import { HermaError } from "./errors.ts";

/** A zod schema, as far as {@link checked} needs it. */
export type CheckingSchema<T> = {
  safeParse(value: unknown): { success: true; data: T } | { success: false; error: { issues: { path: PropertyKey[]; message: string }[] } };
};

/**
 * The value as the schema wants it. A client checks with it what the keeper would refuse, so both refuse with the same words. Throws
 * BAD_REQUEST, naming the first field that is wrong, or `whole` where it is none.
 */
export function checked<T>(schema: CheckingSchema<T>, value: unknown, whole = ""): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const place = issue?.path.map(String).join(".") || whole;
  throw new HermaError("BAD_REQUEST", `${place === "" ? "" : `${place}: `}${issue?.message ?? "it cannot be used"}`);
}
