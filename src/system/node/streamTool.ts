import type { Spawner, ToolStream } from "../types.ts";
import { signalGroup, startTool } from "./runTool.ts";

/** See `Spawner.stream`. */
export function streamTool(request: Parameters<Spawner["stream"]>[0], output: Parameters<Spawner["stream"]>[1]): ToolStream | null {
  const started = startTool(request, true);
  if (started === null) return null;
  const { child, streams } = started;
  for (const stream of streams)
    stream.on("data", (chunk: Buffer) => {
      const taken = output(chunk);
      if (taken === undefined) return;
      stream.pause();
      void taken.finally(() => stream.resume());
    });
  const ended = new Promise<number | null>((resolve) => {
    child.on("error", () => resolve(null));
    child.on("close", resolve);
  });
  return {
    ended,
    end: () => {
      if (child.exitCode === null && child.signalCode === null) signalGroup(child.pid, "SIGKILL");
      // Its last output is not wanted any more, and would delay the end when nobody reads it.
      for (const stream of streams) stream.destroy();
    },
  };
}
