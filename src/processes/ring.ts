import type { Clock } from "../system/index.ts";

/** A bell to wait for. It may ring any number of times; all rings while nobody waits count as one. One waiter at a time. */
export type Ring = {
  ring(): void;
  /** Resolves at the next ring (at once if it rang meanwhile) with true, or with false after `msMax`. */
  rung(msMax: number): Promise<boolean>;
};

export function ring(clock: Clock): Ring {
  let rang = false;
  let wake: (() => void) | null = null;
  return {
    ring() {
      rang = true;
      wake?.();
    },
    async rung(msMax) {
      if (!rang) {
        await new Promise<void>((resolve) => {
          const timer = clock.after(msMax, resolve);
          wake = () => {
            timer.cancel();
            resolve();
          };
        });
        wake = null;
      }
      const result = rang;
      rang = false;
      return result;
    },
  };
}
