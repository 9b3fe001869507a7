import type { Timer } from "../../system/index.ts";
import type { Condition, Scene } from "./condition.ts";

/**
 * A condition of which no event tells, so that it is asked for again and again: `everyMs` milliseconds after the answer to the question before. A
 * question that fails counts as no.
 */
export function probeCondition(
  scene: Scene,
  probe: {
    readonly cause: Condition["cause"];
    readonly everyMs: number;
    ask(): Promise<boolean>;
    readonly found: Condition["found"];
  },
): Condition {
  const { clock } = scene.context.system;
  let met = false;
  let closed = false;
  let timer: Timer | null = null;

  async function ask(): Promise<void> {
    try {
      met = await probe.ask();
    } catch {
      // What cannot be asked has no answer yet; the deadline bounds how often that is tried.
    }
    if (closed) return;
    if (met) scene.ring();
    else timer = clock.after(probe.everyMs, () => void ask());
  }

  return {
    cause: probe.cause,
    begin: ask,
    look: () => (met ? "met" : "not"),
    found: probe.found,
    close: () => {
      closed = true;
      timer?.cancel();
    },
  };
}
