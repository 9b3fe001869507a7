import type { Clock, Timer } from "../system/index.ts";
import type { Work } from "./work.ts";

/** Calls come and go by the thousand; while the gate is open their number goes to the disk this often at most. */
const tellMs = 1_000;

/**
 * Writes the number of active pieces of work to the state file: at once while the gate is closed, because somebody waits for it to fall; else when it
 * is another one a second after a change. Returns its end.
 */
export function tellActivity(options: {
  readonly work: Work;
  readonly clock: Clock;
  /** The number that was written last. */
  readonly told: () => number;
  readonly write: (active: number) => void;
}): () => void {
  const { work, clock, told, write } = options;
  let timer: Timer | null = null;
  const tell = (): void => {
    timer?.cancel();
    timer = null;
    if (told() !== work.active) write(work.active);
  };
  const unlisten = work.onChange(() => {
    if (work.closedFor !== null) tell();
    else timer ??= clock.after(tellMs, tell, { unref: true });
  });
  return () => {
    unlisten();
    timer?.cancel();
  };
}
