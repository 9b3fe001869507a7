import { uncaughtVerdict } from "../rules/index.ts";
import type { GatewayContext } from "./context.ts";
import { stackOf } from "./lastWords.ts";
import type { GatewayEnd } from "./types.ts";

const bugExit = 70;
const minuteMs = 60_000;

/**
 * Handles what nobody caught. A failed connection is logged and passed over. After anything else the memory of the program cannot be trusted, so the
 * gateway writes its last words and ends at once, with exit code 70. Processes go on, and the next start finds everything on disk.
 */
export function uncaughtIn(context: GatewayContext, over: (end: GatewayEnd) => void): (thrown: unknown) => void {
  const { log, system } = context.options;
  let passedMs: number[] = [];
  return (thrown) => {
    const nowMs = system.clock.monotonicMs();
    passedMs = passedMs.filter((atMs) => nowMs - atMs < minuteMs);
    const text = thrown instanceof Error ? thrown.message : String(thrown);
    if (uncaughtVerdict(thrown, passedMs.length) === "transient") {
      passedMs.push(nowMs);
      log.warn({ problem: text }, "a connection failed where nobody waited for it; going on");
      return;
    }
    const { life, lastWords, claimIfAny } = context;
    const reason = `a bug: ${text}`;
    lastWords.say({ reason: "uncaught", detail: reason, exitCode: bugExit, phase: life.phase, forced: true, thrown });
    claimIfAny?.endNow({ phase: "stopped", exitReason: reason });
    log.error({ stack: stackOf(thrown) }, "something was thrown that nobody caught; this is a bug, and the gateway ends. Processes go on");
    over({ exitCode: bugExit, reason });
  };
}
