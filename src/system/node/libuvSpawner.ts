import type { ChildProcess } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import type { Socket } from "node:net";
import nodeProcess from "node:process";
import type { IPty } from "@lydell/node-pty";
import type { ByteHandler, Child, ChildExit, ProcessTable, Spawned, Spawner, SpawnFailure, SpawnRequest, TerminalChild } from "../types.ts";
import { childInput } from "./childInput.ts";
import { children } from "./children.ts";
import { joining, proveJoined } from "./joining.ts";
import { markOpenFiles, openFor } from "./posixSpawn.ts";
import { asLeader, failureOf, findProgram, formatProblem, startFailure } from "./program.ts";
import { runTool } from "./runTool.ts";
import { signalName } from "./signals.ts";
import { spawnPiped } from "./spawnPiped.ts";
import { streamTool } from "./streamTool.ts";
import { codeOf } from "./systemError.ts";

const require = createRequire(import.meta.url);
const { O_APPEND, O_CREAT, O_NONBLOCK, O_RDONLY, O_WRONLY } = fs.constants;
const terminalType = "xterm-256color";

type Started =
  | { readonly ok: true; readonly child: ChildProcess; readonly pid: number }
  | { readonly ok: false; readonly failure: SpawnFailure };

/**
 * The spawner where we cannot wait for children ourselves: Node's child_process, and node-pty for terminals. It cannot tell what a child used;
 * starting forks this program, so it costs more the more memory this program has.
 */
export function libuvSpawner(table: ProcessTable): Spawner {
  // A child that ended at once may have been reaped by now; 0 then stands for "not known" and equals no living process's.
  const childOf = (pid: number): Child => ({ pid, identity: table.identityOf(pid) ?? { boot_id: table.bootId(), pid, start_time: 0 } });
  return {
    spawnPiped: (request, exit) =>
      spawnPiped(request, ({ input, output }) => {
        const started = start(request, input ?? "ignore", output);
        if (!started.ok) return started;
        started.child.once("exit", (code, signal) => exit({ code, signal, usage: null }));
        return childOf(started.pid);
      }),
    spawnTerminal: (request, output, exit) => {
      const variables = { TERM: terminalType, ...request.variables };
      // node-pty runs what it is given on a thread of its own: a group could not be proven.
      if (request.group != null) return failureOf("ENOTSUP", "Limits of the kernel and a terminal do not go together on this machine");
      const program = findProgram({ ...request, variables });
      if (!program.ok) return program;
      const problem = formatProblem(program.path);
      if (problem !== null) return problem;
      return spawnTerminal({ ...request, variables }, program.path, output, exit, childOf);
    },
    spawnDaemon: (request) => {
      // Not waiting for a reader, should a FIFO stand there; of a file the flag says nothing.
      const log = openFor(request.log, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK);
      if (!log.ok) return log;
      const started = start(request, "ignore", log.fd);
      fs.closeSync(log.fd);
      if (!started.ok) return started;
      started.child.unref();
      return { ok: true, child: childOf(started.pid) };
    },
    run: runTool,
    stream: streamTool,
  };
}

/** What is still open and lacks close-on-exec would be inherited: Node closes nothing. */
function keepFilesToOurselves(): void {
  if (nodeProcess.platform === "linux") markOpenFiles();
}

function start(wish: SpawnRequest, input: "ignore" | number, output: number): Started {
  const group = wish.group ?? null;
  const joined = group === null ? null : joining({ ...wish, group });
  if (joined?.ok === false) return joined;
  const request = joined?.request ?? wish;
  const program = findProgram(request);
  if (!program.ok) return program;
  const problem = formatProblem(program.path);
  if (problem !== null) return problem;
  keepFilesToOurselves();
  const { spawn } = require("node:child_process") as typeof import("node:child_process");
  try {
    const child = spawn(program.path, request.argv.slice(1), {
      ...asLeader(request),
      stdio: [input, output, output],
    });
    child.on("error", () => {});
    if (child.pid !== undefined) {
      const outside = group === null ? null : proveJoined(group, child.pid);
      return outside ?? { ok: true, child, pid: child.pid };
    }
    // The reason comes as an event on a later turn; this asks for it now.
    return startFailure(program.path, freeDescriptor() ? "EAGAIN" : "EMFILE");
  } catch (error) {
    return startFailure(program.path, codeOf(error) || "EIO", request);
  }
}

function freeDescriptor(): boolean {
  try {
    fs.closeSync(fs.openSync("/dev/null", O_RDONLY));
    return true;
  } catch {
    return false;
  }
}

/** The part of node-pty that its types do not show: its socket. */
type PtyInside = { readonly _socket: Socket };

function spawnTerminal(
  request: Parameters<Spawner["spawnTerminal"]>[0],
  path: string,
  output: Parameters<Spawner["spawnTerminal"]>[1],
  exit: (exit: ChildExit) => void,
  childOf: (pid: number) => Child,
): Spawned<TerminalChild> {
  keepFilesToOurselves();
  let pty: IPty;
  try {
    const { spawn } = require("@lydell/node-pty") as typeof import("@lydell/node-pty");
    const { cols, rows } = request.size;
    pty = spawn(path, request.argv.slice(1), { cols, rows, cwd: request.cwd, env: { ...request.variables }, encoding: null });
  } catch (error) {
    return failureOf(codeOf(error) || "EIO", `No terminal can be made: ${error instanceof Error ? error.message : String(error)}`);
  }
  // node-pty's own thread waits for this pid.
  children.leaveAlone(pty.pid);
  return { ok: true, child: terminalChild(pty, childOf(pty.pid), output, exit) };
}

/**
 * node-pty ends the stream 200 ms after the child's exit and tells the exit after that: what something left behind on the terminal prints later
 * is lost here. It does not tell what the child used.
 */
function terminalChild(pty: IPty, child: Child, output: ByteHandler, exit: (exit: ChildExit) => void): TerminalChild {
  const socket = (pty as unknown as PtyInside)._socket;
  const input = childInput(socket);
  let open = true;
  pty.onData((chunk) => {
    if (open) output.bytes(chunk as unknown as Buffer);
  });
  pty.onExit(({ exitCode, signal }) => {
    children.forget(pty.pid);
    exit(signal ? { code: null, signal: signalName(signal), usage: null } : { code: exitCode, signal: null, usage: null });
    if (open) output.end(null);
    open = false;
  });
  return {
    ...child,
    write: (bytes) => open && input.write(bytes),
    resize: ({ cols, rows }) => {
      if (open) pty.resize(cols, rows);
    },
    state: () => null,
    pause: () => pty.pause(),
    resume: () => pty.resume(),
    close: () => {
      open = false;
      // Not pty.destroy(): that also signals the bare pid, whoever has it by then. The kernel sends SIGHUP by itself.
      socket.destroy();
    },
  };
}
