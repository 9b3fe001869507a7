import nodeProcess from "node:process";
import { fileURLToPath } from "node:url";

/** What this program is run by and in; the only place of the room that asks. */
export const surroundings = {
  variables: (): Readonly<Record<string, string | undefined>> => nodeProcess.env,
  /** The root when our folder was removed under us: whoever names a folder of their own must not be refused for ours. */
  cwd: (): string => {
    try {
      return nodeProcess.cwd();
    } catch {
      return "/";
    }
  },
  uid: (): number => nodeProcess.getuid?.() ?? 0,
};

/**
 * Where the keeper program may stand, nearest first: beside this room in the source tree, or in the published build, whose files may have
 * been put together in folders of their own.
 */
export function keeperPrograms(): string[] {
  const places = ["../../keeper/main.ts", "../keeper/main.mjs", "./keeper/main.mjs", "../../keeper/main.mjs"];
  return places.map((place) => fileURLToPath(new URL(place, import.meta.url)));
}
