import { createRequire } from "node:module";
import nodeProcess from "node:process";
import type { SpawnRequest } from "../types.ts";
import { findProgram } from "./program.ts";

const require = createRequire(import.meta.url);
/** After the exit, how long output may still be held open by something the tool left running. */
const drainMs = 200;

export type RunRequest = SpawnRequest & { timeoutMs: number; bytesMax: number; errorsToo?: boolean };
export type RunResult = { code: number | null; stdout: Buffer };

/** See `Spawner.run`. The tool has a session of its own, no input, and its standard error goes nowhere unless it is wanted. */
export function runTool(request: RunRequest): Promise<RunResult | null> {
  const program = findProgram(request);
  if (!program.ok) return Promise.resolve(null);
  const { spawn } = require("node:child_process") as typeof import("node:child_process");
  const options = { argv0: request.argv[0]!, cwd: request.cwd, env: { ...request.variables }, detached: true };
  return new Promise((resolve) => {
    const start = () =>
      spawn(program.path, request.argv.slice(1), { ...options, stdio: ["ignore", "pipe", request.errorsToo === true ? "pipe" : "ignore"] });
    let child: ReturnType<typeof start>;
    try {
      child = start();
    } catch {
      resolve(null);
      return;
    }
    const kept: Buffer[] = [];
    let keptBytes = 0;
    const streams = [child.stdout, child.stderr].filter((stream) => stream !== null);
    for (const stream of streams)
      stream.on("data", (chunk: Buffer) => {
        const part = chunk.subarray(0, request.bytesMax - keptBytes);
        keptBytes += part.length;
        if (part.length > 0) kept.push(part);
      });
    let timedOut = false;
    const deadline = setTimeout(() => {
      timedOut = true;
      killGroup(child.pid);
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
      draining = setTimeout(() => settle({ code, stdout: Buffer.concat(kept) }), drainMs);
    });
    child.on("close", (code) => settle({ code, stdout: Buffer.concat(kept) }));
  });
}

function killGroup(leader: number | undefined): void {
  if (leader === undefined) return;
  try {
    nodeProcess.kill(-leader, "SIGKILL");
  } catch {
    // It has just gone by itself.
  }
}
