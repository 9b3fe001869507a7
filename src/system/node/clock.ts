import type { Clock, Timer } from "../types.ts";

/** Node's timers overflow at 2^31 ms and then fire at once; longer waits are made of several. */
const timerMsMax = 2 ** 31 - 1;

/** A timer of Node's takes a millisecond at least: too much for work that only lets others have their turn. */
function onNextTurn(fn: () => void): Timer {
  const turn = setImmediate(fn);
  return { cancel: () => clearImmediate(turn) };
}

/** The real clock. */
export function nodeClock(): Clock {
  return {
    monotonicMs: () => performance.now(),
    wallMs: () => Date.now(),
    after: (ms, fn, options) => {
      // An unreferenced immediate would not wake an event loop that waits for something else.
      if (ms <= 0 && options?.unref !== true) return onNextTurn(fn);
      let timer: NodeJS.Timeout;
      let leftMs = ms;
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
