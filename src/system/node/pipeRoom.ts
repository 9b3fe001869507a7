import nodeProcess from "node:process";
import type { ByteHandler } from "../types.ts";
import { native } from "./native.ts";

const fSetPipeSize = 1031;
/** What the kernel gives a pipe by itself. A read that finds so much has found it full: its writer waited. */
const roomBytes = 65_536;
const busyRoomBytes = 1_048_576;
/** So much in full reads with no quiet between them is a stream that is worth a larger pipe. */
const busyBytesMin = 1_048_576;
/**
 * Linux gives all pipes of a user together 64 MiB, and two pages each beyond that: a few take an eighth of it at most, and for a while.
 */
const busyMax = 8;
/** A stream without a full read for so long gives its room back. */
const quietMs = 1000;
/** What a program that prints much writes at once at least. Less is a line here and there, which nobody is to wait for. */
const pageBytes = 4096;
/**
 * A busy pipe that was found with little in it is given this long to gather more (the kernel's timers add as much): its larger room holds
 * several milliseconds' worth, and each turn of the event loop costs more than the bytes it finds. A timer of Node's own is ten times too slow.
 */
const gatherMs = 0.05;
const never = new Int32Array(new SharedArrayBuffer(4));

/** Where pipes can be made larger at all, and how: the kernel call, or a stand-in of a test. False: it was refused. */
export type Resize = (fd: number, bytes: number) => boolean;

/**
 * Gives the busiest pipes more room while they are busy, so that writer and reader change turns sixteen times less often, and a moment to fill
 * it. All readers of a program share one.
 */
export class PipeRooms {
  /** Holds the program up for so many milliseconds. */
  readonly #wait: (ms: number) => void;
  readonly #resize: Resize;
  readonly #busy = new Set<PipeRoom>();
  /** Those that had little since the last rest, the one that rested included; null before the first. */
  #heardSinceRest: Set<PipeRoom> | null = null;

  constructor(resize: Resize, wait: (ms: number) => void = (ms) => void Atomics.wait(never, 0, 0, ms)) {
    this.#resize = resize;
    this.#wait = wait;
  }

  /** Watches what is read from a pipe; `handler` hears everything as before. */
  of(fd: number, handler: ByteHandler): PipeRoom {
    return new PipeRoom(this, fd, handler);
  }

  /** Pipes that have more room right now. */
  get busy(): number {
    return this.#busy.size;
  }

  /**
   * A busy pipe was found with little in it. While the program rests for one, all others gather as well: so it rests once in a turn of the loop
   * at most, however many are busy, and ends and orders wait no longer than that. A pipe is read once in a turn: when one comes back, the next
   * has begun.
   */
  rest(room: PipeRoom): void {
    if (this.#heardSinceRest !== null && !this.#heardSinceRest.has(room)) {
      this.#heardSinceRest.add(room);
      return;
    }
    this.#heardSinceRest = new Set([room]);
    this.#wait(gatherMs);
  }

  grow(room: PipeRoom): boolean {
    if (this.#busy.size >= busyMax || !this.#resize(room.fd, busyRoomBytes)) return false;
    this.#busy.add(room);
    return true;
  }

  /** False when it holds too much for the usual room right now. */
  shrink(room: PipeRoom): boolean {
    if (!this.#resize(room.fd, roomBytes)) return false;
    this.forget(room);
    return true;
  }

  forget(room: PipeRoom): void {
    this.#busy.delete(room);
    this.#heardSinceRest?.delete(room);
    if (this.#busy.size === 0) this.#heardSinceRest = null;
  }
}

/** One pipe's room. */
export class PipeRoom implements ByteHandler {
  readonly fd: number;
  readonly #rooms: PipeRooms;
  readonly #handler: ByteHandler;
  #fullBytes = 0;
  #lastFullMs = 0;
  #grown = false;
  #timer: NodeJS.Timeout | null = null;

  constructor(rooms: PipeRooms, fd: number, handler: ByteHandler) {
    this.#rooms = rooms;
    this.fd = fd;
    this.#handler = handler;
  }

  bytes(chunk: Uint8Array): void {
    if (chunk.length >= roomBytes) this.#full(chunk.length);
    this.#handler.bytes(chunk);
    if (this.#grown && chunk.length >= pageBytes && chunk.length < roomBytes) this.#rooms.rest(this);
  }

  end(error: Error | null): void {
    this.close();
    this.#handler.end(error);
  }

  /** Before the descriptor is closed: the kernel takes the room back with the pipe. */
  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#rooms.forget(this);
  }

  #full(bytes: number): void {
    const nowMs = performance.now();
    if (nowMs - this.#lastFullMs > quietMs) this.#fullBytes = 0;
    this.#lastFullMs = nowMs;
    this.#fullBytes += bytes;
    if (this.#grown || this.#fullBytes < busyBytesMin) return;
    this.#fullBytes = 0;
    this.#grown = this.#rooms.grow(this);
    if (this.#grown) this.#lookLater();
  }

  /** One timer for each busy pipe, and none for a quiet one. */
  #lookLater(): void {
    this.#timer = setTimeout(() => {
      this.#timer = null;
      const isQuiet = performance.now() - this.#lastFullMs >= quietMs;
      if (isQuiet && this.#rooms.shrink(this)) this.#grown = false;
      else this.#lookLater();
    }, quietMs).unref();
  }
}

/** The rooms of this program's pipes. Nothing is resized where the system cannot do it. */
export const pipeRooms = new PipeRooms((fd, bytes) => nodeProcess.platform === "linux" && native().fcntl(fd, fSetPipeSize, bytes) >= 0);
