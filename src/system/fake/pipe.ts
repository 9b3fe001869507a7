import type { ByteHandler, ByteReader } from "../types.ts";
import type { FakeTime, Owner } from "./time.ts";

const readBytesMax = 65_536;

type Reader = { readonly owner: Owner; readonly handler: ByteHandler; paused: boolean; over: boolean };

/** A pipe of the fake machine: FIFOs, standard inputs and the output of terminals. */
export class FakePipe {
  readonly #time: FakeTime;
  readonly #bytesMax: number;
  readonly #readers: Reader[] = [];
  #bytes = Buffer.alloc(0);
  /** How many have it open for writing. */
  #holders = 0;
  #everHeld = false;
  #waiting: (() => void)[] = [];

  readonly #keepsUnread: boolean;

  /** `keepsUnread`: somebody has it open for reading from the start, so that bytes wait for the first to read. */
  constructor(time: FakeTime, options: { bytesMax?: number; keepsUnread?: boolean } = {}) {
    this.#time = time;
    this.#bytesMax = options.bytesMax ?? 65_536;
    this.#keepsUnread = options.keepsUnread ?? false;
  }

  hold(): void {
    this.#holders += 1;
    this.#everHeld = true;
  }

  letGo(): void {
    this.#holders -= 1;
    this.#dropUnread();
    this.#pump();
  }

  /** From now on "nobody has it open" is its end. */
  holdForAnInstant(): void {
    this.hold();
    this.letGo();
  }

  get pending(): number {
    return this.#bytes.length;
  }

  /** Takes what fits and returns how much that was. */
  write(bytes: Uint8Array): number {
    const taken = Math.min(bytes.length, this.#bytesMax - this.#bytes.length);
    if (taken > 0) this.#bytes = Buffer.concat([this.#bytes, bytes.subarray(0, taken)]);
    this.#pump();
    return taken;
  }

  /** Calls back once when there is room again. */
  whenRoom(fn: () => void): void {
    this.#waiting.push(fn);
  }

  read(owner: Owner, handler: ByteHandler): ByteReader {
    const reader: Reader = { owner, handler, paused: false, over: false };
    this.#readers.push(reader);
    this.#pump();
    return {
      pause: () => {
        reader.paused = true;
      },
      resume: () => {
        reader.paused = false;
        this.#pump();
      },
      pending: () => (reader.over ? 0 : this.#bytes.length),
      close: () => this.#drop(reader),
    };
  }

  /** The readers of a dead program are gone. */
  dropDead(): void {
    for (const reader of this.#readers.filter(({ owner }) => owner.dead)) this.#drop(reader);
  }

  #drop(reader: Reader): void {
    reader.over = true;
    const at = this.#readers.indexOf(reader);
    if (at >= 0) this.#readers.splice(at, 1);
    this.#dropUnread();
  }

  /** What is in a pipe that nobody has open is gone. */
  #dropUnread(): void {
    if (this.#holders === 0 && this.#readers.length === 0 && !this.#keepsUnread) this.#bytes = Buffer.alloc(0);
  }

  #pump(): void {
    const reader = this.#readers.find((each) => !each.paused && !each.owner.dead);
    if (reader !== undefined) this.#time.after(0, reader.owner, () => this.#deliver(reader));
  }

  #deliver(reader: Reader): void {
    if (reader.over || reader.paused) return;
    if (this.#bytes.length > 0) {
      const chunk = this.#bytes.subarray(0, readBytesMax);
      this.#bytes = this.#bytes.subarray(chunk.length);
      const waiting = this.#waiting;
      this.#waiting = [];
      reader.handler.bytes(chunk);
      // The buffer is reused on a real system: whoever kept it sees that here.
      chunk.fill(0);
      for (const wake of waiting) wake();
      this.#pump();
    } else if (this.#holders === 0 && this.#everHeld) {
      this.#drop(reader);
      reader.handler.end(null);
      this.#pump();
    }
  }
}
