import type { TerminalSize } from "../../contract/index.ts";
import type { EndStatus, FakeKernel, FakeProcess } from "./kernel.ts";
import type { FakePipe } from "./pipe.ts";

/** Where output goes: a FIFO, a terminal, a log. */
export type Sink = {
  hold(): void;
  letGo(): void;
  /** Takes what fits and returns how much that was. */
  write(bytes: Uint8Array): number;
  whenRoom(fn: () => void): void;
};

/** The terminal as its child sees it. */
export type TerminalView = {
  size(): TerminalSize;
  onResize(fn: () => void): void;
  /** Lines as they are typed; null: end of input. */
  onInput(fn: (line: Buffer | null) => void): void;
};

/** What a program of the fake machine does: a function that gets a handle and arranges what happens, in the machine's time. */
export type Script = (run: ScriptRun) => void;

export type ForkOptions = {
  /** Its own session (setsid): it leaves the group. */
  readonly session?: boolean;
  /** False: it closes the output it inherits. */
  readonly holdsOutput?: boolean;
  /** False: it does not carry HERMA_PROCESS_ID. */
  readonly marked?: boolean;
  readonly name?: string;
};

export type ScriptPlace = {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly output: Sink | null;
  readonly input: FakePipe | null;
  readonly terminal: TerminalView | null;
};

/** One run of a script. */
export class ScriptRun {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly process: FakeProcess;
  readonly #kernel: FakeKernel;
  readonly #place: ScriptPlace;
  #output: Sink | null;
  #unwritten = Buffer.alloc(0);
  #exitCode: number | null = null;

  constructor(kernel: FakeKernel, process: FakeProcess, place: ScriptPlace) {
    this.#kernel = kernel;
    this.process = process;
    this.argv = place.argv;
    this.cwd = place.cwd;
    this.#place = place;
    this.#output = place.output;
    this.#output?.hold();
    process.onEnd.push(() => this.closeOutput());
  }

  get pid(): number {
    return this.process.pid;
  }

  get variables(): Readonly<Record<string, string>> {
    return this.process.variables;
  }

  get terminal(): TerminalView | null {
    return this.#place.terminal;
  }

  /** Writes in order; what does not fit in the pipe waits, and an exit waits for it, as a write that blocks does. */
  print(text: string | Uint8Array): void {
    this.#unwritten = Buffer.concat([this.#unwritten, typeof text === "string" ? Buffer.from(text) : text]);
    this.#flush();
  }

  #flush(): void {
    if (this.process.dead) return;
    const output = this.#output;
    if (output === null) this.#unwritten = Buffer.alloc(0);
    else if (this.#unwritten.length > 0) this.#unwritten = this.#unwritten.subarray(output.write(this.#unwritten));
    if (this.#unwritten.length > 0) output?.whenRoom(() => this.#kernel.later(this.process, 0, () => this.#flush()));
    else if (this.#exitCode !== null) this.#end({ code: this.#exitCode, signal: null });
  }

  exit(code: number): void {
    this.#exitCode ??= code;
    this.#flush();
  }

  /** Ends at once by a signal. */
  die(signal: string): void {
    this.#end({ code: null, signal });
  }

  #end(status: EndStatus): void {
    this.#kernel.end(this.process, status);
  }

  after(ms: number, fn: () => void): void {
    this.#kernel.later(this.process, ms, fn);
  }

  onSignal(signal: string, act: "ignore" | (() => void)): void {
    this.process.handlers.set(signal, act);
  }

  /** Bytes of standard input as they come, null at its end. Without a pipe the end comes at once. */
  onInput(fn: (bytes: Buffer | null) => void): void {
    const { input, terminal } = this.#place;
    if (terminal !== null) terminal.onInput(fn);
    else if (input === null) this.after(0, () => fn(null));
    else input.read(this.process, { bytes: (chunk) => fn(Buffer.from(chunk)), end: () => fn(null) });
  }

  /** Over the limit of its group it is ended. */
  holdMemory(bytes: number): void {
    this.#kernel.holdMemory(this.process, bytes);
  }

  closeOutput(): void {
    const output = this.#output;
    this.#output = null;
    output?.letGo();
  }

  /** Starts a child that runs another script. Returns its run. */
  fork(script: Script, options: ForkOptions = {}): ScriptRun {
    const { HERMA_PROCESS_ID: _mark, ...unmarked } = this.variables;
    const variables = options.marked === false ? unmarked : this.variables;
    const name = options.name ?? this.process.name;
    const process = this.#kernel.create({ parent: this.process, name, variables, leads: options.session ?? false });
    const output = options.holdsOutput === false ? null : this.#output;
    const run = new ScriptRun(this.#kernel, process, { ...this.#place, output, input: null });
    run.after(0, () => script(run));
    return run;
  }
}
