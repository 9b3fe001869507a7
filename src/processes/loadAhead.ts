import { lazily } from "./lazy.ts";

/** Loads what a gateway will need anyway, at a moment when nobody waits for it. */
export async function loadAhead(): Promise<void> {
  lazily.store().loadAhead();
  await import("./checkpoint.ts");
}
