import { HermaError } from "../contract/index.ts";

/** Reads a column that the database itself has checked to be JSON. Throws `FILE_CORRUPT` when it is not, all the same. */
export function parseColumn<T>(text: string, column: string): T {
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    throw new HermaError("FILE_CORRUPT", `column ${column} of herma.db holds no JSON`, { cause: error });
  }
}
