import { constants } from "node:os";
import nodeProcess from "node:process";
import { native } from "./native.ts";

/** SIG_UNBLOCK of Linux and of macOS. */
const unblock = nodeProcess.platform === "darwin" ? 2 : 1;
/** As large as any C library's sigset_t, whose bits are the signals from 1 on. */
const signalSetBytes = 128;

/**
 * Node.js begins with SIGUSR1 blocked, and with `--disable-sigusr1` leaves it so, also for a program that listens to it. One that came meanwhile
 * is heard now.
 */
export function unblockUserSignal(): void {
  if (nodeProcess.platform === "win32") return;
  const bit = constants.signals.SIGUSR1 - 1;
  const set = Buffer.alloc(signalSetBytes);
  set[bit >> 3] = 1 << (bit & 7);
  native().signalMask(unblock, set);
}
