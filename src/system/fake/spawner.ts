import { inputBytesMax } from "../node/childInput.ts";
import { failureOf, findProgram, startFailure } from "../node/program.ts";
import type {
  ByteHandler,
  Child,
  ChildExit,
  ChildInput,
  PipedChild,
  Spawned,
  Spawner,
  SpawnFailure,
  SpawnRequest,
  TerminalChild,
  ToolStream,
} from "../types.ts";
import { nameOf } from "./disk.ts";
import type { FakeProcess } from "./kernel.ts";
import type { FakeMachine } from "./machine.ts";
import { FakePipe } from "./pipe.ts";
import { type FakeProgram, testActor } from "./program.ts";
import { type ScriptPlace, ScriptRun, type Sink } from "./script.ts";
import { FakeTerminal } from "./terminal.ts";

type Failed = { readonly ok: false; readonly failure: SpawnFailure };
type Started = { readonly ok: true; readonly process: FakeProcess } | Failed;

/** Starts scripts as children of one program. */
export class FakeSpawner implements Spawner {
  readonly #machine: FakeMachine;
  readonly #program: FakeProgram;

  constructor(machine: FakeMachine, program: FakeProgram, reapOrphans: () => number) {
    this.#machine = machine;
    this.#program = program;
    program.process.childEnded = (child) => {
      // A child that the spawner waits for is collected there; others are orphans that landed here.
      if (!program.ownChildren.has(child.pid)) machine.time.after(0, program, () => void (program.process.subreaper && reapOrphans()));
    };
  }

  spawnPiped(request: Parameters<Spawner["spawnPiped"]>[0], exit: (exit: ChildExit) => void): Spawned<PipedChild> {
    this.#program.demandAlive();
    const node = this.#machine.disk.find(request.output);
    if (node?.kind !== "fifo") {
      const error = node === null ? "ENOENT" : node?.kind === "link" ? "ELOOP" : "ENXIO";
      return failureOf(error, `The output ${request.output} cannot be opened: ${error}`);
    }
    const input = request.stdin === "pipe" ? new FakePipe(this.#machine.time, { keepsUnread: true }) : null;
    input?.hold();
    const started = this.#start(request, { output: node.pipe, input, terminal: null }, exit);
    if (!started.ok) return started;
    started.process.fifo = { path: request.output, pipe: node.pipe };
    const stdin = input === null ? null : this.#inputOf(input, started.process);
    return { ok: true, child: { ...this.#childOf(started.process), stdin } };
  }

  spawnTerminal(
    request: Parameters<Spawner["spawnTerminal"]>[0],
    output: ByteHandler,
    exit: (exit: ChildExit) => void,
  ): Spawned<TerminalChild> {
    this.#program.demandAlive();
    const { time, kernel } = this.#machine;
    const terminal = new FakeTerminal(time, request.size);
    const variables = { TERM: "xterm-256color", ...request.variables };
    const place = { output: terminal.sink, input: null, terminal: terminal.view };
    const started = this.#start({ ...request, variables }, place, exit);
    if (!started.ok) return started;
    const { process } = started;
    terminal.leader = process;
    terminal.signalSession = (signal) => {
      for (const each of kernel.processes.values()) if (each.session === process.pid) kernel.signal(each, signal);
    };
    let open = true;
    const end = (error: Error | null): void => {
      open = false;
      output.end(error);
    };
    const reader = terminal.output.read(this.#program, { bytes: (chunk) => output.bytes(chunk), end });
    const close = (): void => {
      if (open) terminal.signalSession("SIGHUP");
      open = false;
      reader.close();
    };
    // A terminal ends with its leader and with its owner, for whoever else has it open.
    process.onEnd.push(() => terminal.signalSession("SIGHUP"));
    this.#program.whenDead(close);
    const child: TerminalChild = {
      ...this.#childOf(process),
      write: (bytes) => {
        if (open && !process.dead) terminal.type(bytes);
        return open && !process.dead;
      },
      resize: (size) => {
        if (open) terminal.resize(size);
      },
      state: () => null,
      pause: () => reader.pause(),
      resume: () => reader.resume(),
      close,
    };
    return { ok: true, child };
  }

  spawnDaemon(request: SpawnRequest & { log: string }): Spawned<Child> {
    this.#program.demandAlive();
    const started = this.#start(request, { output: this.#logSink(request.log), input: null, terminal: null }, null);
    return started.ok ? { ok: true, child: this.#childOf(started.process) } : started;
  }

  run(request: Parameters<Spawner["run"]>[0]): ReturnType<Spawner["run"]> {
    const { promise, resolve } = Promise.withResolvers<{ code: number | null; stdout: Buffer } | null>();
    const pipe = new FakePipe(this.#machine.time);
    const kept: Buffer[] = [];
    pipe.read(this.#program, { bytes: (chunk) => kept.push(Buffer.from(chunk)), end: () => {} });
    const finish = (code: number | null): void => resolve({ code, stdout: Buffer.concat(kept).subarray(0, request.bytesMax) });
    const started = this.#start(request, { output: pipe, input: null, terminal: null }, (exit) => {
      // What it printed last is still in the pipe.
      this.#machine.time.after(1, this.#program, () => finish(exit.code));
    });
    if (!started.ok) return Promise.resolve(null);
    this.#machine.time.after(request.timeoutMs, this.#program, () => {
      if (started.process.dead) return;
      this.#machine.kernel.end(started.process, { code: null, signal: "SIGKILL" });
      resolve(null);
    });
    return promise;
  }

  stream(request: SpawnRequest, output: Parameters<Spawner["stream"]>[1]): ToolStream | null {
    this.#program.demandAlive();
    const { time, kernel } = this.#machine;
    const { promise: ended, resolve } = Promise.withResolvers<number | null>();
    const pipe = new FakePipe(time);
    let code: number | null = null;
    const reader = pipe.read(this.#program, {
      bytes: (chunk) => {
        const taken = output(Buffer.from(chunk));
        if (taken === undefined) return;
        reader.pause();
        void taken.finally(() => reader.resume());
      },
      end: () => resolve(code),
    });
    const started = this.#start(request, { output: pipe, input: null, terminal: null }, (exit) => {
      code = exit.code;
    });
    if (!started.ok) return null;
    const end = (): void => {
      reader.close();
      if (!started.process.dead) kernel.end(started.process, { code: null, signal: "SIGKILL" });
      resolve(null);
    };
    return { ended, end };
  }

