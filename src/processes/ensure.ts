import { HermaError, type ProcessId, type SpecFile } from "../contract/index.ts";
import { type Context, liveIds } from "./context.ts";
import { readFolder } from "./folder.ts";
import type { StartOptions } from "./types.ts";

/** Fields in which a live process must agree with the start that is asked for. Of variables only the names are compared: values are never kept. */
const compared = ["command", "cwd", "variables", "stdin", "tty", "limits", "lifetime"] as const;

/**
 * The live process of the name that `ensure` asks for, or null when there is none. Throws ENSURE_DIFFERS, with the fields in `data`, when it
 * was started otherwise; BAD_REQUEST without a name.
 */
export function findEnsured(context: Context, options: StartOptions, wanted: SpecFile): ProcessId | null {
  if (options.name === undefined) throw new HermaError("BAD_REQUEST", "ensure goes with a name");
  for (const id of liveIds(context)) {
    const { spec } = readFolder(context.system.files, context.home, id);
    if (spec?.name !== options.name) continue;
    const differs = compared.filter((field) => JSON.stringify(spec[field]) !== JSON.stringify(wanted[field]));
    if (differs.length === 0) return id;
    throw new HermaError("ENSURE_DIFFERS", `${id} is live and named ${options.name}, but differs in ${differs.join(", ")}`, {
      data: { id, differs },
    });
  }
  return null;
}
