import { HermaError, type Identity } from "../../../contract/index.ts";
import type { ChildExit, ProcessHandle } from "../../types.ts";
import { type Kernel32, kernel32, windowsErrors } from "./kernel32.ts";
import { lookRights } from "./windowsTable.ts";

const terminateRight = 0x1;
/** How often an end is looked for: Windows has no descriptor of an end that Node could wait for. */
const endPollMs = 250;
/** What a terminated program leaves as its code, as Node's own `kill` does. */
const terminatedCode = 1;

/**
 * A handle on exactly this process: while it is open the system gives the pid to nobody else. Windows knows no signals; TERM and KILL both end
 * the process, which can neither hear of it nor refuse.
 */
export function windowsHandle(identity: Identity, bootId: string, system: () => Kernel32 = kernel32): ProcessHandle | "gone" | "unknown" {
  if (identity.boot_id !== bootId) return "gone";
  const kernel = system();
  const process = kernel.openProcess(lookRights | terminateRight, identity.pid) ?? kernel.openProcess(lookRights, identity.pid);
  if (process === null) return kernel.lastError() === windowsErrors.invalidParameter ? "gone" : "unknown";
  if (kernel.creationTimeUs(process) !== identity.start_time || !kernel.isRunning(process)) {
    kernel.close(process);
    return "gone";
  }
  let poll: NodeJS.Timeout | null = null;
  let isOpen = true;
  const stop = () => {
    if (poll !== null) clearInterval(poll);
    poll = null;
  };
  const onExit = (ended: (exit: ChildExit | null) => void): void => {
    stop();
    poll = setInterval(() => {
      if (isOpen && kernel.isRunning(process)) return;
      stop();
      ended(null);
    }, endPollMs);
    poll.unref();
  };
  return {
    identity,
    send: (signal) => {
      if (signal !== "SIGTERM" && signal !== "SIGKILL") throw new HermaError("BAD_REQUEST", `Windows has no signal ${signal}`);
      if (!isOpen || !kernel.isRunning(process)) return "gone";
      return kernel.terminate(process, terminatedCode) ? "sent" : "denied";
    },
    onExit,
    onEnd: (ended) => onExit(() => ended()),
    close: () => {
      stop();
      if (isOpen) kernel.close(process);
      isOpen = false;
    },
  };
}
