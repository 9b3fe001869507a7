import fs from "node:fs";
import type { Child, ChildExit, PipedChild, ProcessTable, Spawned, Spawner, TerminalChild } from "../types.ts";
import { childInput } from "./childInput.ts";
import { type InputPipe, inputPipe, nullInput, openFor, posixSpawn } from "./posixSpawn.ts";
import { posixTerminal } from "./posixTerminal.ts";
import { runTool } from "./runTool.ts";

const { O_APPEND, O_CREAT, O_RDWR, O_WRONLY } = fs.constants;
const terminalType = "xterm-256color";

type ChildOf = (started: { readonly pid: number; readonly startTime: number }) => Child;

/** The spawner for Linux: posix_spawn, and our own waiting. A child keeps this program alive until its end was told; a daemon does not. */
export function posixSpawner(table: ProcessTable): Spawner {
  const childOf: ChildOf = ({ pid, startTime }) => ({ pid, identity: { boot_id: table.bootId(), pid, start_time: startTime } });
  return {
    spawnPiped: (request, exit) => spawnPiped(request, exit, childOf),
    spawnTerminal: (request, output, exit) => {
      const variables = { TERM: terminalType, ...request.variables };
      const opened = posixTerminal({ ...request, variables }, output, exit);
      if (!opened.ok) return opened;
      const child: TerminalChild = { ...childOf(opened), ...opened.terminal };
      return { ok: true, child };
    },
    spawnDaemon: (request) => {
      const log = openFor(request.log, O_WRONLY | O_APPEND | O_CREAT);
      if (!log.ok) return log;
      const started = posixSpawn(request, [nullInput, log.fd, log.fd], null);
      fs.closeSync(log.fd);
      return started.ok ? { ok: true, child: childOf(started) } : started;
    },
    run: runTool,
  };
}

function spawnPiped(request: Parameters<Spawner["spawnPiped"]>[0], exit: (exit: ChildExit) => void, childOf: ChildOf): Spawned<PipedChild> {
  const output = openFor(request.output, O_RDWR);
  if (!output.ok) return output;
  let input: InputPipe | null = null;
  try {
    if (request.stdin === "pipe") {
      const made = inputPipe();
      if (!made.ok) return made;
      input = made.pipe;
    }
    const started = posixSpawn(request, [input?.childEnd ?? nullInput, output.fd, output.fd], exit);
    if (!started.ok) {
      input?.ours.destroy();
      return started;
    }
    return { ok: true, child: { ...childOf(started), stdin: input === null ? null : childInput(input.ours) } };
  } finally {
    fs.closeSync(output.fd);
    if (input !== null) fs.closeSync(input.childEnd);
  }
}
