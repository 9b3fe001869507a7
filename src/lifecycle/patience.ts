import type { Lock, System } from "../system/index.ts";
import { pause } from "./holder.ts";

/** The original's tools probe `gateway.lock` by taking it for a moment; being refused this often, this far apart, is a real holder. */
const lockTries = 10;
const lockTryMs = 20;

/** Takes a lock that others may hold for a moment; null when it is really held. */
export async function tryTakePatiently(system: Pick<System, "clock" | "locks">, path: string): Promise<Lock | null> {
  for (let attempt = 1; ; attempt += 1) {
    const lock = system.locks.tryTake(path);
    if (lock !== null || attempt === lockTries) return lock;
    await pause(system.clock, lockTryMs);
  }
}
