import {
  type ExitFile,
  exitReservedBytes,
  HermaError,
  type Identity,
  type Intent,
  type KeeperKillResult,
  type KeeperProcess,
  type ProcessPaths,
  processPaths,
  type RestartSurvival,
  type SpecFile,
  type StateFile,
  type Survivor,
  timestampOf,
} from "../contract/index.ts";
import { endingOf, type ProcessEvent, processTable, step } from "../rules/index.ts";
import type { ByteReader, ChildExit, ChildInput, ProcessHandle, System, TerminalChild, Timer } from "../system/index.ts";
import type { Doorbell } from "./doorbell.ts";
import { Ladder, Tree } from "./ladder.ts";
import type { Log } from "./log.ts";
import { Spool } from "./spool.ts";

/** After the exit the stream is drained until it ends or was quiet this long … */
const quietMs = 250;
/** … and never longer than this, whoever still holds it. */
const drainMsMax = 2000;
/** Only an end that is not settled within this time is noted in state.json; most settle at once. */
const noteExitAfterMs = 5;

/** What every held process shares with its keeper. */
export type Keeping = {
  readonly system: System;
  readonly home: string;
  readonly doorbell: Doorbell;
  readonly log: Log;
  readonly identity: StateFile["keeper"];
  readonly restartSurvival: RestartSurvival;
  /** The process is over and its stream has ended: nothing of it is held any more. */
  readonly released: (held: Held) => void;
};

/** How a process's streams and end reach its keeper. */
export type Line = {
  /** Output as FIFO, or the terminal's; null when there is none to be had any more (a terminal whose keeper died). */
  reader: Pick<ByteReader, "pause" | "resume" | "close"> | null;
  input: ChildInput | null;
  terminal: TerminalChild | null;
};

type SeenExit = { readonly exit: ChildExit | null; readonly evidence: ExitFile["evidence"]; readonly at: string };

/** One process this keeper holds: its state file, its output, its end. */
export class Held {
  readonly spec: SpecFile;
  readonly paths: ProcessPaths;
  readonly spool: Spool;
  readonly #keeping: Keeping;
  #state: StateFile;
  #line: Line = { reader: null, input: null, terminal: null };
  #handle: ProcessHandle | null = null;
  #streamEnded = false;
  #exit: SeenExit | null = null;
  #failure: ExitFile["failure"] = null;
  #ladder: Ladder | null = null;
  #verdict: Promise<Survivor[]> | null = null;
  #survivors: Survivor[] = [];
  #timers: { quiet: Timer | null; cap: Timer | null; note: Timer | null } = { quiet: null, cap: null, note: null };
  #settling = false;
  #exitFile: ExitFile | null = null;
  readonly #settled: Promise<ExitFile>;
  #resolveSettled: (file: ExitFile) => void = () => {};

