import { KeeperInputState } from "../../contract/index.ts";
import { readState } from "../folder.ts";
import type { Condition, Scene } from "./condition.ts";
import { probeCondition } from "./probe.ts";

/** The kernel sends no event when a process begins to read, so it is asked this often. */
const inputLookMs = 100;
const unknown = "it cannot be told here whether it waits for input; its output may show it (until: match or quiet)";

/** The process waits for input. Its keeper looks, because only a parent may look into a process everywhere. */
export function inputCondition({ context, id, ring }: Scene): Condition {
  let last: KeeperInputState | null = null;
  return probeCondition(
    { context, id, ring },
    {
      cause: "input",
      everyMs: inputLookMs,
      ask: async () => {
        last = null;
        const state = readState(context.system.files, context.home, id);
        if (state === null) return false;
        const socket = context.keepers.socketOf(state.keeper.generation);
        const outcome = await context.keepers.send({ socket, method: "GET", path: `/v1/processes/${id}/input-state` });
        // A keeper of an older version knows nothing of it.
        const parsed = outcome.kind === "answer" && outcome.status === 200 ? KeeperInputState.safeParse(outcome.body) : null;
        last = parsed?.success ? parsed.data : null;
        return last?.waiting === true;
      },
      found: () => {
        if (last === null || last.waiting === null) return { note: unknown };
        // A program that edits its line itself turns echo off as well, but takes keys, not lines.
        return last.waiting ? { secret_prompt: last.echo === false && last.line_mode === true } : {};
      },
    },
  );
}
