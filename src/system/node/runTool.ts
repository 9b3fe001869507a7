import type { ChildProcess } from "node:child_process";
import { createRequire } from "node:module";
import nodeProcess from "node:process";
import type { Readable } from "node:stream";
import type { SpawnRequest } from "../types.ts";
import { asLeader, findProgram } from "./program.ts";

const require = createRequire(import.meta.url);
/** After the exit, how long output may still be held open by something the tool left running. */
const drainMs = 200;
/** How long a tool that is out of time has to clean up. A login shell that is killed outright may leave a lock that hangs all later ones. */
const graceMs = 1000;

export type RunRequest = SpawnRequest & { timeoutMs: number; bytesMax: number; errorsToo?: boolean };
export type RunResult = { code: number | null; stdout: Buffer };

/** See `Spawner.run`. The tool has a session of its own, no input, and its standard error goes nowhere unless it is wanted. */
export function runTool(request: RunRequest): Promise<RunResult | null> {
  const started = startTool(request, request.errorsToo === true);
  if (started === null) return Promise.resolve(null);
  const { child, streams } = started;
  return new Promise((resolve) => {
    const kept: Buffer[] = [];
    let keptBytes = 0;
    for (const stream of streams)
      stream.on("data", (chunk: Buffer) => {
        const part = chunk.subarray(0, request.bytesMax - keptBytes);
        keptBytes += part.length;
        if (part.length > 0) kept.push(part);
      });
    let timedOut = false;
    let deadline = setTimeout(() => {
      timedOut = true;
      // Once and no HUP with it: a second signal would end what cleans up after the first. An interactive shell ignores this one, what it waits for does not.
      signalGroup(child.pid, "SIGTERM");
      deadline = setTimeout(() => signalGroup(child.pid, "SIGKILL"), graceMs);
    }, request.timeoutMs);
    let draining: NodeJS.Timeout | undefined;
    const settle = (result: RunResult | null): void => {
      clearTimeout(deadline);
      clearTimeout(draining);
      for (const stream of streams) stream.destroy();
      resolve(timedOut ? null : result);
    };
    child.on("error", () => settle(null));
    child.on("exit", (code) => {
      clearTimeout(deadline);
      draining = setTimeout(() => settle({ code, stdout: Buffer.concat(kept) }), drainMs);
    });
    child.on("close", (code) => settle({ code, stdout: Buffer.concat(kept) }));
  });
}

export type StartedTool = { readonly child: ChildProcess; readonly streams: readonly Readable[] };

/** A tool and the streams of what it prints; null when it cannot be started. */
export function startTool(request: SpawnRequest, errorsToo: boolean): StartedTool | null {
  const program = findProgram(request);
  if (!program.ok) return null;
  const { spawn } = require("node:child_process") as typeof import("node:child_process");
  try {
    const child = spawn(program.path, request.argv.slice(1), {
      ...asLeader(request),
      stdio: ["ignore", "pipe", errorsToo ? "pipe" : "ignore"],
    });
    return { child, streams: [child.stdout, child.stderr].filter((stream) => stream !== null) };
  } catch {
    return null;
  }
}

/** Signals a tool and all it has started. To be called only while the tool itself has not been reaped: its pid may be another's afterwards. */
export function signalGroup(leader: number | undefined, signal: "SIGTERM" | "SIGKILL"): void {
  if (leader === undefined) return;
  try {
    nodeProcess.kill(-leader, signal);
  } catch {
    // It has just gone by itself.
  }
}
