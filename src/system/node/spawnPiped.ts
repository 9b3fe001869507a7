import fs from "node:fs";
import type { Child, PipedChild, Spawned, Spawner, SpawnFailure } from "../types.ts";
import { childInput } from "./childInput.ts";
import { type InputPipe, inputPipe, openFor } from "./posixSpawn.ts";

/**
 * See `Spawner.spawnPiped`: opens the FIFO and makes the pipe, and has `start` start the child with them (`input` is null for no input at all).
 * What is the child's alone is closed here whatever comes of it.
 */
export function spawnPiped(
  request: Parameters<Spawner["spawnPiped"]>[0],
  start: (ends: { readonly input: number | null; readonly output: number }) => Child | { readonly failure: SpawnFailure },
): Spawned<PipedChild> {
  const output = openFor(request.output, fs.constants.O_RDWR);
  if (!output.ok) return output;
  let input: InputPipe | null = null;
  try {
    if (request.stdin === "pipe") {
      const made = inputPipe();
      if (!made.ok) return made;
      input = made.pipe;
    }
    const started = start({ input: input?.childEnd ?? null, output: output.fd });
    if ("failure" in started) {
      input?.ours.destroy();
      return { ok: false, failure: started.failure };
    }
    return { ok: true, child: { ...started, stdin: input === null ? null : childInput(input.ours) } };
  } finally {
    fs.closeSync(output.fd);
    if (input !== null) fs.closeSync(input.childEnd);
  }
}