  constructor(keeping: Keeping, spec: SpecFile, state: StateFile | null) {
    this.#keeping = keeping;
    this.spec = spec;
    this.paths = processPaths(keeping.home, spec.id);
    this.#state = state ?? freshState(keeping, spec);
    this.#settled = new Promise((resolve) => {
      this.#resolveSettled = resolve;
    });
    this.spool = new Spool(
      {
        system: keeping.system,
        folder: this.paths.output,
        outputBytesMax: spec.limits.output_bytes_max ?? defaultOutputBytesMax,
        dropOld: (spec.limits.on_output_limit ?? "dropMiddle") === "dropMiddle",
      },
      this.#state.losses,
    );
  }

  get id(): string {
    return this.spec.id;
  }
  get state(): StateFile {
    return this.#state;
  }
  get exitFile(): ExitFile | null {
    return this.#exitFile;
  }
  get ended(): boolean {
    return this.#exitFile !== null;
  }
  /** Over, but others still write into its stream. */
  get lingers(): boolean {
    return this.ended && this.#line.reader !== null;
  }
  /** Resolves with exit.json once it is on disk. */
  get settled(): Promise<ExitFile> {
    return this.#settled;
  }

  view(): KeeperProcess {
    return { state: this.#state, exit: this.#exitFile, output_end: this.spool.end };
  }

  // ---- life

  /** The child runs. */
  spawned(child: { identity: Identity; pid: number }, line: Line): void {
    this.#line = line;
    this.#move("spawned", {
      identity: child.identity,
      group: child.pid,
      session: child.pid,
      started_at: this.#now(),
      stdin: line.terminal !== null || line.input !== null ? "open" : "none",
    });
    if (this.#streamEnded) this.#closeReader();
  }

  /** It never ran: the same ending as any other, with the reason. */
  spawnFailed(failure: { error: string; message: string }): void {
    this.#failure = failure;
    this.#streamEnded = true;
    this.#exit = { exit: null, evidence: "none", at: this.#now() };
    this.#settle();
  }

  /** As {@link spawnFailed}, when it may have been spawned all the same: what carries its mark is ended first. */
  abort(failure: { error: string; message: string }): void {
    this.#tree().send("SIGKILL");
    this.#line.reader?.close();
    this.spawnFailed(failure);
  }

  /** Another keeper's process is ours now. `handle` is null when it is already gone. */
  adopted(handle: ProcessHandle | null, identity: Identity, line: Line): void {
    this.#line = line;
    this.#streamEnded = line.reader === null;
    this.#handle = handle;
    this.#move("adopted", {
      identity,
      group: identity.pid,
      session: identity.pid,
      keeper: this.#keeping.identity,
      adoptions: this.#state.adoptions + 1,
      stdin: this.#state.stdin === "none" ? "none" : "closed",
      paused: false,
    });
    handle?.onExit((exit) => this.exited(exit, exit === null ? "none" : "pidfd"));
  }

  /** Keeps reading what others still write into the stream of a process that is over. */
  linger(exitFile: ExitFile, line: Line): void {
    this.#line = line;
    this.#exitFile = exitFile;
    this.#resolveSettled(exitFile);
  }

  /** The child has ended (told once). */
  exited(exit: ChildExit | null, evidence: ExitFile["evidence"]): void {
    if (this.#exit !== null) return;
    this.#exit = { exit, evidence, at: this.#now() };
    this.#line.input?.close();
    if (this.#streamEnded) {
      this.#settle();
      return;
    }
    // A child that waits for room in a full pipe is gone now; what it left there is part of its run.
    this.#line.reader?.resume();
    const { clock } = this.#keeping.system;
    this.#timers.quiet = clock.after(quietMs, () => this.#settle());
    this.#timers.cap = clock.after(drainMsMax, () => this.#settle());
    this.#timers.note = clock.after(noteExitAfterMs, () => this.#noteExit());
  }

  // ---- output

  /** Bytes from the stream. */
  output(chunk: Uint8Array): void {
    if (this.spool.append(chunk)) this.#lossBegan();
    this.#keeping.doorbell.output(this.spec.id, this.spool.end);
    if (this.#exit !== null && !this.#settling) {
      this.#timers.quiet?.cancel();
      this.#timers.quiet = this.#keeping.system.clock.after(quietMs, () => this.#settle());
    }
    const policy = this.spec.limits.on_output_limit;
    if (policy !== undefined && policy !== "dropMiddle" && this.spool.full) this.#atLimit(policy);
  }

  /** The stream has ended: the last writer has closed it. That alone does not end the process. */
  streamEnded(error: Error | null): void {
    if (error !== null) this.#keeping.log(`${this.id}: its output stream broke: ${error.message}`);
    this.#streamEnded = true;
    this.#closeReader();
    if (this.#exit !== null) this.#settle();
    if (this.ended) this.#release();
  }

  #atLimit(policy: "pause" | "kill"): void {
    if (policy === "kill") {
      if (this.#state.intent === null) void this.kill({ source: "limit:output", reason: "its output reached the limit" });
      return;
    }
    // After the end nobody can be kept waiting, and the rest is bounded by the pipe.
    if (this.#exit !== null || this.#state.paused) return;
    this.#line.reader?.pause();
    this.#write({ paused: true });
  }

  // ---- commands

  /** Writes to standard input or the terminal. Returns where output stood when the input was taken. */
  write(bytes: Uint8Array, eof: boolean): { bytes_written: number; offset: number } {
    this.#allow("inputAsked");
    const offset = this.spool.end;
    const { terminal, input } = this.#line;
    if (terminal !== null) {
      const all = eof ? Buffer.concat([bytes, endOfTransmission]) : bytes;
      if (!terminal.write(all)) throw new HermaError("STDIN_FULL", `${this.id} does not read its terminal`);
      return { bytes_written: bytes.length, offset };
    }
    if (input === null || input.closed) throw new HermaError("STDIN_CLOSED", `${this.id} has no open standard input`);
    if (bytes.length > 0 && !input.write(bytes)) throw new HermaError("STDIN_FULL", `${this.id} does not read its standard input`);
    if (eof) {
      input.close();
      this.#write({ stdin: "closed" });
    }
    return { bytes_written: bytes.length, offset };
  }

  resize(size: { rows: number; cols: number }): void {
    this.#allow("resizeAsked");
    if (this.#line.terminal === null) throw new HermaError("NO_TERMINAL", `${this.id} has no terminal`);
    this.#line.terminal.resize(size);
    this.#write({ tty: size });
  }

  /** One signal to the process group, or to the whole tree. No intent: what the process makes of it is its own affair. */
  signal(signal: string, tree: boolean): number[] {
    this.#allow("signalAsked");
    const root = this.#state.identity;
    if (root === null || this.#exit !== null) throw new HermaError("PROCESS_ENDED", `${this.id} has ended`);
    if (this.#keeping.system.processes.compare(root) !== "same") {
      throw new HermaError("IDENTITY_UNPROVEN", `pid ${root.pid} cannot be proven to be ${this.id}`);
    }
    if (tree) return this.#tree().send(signal);
    const rows = this.#keeping.system.processes.list();
    const group = rows.filter((row) => row.group === this.#state.group && !row.zombie);
    const members = group.map((row) => ({ identity: { ...root, pid: row.pid, start_time: row.startTime }, name: row.name }));
    return this.#tree().send(signal, members);
  }

  /**
   * The ladder over the whole tree. The intent is on disk before the first signal; the first one wins, later callers join it (a shorter
   * grace shortens it). After the end it still ends what carries the process's mark.
   */
  async kill(wish: { source: string; reason?: string | undefined; grace_ms?: number | undefined }): Promise<KeeperKillResult> {
    const graceMs = wish.grace_ms ?? this.spec.grace_ms;
    const before = this.#exitFile;
    if (before === null && this.#state.intent === null && this.#exit === null) {
      const intent: Intent = { source: wish.source, at: this.#now(), grace_ms: graceMs };
      if (wish.reason !== undefined) intent.reason = wish.reason;
      this.#move("killAsked", { intent });
    }
    this.#ladder?.hasten(graceMs);
    const tree = this.#tree();
    if (this.#verdict === null && before !== null && tree.scan().length === 0) {
      return { verdict: "already_exited", survivors: [], exit: before };
    }
    this.#verdict ??= this.#climb(tree, graceMs);
    const survivors = await this.#verdict;
    if (survivors.length > 0) return { verdict: "survivors", survivors, exit: this.#exitFile };
    return { verdict: "killed", survivors: [], exit: await this.settled };
  }

  async #climb(tree: Tree, graceMs: number): Promise<Survivor[]> {
    this.#ladder = new Ladder(this.#keeping.system, tree, graceMs);
    try {
      this.#survivors = await this.#ladder.run();
      return this.#survivors;
    } finally {
      this.#ladder = null;
      this.#verdict = null;
    }
  }

  #tree(): Tree {
    return new Tree(this.#keeping.system, this.spec.id, this.#state.identity);
  }

  // ---- the end

  /** Decides the ending once and writes exit.json. With a kill under way, its verdict comes first: the end of a killed process is the end of its tree. */
  #settle(): void {
    if (this.#settling || this.#exit === null) return;
    this.#settling = true;
    for (const timer of Object.values(this.#timers)) timer?.cancel();
    const outputEnd = this.spool.end;
    (this.#verdict ?? Promise.resolve([]))
      .then(() => this.#writeExit(outputEnd))
      .catch((error: unknown) => this.#keeping.log(`${this.id}: its end could not be written: ${String(error)}`));
  }

  async #writeExit(outputEnd: number): Promise<void> {
    const file = this.#ending(outputEnd);
    await this.#store(file);
    this.#exitFile = file;
    this.#move(this.#failure === null ? "settled" : "spawnFailed", { exited: null, stdin: this.#state.stdin === "none" ? "none" : "closed" });
    this.#keeping.doorbell.tell({ type: "exit", id: this.spec.id });
    this.#resolveSettled(file);
    this.#handle?.close();
    if (this.#line.terminal !== null) this.#line.terminal.close();
    if (this.#streamEnded) this.#release();
  }

  #ending(outputEnd: number): ExitFile {
    const end = this.#exit as SeenExit;
    const { intent } = this.#state;
    const limit = intent?.source.startsWith("limit:") === true ? intent.source.slice("limit:".length) : null;
    const ending = endingOf({ intent, failure: this.#failure, exit: end.exit, limit, oom: false, evidence: end.evidence, foundDead: null });
    return {
      format: 1,
      id: this.spec.id,
      code: ending.code,
      signal: ending.signal,
      cause: ending.cause,
      termination_source: ending.terminationSource,
      intent,
      started_at: this.#state.started_at,
      ended_at: end.at,
      output_end: outputEnd,
      usage: end.exit?.usage ?? null,
      survivors: [...this.#survivors],
      evidence: end.evidence,
      failure: this.#failure,
      losses: [...this.spool.losses],
    };
  }

  async #store(file: ExitFile): Promise<void> {
    const { files } = this.#keeping.system;
    const text = fitted(file);
    if (files.stat(this.paths.exitReserved) === null) await files.replaceDurably(this.paths.exit, text);
    else await files.fulfil(this.paths.exitReserved, this.paths.exit, text);
  }

  #noteExit(): void {
    if (this.#exit === null || this.#settling) return;
    const { exit, at } = this.#exit;
    this.#write({ exited: { code: exit?.code ?? null, signal: exit?.signal ?? null, at, usage: exit?.usage ?? null } });
  }

  #closeReader(): void {
    this.#line.reader?.close();
    this.#line.reader = null;
    try {
      this.#keeping.system.files.remove(this.paths.pipe);
    } catch {
      // why: a FIFO left behind holds no bytes; the next keeper finds nobody on it and removes it.
    }
  }

  #release(): void {
    this.spool.close();
    this.#keeping.released(this);
  }

  /** Lets go without ending anything: the next keeper takes over. */
  abandon(): void {
    for (const timer of Object.values(this.#timers)) timer?.cancel();
    this.#line.reader?.close();
    this.#handle?.close();
    this.spool.close();
  }

  // ---- the state file

  #lossBegan(): void {
    this.#write({ losses: [...this.spool.losses] });
  }

  #allow(event: "inputAsked" | "resizeAsked" | "signalAsked"): void {
    const cell = step(processTable, this.#state.phase, event);
    if (cell.kind === "refuse") throw new HermaError(cell.code, `${this.id} is ${this.#state.phase}`);
  }

  #move(event: ProcessEvent, change: Partial<StateFile>): void {
    const cell = step(processTable, this.#state.phase, event);
    if (cell.kind === "refuse") throw new HermaError(cell.code, `${this.id} is ${this.#state.phase}`);
    this.#write(cell.kind === "move" ? { ...change, phase: cell.to } : change);
    this.#keeping.doorbell.tell({ type: "state", id: this.spec.id, phase: this.#state.phase, seq: this.#state.seq });
  }

  /** State is rewritten whole but not synced: after a power loss every process is gone anyway, and the boot id says so. */
  #write(change: Partial<StateFile>): void {
    this.#state = { ...this.#state, ...change, seq: this.#state.seq + 1, updated_at: this.#now() };
    try {
      this.#keeping.system.files.replace(this.paths.state, JSON.stringify(this.#state), { durable: false });
    } catch (error) {
      // The process goes on; memory has the truth, and exit.json has its space reserved.
      this.#keeping.log(`${this.id}: state.json could not be written: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  #now(): string {
    return timestampOf(this.#keeping.system.clock.wallMs());
  }
}

const defaultOutputBytesMax = 67_108_864;
const endOfTransmission = Buffer.from([4]);

function freshState(keeping: Keeping, spec: SpecFile): StateFile {
  return {
    format: 1,
    id: spec.id,
    phase: "starting",
    seq: 1,
    updated_at: timestampOf(keeping.system.clock.wallMs()),
    keeper: keeping.identity,
    identity: null,
    group: null,
    session: null,
    scope: null,
    restart_survival: keeping.restartSurvival,
    started_at: null,
    intent: null,
    adoptions: 0,
    stdin: "none",
    tty: spec.tty,
    paused: false,
    exited: null,
    losses: [],
  };
}

/** The file's text within its reserved space: lists are cut from their ends, since a full disk must not eat the rest. */
function fitted(file: ExitFile): string {
  let text = JSON.stringify(file);
  for (const key of ["losses", "survivors"] as const) {
    while (Buffer.byteLength(text) > exitReservedBytes && file[key].length > 0) {
      file[key].pop();
      text = JSON.stringify(file);
    }
  }
  return text;
}