  #start(request: SpawnRequest, place: Omit<ScriptPlace, "argv" | "cwd">, exit: ((exit: ChildExit) => void) | null): Started {
    const { disk, installed, kernel, spawnFailures, time } = this.#machine;
    const problem = (path: string): string | null => {
      if (installed.has(path)) return null;
      const node = disk.find(path);
      if (node === null) return "ENOENT";
      return node.kind === "folder" ? "it is a directory" : "EACCES";
    };
    const folderProblem = (path: string): string | null => {
      const node = disk.find(path);
      if (node === null) return "ENOENT";
      return node.kind === "folder" ? null : "ENOTDIR";
    };
    const program = findProgram(request, { folderProblem, programProblem: problem });
    if (!program.ok) return program;
    const failure = spawnFailures.shift();
    if (failure !== undefined) return { ok: false, failure };
    const entry = installed.get(program.path)!;
    if (entry.kind === "noFormat") return startFailure(program.path, "ENOEXEC");
    const { variables } = request;
    const process = kernel.create({ parent: this.#program.process, name: nameOf(program.path), variables, leads: true });
    process.cgroup = request.group == null ? process.cgroup : (request.group.folders[0]?.split("/").at(-1) ?? null);
    this.#program.ownChildren.add(process.pid);
    process.onEnd.push(() => {
      time.after(0, this.#program, () => {
        kernel.reap(process);
        this.#program.ownChildren.delete(process.pid);
        exit?.({ ...process.status!, usage: { cpu_ms: 0, max_rss_bytes: null } });
      });
    });
    const run = new ScriptRun(kernel, process, { ...place, argv: request.argv, cwd: request.cwd });
    run.after(0, () => entry.script(run));
    return { ok: true, process };
  }

  #childOf(process: FakeProcess): Child {
    return { pid: process.pid, identity: this.#machine.kernel.identity(process) };
  }

  #inputOf(pipe: FakePipe, process: FakeProcess): ChildInput {
    let closed = false;
    let ending = false;
    let queued = Buffer.alloc(0);
    const letGo = (): void => {
      closed = true;
      pipe.letGo();
    };
    const flush = (): void => {
      if (closed) return;
      queued = queued.subarray(pipe.write(queued));
      if (queued.length > 0) pipe.whenRoom(flush);
      else if (ending) letGo();
    };
    const stop = this.#program.whenDead(() => {
      if (!closed) letGo();
    });
    process.onEnd.push(() => {
      stop();
      this.#machine.time.after(0, this.#program, () => {
        closed = true;
      });
    });
    return {
      write: (bytes) => {
        if (closed || ending || queued.length + bytes.length > inputBytesMax) return false;
        queued = Buffer.concat([queued, bytes]);
        flush();
        return true;
      },
      close: () => {
        ending = true;
        flush();
      },
      get closed() {
        return closed || ending;
      },
    };
  }

  #logSink(path: string): Sink {
    const { disk } = this.#machine;
    const found = disk.find(path);
    const node = found?.kind === "file" ? found : disk.makeFile(this.#program, path, 0o600);
    const write = (bytes: Uint8Array): number => disk.write(testActor, path, node, node.data.length, bytes);
    return { hold: () => {}, letGo: () => {}, write, whenRoom: () => {} };
  }
}
