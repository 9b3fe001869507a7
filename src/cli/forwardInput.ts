import nodeProcess from "node:process";
import type { InputPump } from "./inputPump.ts";
import { output } from "./output.ts";

/**
 * Sends our standard input through the pump until it ends or the process takes no more. `closeAtEnd`: the process's input ends with ours. Never
 * throws: a failure is told on standard error.
 */
export async function forwardInput(pump: InputPump, { closeAtEnd }: { readonly closeAtEnd: boolean }): Promise<void> {
  try {
    for await (const chunk of nodeProcess.stdin) {
      await pump.push(chunk as Uint8Array);
      if (pump.closed) return;
    }
    if (closeAtEnd) await pump.finish(true);
  } catch (error) {
    output.note(`herma: input could not be forwarded: ${(error as Error).message}`);
  }
}
