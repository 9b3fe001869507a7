import { processPaths } from "../../contract/index.ts";
import type { Timer } from "../../system/index.ts";
import { readOutput } from "../output.ts";
import { type Condition, type Look, nothingFound, type Scene } from "./condition.ts";

/** No output for `seconds`, by our own clock: from the beginning of the wait, or from the last byte that came since. */
export function quietCondition({ context, id, ring }: Scene, seconds: number): Condition {
  const { clock, files } = context.system;
  const folder = processPaths(context.home, id).output;
  const outputEnd = (): number => readOutput(files, folder, { losses: [], outputEnd: 0 }).end;
  let end = outputEnd();
  let sinceMs = clock.monotonicMs();
  let timer: Timer | null = clock.after(seconds * 1000, due);

  function due(): void {
    timer = null;
    ring();
  }

  return {
    cause: "quiet",
    look(over): Look {
      const nowMs = clock.monotonicMs();
      const endNow = outputEnd();
      if (endNow !== end) {
        end = endNow;
        sinceMs = nowMs;
      }
      // After its end a process is not quiet, but over.
      if (over) return "not";
      const leftMs = sinceMs + seconds * 1000 - nowMs;
      if (leftMs <= 0) return "met";
      // One timer, set again only when it is due, so that steady output does not cost a timer each time.
      timer ??= clock.after(leftMs, due);
      return "not";
    },
    found: nothingFound,
    close: () => timer?.cancel(),
  };
}
