import fs from "node:fs";
import type { Child, ProcessTable, Spawner, TerminalChild } from "../types.ts";
import { nullInput, openFor, posixSpawn } from "./posixSpawn.ts";
import { posixTerminal } from "./posixTerminal.ts";
import { runTool } from "./runTool.ts";
import { spawnPiped } from "./spawnPiped.ts";
import { streamTool } from "./streamTool.ts";

const { O_APPEND, O_CREAT, O_NONBLOCK, O_WRONLY } = fs.constants;
const terminalType = "xterm-256color";

type ChildOf = (started: { readonly pid: number; readonly startTime: number }) => Child;

/** The spawner for Linux: posix_spawn, and our own waiting. A child keeps this program alive until its end was told; a daemon does not. */
export function posixSpawner(table: ProcessTable): Spawner {
  const childOf: ChildOf = ({ pid, startTime }) => ({ pid, identity: { boot_id: table.bootId(), pid, start_time: startTime } });
  return {
    spawnPiped: (request, exit) =>
      spawnPiped(request, ({ input, output }) => {
        const started = posixSpawn(request, [input ?? nullInput, output, output], exit);
        return started.ok ? childOf(started) : started;
      }),
    spawnTerminal: (request, output, exit) => {
      const variables = { TERM: terminalType, ...request.variables };
      const opened = posixTerminal({ ...request, variables }, output, exit);
      if (!opened.ok) return opened;
      const child: TerminalChild = { ...childOf(opened), ...opened.terminal };
      return { ok: true, child };
    },
    spawnDaemon: (request) => {
      // Not waiting for a reader, should a FIFO stand there; of a file the flag says nothing.
      const log = openFor(request.log, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK);
      if (!log.ok) return log;
      const started = posixSpawn(request, [nullInput, log.fd, log.fd], null);
      fs.closeSync(log.fd);
      return started.ok ? { ok: true, child: childOf(started) } : started;
    },
    run: runTool,
    stream: streamTool,
  };
}
