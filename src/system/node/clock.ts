import type { Clock } from "../types.ts";

/** Node's timers overflow at 2^31 ms and then fire at once; longer waits are made of several. */
const timerMsMax = 2 ** 31 - 1;

/** The real clock. */
export function nodeClock(): Clock {
  return {
    monotonicMs: () => performance.now(),
    wallMs: () => Date.now(),
    after: (ms, fn, options) => {
      let timer: NodeJS.Timeout;
      let leftMs = Math.max(0, ms);
      const arm = (): void => {
        const stepMs = Math.min(leftMs, timerMsMax);
        leftMs -= stepMs;
        timer = setTimeout(leftMs > 0 ? arm : fn, stepMs);
        if (options?.unref === true) timer.unref();
      };
      arm();
      return { cancel: () => clearTimeout(timer) };
    },
  };
}
