import { HermaError, type Limits, type Loss, type ProcessPaths, type SpecFile, type TerminalSize } from "../contract/index.ts";
import type { ByteHandler, ByteReader, ChildInput, System, TerminalChild } from "../system/index.ts";
import { type Heard, Spool } from "./spool.ts";

/** Once the process is over, what still waits in the pipe is read though the limit is reached; a pipe holds no more than this. */
const drainBytesMax = 1_048_576;
const outputBytesMaxDefault = 67_108_864;
const endOfTransmission = Buffer.from([4]);
/** What was written to a terminal has reached whoever reads it after this long: the kernel hands it over in its own time. */
const handOverMs = 50;

/** How a process's streams reach its keeper. */
export type Line = {
  /** Its output: a FIFO or a terminal. Null when there is none to be had any more (a terminal whose keeper died). */
  readonly reader: Pick<ByteReader, "pause" | "resume" | "close"> | null;
  readonly input: ChildInput | null;
  readonly terminal: TerminalChild | null;
};

/** Nothing goes in or out. */
export const noLine: Line = { reader: null, input: null, terminal: null };

export type StreamsOptions = {
  readonly system: Pick<System, "files" | "clock">;
  readonly spec: SpecFile;
  readonly limits: Limits;
  readonly paths: ProcessPaths;
  readonly losses: readonly Loss[];
  /** Bytes were produced. */
  readonly heard: (what: Heard) => void;
  /** The limit of its output is reached and the policy is to end it. Told once. */
  readonly limitKills: () => void;
  readonly paused: (paused: boolean) => void;
  /** The last writer has closed, or reading is at its end for good; the FIFO is still there ({@link Streams.removePipe}). Told once. */
  readonly ended: (error: Error | null) => void;
};

/** What goes in and out of one process: its output into the spool and the policy at its limit, its input, its terminal. */
export class Streams {
  readonly spool: Spool;
  readonly #options: StreamsOptions;
  #policy: "dropMiddle" | "pause" | "kill";
  #line: Line = noLine;
  #ended = false;
  #paused = false;
  #limitTold = false;
  #wroteAtMs = Number.NEGATIVE_INFINITY;
  #pipeLeft = false;
  /** Up to here all is kept whatever the limit; null while the process lives. */
  #drainEnd: number | null = null;

  constructor(options: StreamsOptions) {
    const { limits, paths, system, losses } = options;
    this.#options = options;
    this.#policy = limits.on_output_limit ?? "dropMiddle";
    const outputBytesMax = limits.output_bytes_max ?? outputBytesMaxDefault;
    this.spool = new Spool({ system, folder: paths.output, outputBytesMax, dropOld: this.#policy === "dropMiddle" }, losses);
  }

  /** For whoever opens the output; it calls on a later turn only. */
  get handler(): ByteHandler {
    return { bytes: (chunk) => this.#heard(chunk), end: (error) => this.#end(error) };
  }

  get line(): Line {
    return this.#line;
  }

  /** No more output comes. */
  get ended(): boolean {
    return this.#ended;
  }

  /** From now on these are its streams. A line without a reader has ended. */
  attach(line: Line): void {
    this.#line = line;
    if (line.reader === null) this.#ended = true;
  }

  /** Other limits hold from now on: what waited for room goes on where there is some. */
  limit(limits: Limits): void {
    this.#policy = limits.on_output_limit ?? "dropMiddle";
    this.spool.limit(limits.output_bytes_max ?? outputBytesMaxDefault, this.#policy === "dropMiddle" || this.#limitTold);
    if (this.#policy !== "pause" || !this.spool.full) this.#resume();
  }

  /** The process is over: what a full pipe still holds is part of its run. */
  drain(): void {
    this.#line.input?.close();
    this.#drainEnd = this.spool.end + drainBytesMax;
    this.#resume();
  }

  /** The drain is over: what still comes is no part of the run. */
  drained(): void {
    this.#drainEnd = 0;
    // A terminal ends with its process, for whoever else has it open.
    if (this.#line.terminal !== null) this.closeOutput();
  }

  /** Closes the output for good, and takes its FIFO away. */
  closeOutput(): void {
    this.#closeReader();
    this.removePipe();
  }

  #closeReader(): void {
    this.#ended = true;
    this.#line.reader?.close();
    this.#line = { ...this.#line, reader: null };
  }

  /** The process is let go of for good. */
  release(): void {
    this.spool.close();
    if (this.#pipeLeft) this.removePipe();
  }

  /** Takes its FIFO away, once its end is on record: one that is missing without that was removed by somebody else. */
  removePipe(): void {
    try {
      this.#options.system.files.remove(this.#options.paths.pipe);
      this.#pipeLeft = false;
    } catch {
      // why: a FIFO left behind holds no bytes; the next keeper finds nobody on it and removes it.
      this.#pipeLeft = true;
    }
  }

  /** Lets go without ending anything: the FIFO stays for the next keeper. A terminal ends with its keeper. */
  letGo(): void {
    this.#line.reader?.close();
    this.#line.input?.close();
    this.spool.close();
  }

  /** Input of a moment ago, which its reader may not have woken up to yet. */
  get justWritten(): boolean {
    return this.#options.system.clock.monotonicMs() - this.#wroteAtMs < handOverMs;
  }

  /** Takes all bytes or none. Throws STDIN_CLOSED, STDIN_FULL. */
  write(bytes: Uint8Array, eof: boolean): void {
    this.#wroteAtMs = this.#options.system.clock.monotonicMs();
    const { id } = this.#options.spec;
    const { terminal, input } = this.#line;
    if (terminal !== null) {
      if (!terminal.write(eof ? Buffer.concat([bytes, endOfTransmission]) : bytes)) {
        throw new HermaError("STDIN_FULL", `${id} does not read its terminal`);
      }
      return;
    }
    if (input === null || input.closed) throw new HermaError("STDIN_CLOSED", `${id} has no open standard input`);
    if (bytes.length > 0 && !input.write(bytes)) throw new HermaError("STDIN_FULL", `${id} does not read its standard input`);
    if (eof) input.close();
  }

  /** Throws NO_TERMINAL. */
  resize(size: TerminalSize): void {
    const { terminal } = this.#line;
    if (terminal === null) throw new HermaError("NO_TERMINAL", `${this.#options.spec.id} has no terminal`);
    terminal.resize(size);
  }

  #heard(chunk: Uint8Array): void {
    this.#options.heard(this.spool.append(chunk));
    if (this.#policy !== "dropMiddle" && this.spool.full) this.#atLimit();
  }

  #atLimit(): void {
    if (this.#policy === "kill") {
      // Its ladder takes its time, and children may go on printing behind it: the head and the newest are kept from here on.
      this.spool.dropOld();
      if (!this.#limitTold) this.#options.limitKills();
      this.#limitTold = true;
      return;
    }
    if (this.#drainEnd !== null) {
      // Its process is over, and a stream that nobody reads would never be seen to end: from here on the newest is kept.
      if (this.spool.end >= this.#drainEnd) this.spool.dropOld();
      return;
    }
    if (this.#paused) return;
    this.#paused = true;
    this.#line.reader?.pause();
    this.#options.paused(true);
  }

  #resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#line.reader?.resume();
    this.#options.paused(false);
  }

  #end(error: Error | null): void {
    if (this.#ended) return;
    this.#closeReader();
    this.#options.ended(error);
  }
}
