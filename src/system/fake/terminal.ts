import type { TerminalSize } from "../../contract/index.ts";
import type { FakeProcess } from "./kernel.ts";
import { FakePipe } from "./pipe.ts";
import type { Sink, TerminalView } from "./script.ts";
import type { FakeTime } from "./time.ts";

const outputBytesMax = 4096;
const interruptKey = 3;
const endOfInputKey = 4;
const newline = 10;

/** A terminal of the fake machine: echo, lines, size, Ctrl-C and Ctrl-D; no other keys. */
export class FakeTerminal {
  readonly output: FakePipe;
  readonly #time: FakeTime;
  readonly #onInput: ((line: Buffer | null) => void)[] = [];
  readonly #onResize: (() => void)[] = [];
  #size: TerminalSize;
  #line: number[] = [];
  #unread: (Buffer | null)[] = [];
  /** Echo is part of the output; it waits for room like any. */
  #unwritten = Buffer.alloc(0);
  leader: FakeProcess | null = null;
  /** Sends a signal to everything in the terminal's session. */
  signalSession: (signal: string) => void = () => {};

  constructor(time: FakeTime, size: TerminalSize) {
    this.#time = time;
    this.#size = size;
    this.output = new FakePipe(time, { bytesMax: outputBytesMax });
  }

  /** As a child writes to it: newlines become carriage return and newline. */
  readonly sink: Sink = {
    hold: () => this.output.hold(),
    letGo: () => this.output.letGo(),
    write: (bytes) => {
      // The translation must not be cut, so room for the worst case is asked for.
      const taken = Math.min(bytes.length, Math.floor((outputBytesMax - this.output.pending) / 2));
      this.output.write(translated(bytes.subarray(0, taken)));
      return taken;
    },
    whenRoom: (fn) => this.output.whenRoom(fn),
  };

  readonly view: TerminalView = {
    size: () => this.#size,
    onResize: (fn) => this.#onResize.push(fn),
    onInput: (fn) => {
      this.#onInput.push(fn);
      for (const line of this.#unread.splice(0)) this.#hand(line);
    },
  };

  resize(size: TerminalSize): void {
    this.#size = size;
    this.signalSession("SIGWINCH");
    for (const fn of this.#onResize) if (this.leader !== null) this.#time.after(0, this.leader, fn);
  }

  /** As a person types. */
  type(bytes: Uint8Array): void {
    for (const byte of bytes) {
      if (byte === interruptKey) {
        this.signalSession("SIGINT");
      } else if (byte === endOfInputKey) {
        this.#hand(this.#line.length > 0 ? Buffer.from(this.#line.splice(0)) : null);
      } else {
        this.#line.push(byte);
        this.#echo(byte);
        if (byte === newline) this.#hand(Buffer.from(this.#line.splice(0)));
      }
    }
  }

  #echo(byte: number): void {
    this.#unwritten = Buffer.concat([this.#unwritten, translated(Uint8Array.of(byte))]);
    this.#unwritten = this.#unwritten.subarray(this.output.write(this.#unwritten));
  }

  #hand(line: Buffer | null): void {
    const fn = this.#onInput[0];
    if (fn === undefined || this.leader === null) this.#unread.push(line);
    else this.#time.after(0, this.leader, () => fn(line));
  }
}

function translated(bytes: Uint8Array): Uint8Array {
  return Buffer.from(Array.from(bytes).flatMap((byte) => (byte === newline ? [13, newline] : [byte])));
}
