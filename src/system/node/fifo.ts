import fs from "node:fs";
import { createRequire } from "node:module";
import type { Socket } from "node:net";
import { basename, dirname, join } from "node:path";
import nodeProcess from "node:process";
import type { ByteHandler, ByteReader, FifoOptions } from "../types.ts";
import { native } from "./native.ts";
import { pipeRooms } from "./pipeRoom.ts";
import { codeOf, fault } from "./systemError.ts";

const require = createRequire(import.meta.url);
const { O_NOFOLLOW = 0, O_NONBLOCK, O_RDONLY, O_RDWR } = fs.constants;
const readBytesMax = 256 * 1024;
const fionread = nodeProcess.platform === "darwin" ? 0x4004667f : 0x541b;

let sharedBuffer: Buffer | null = null;

/** One buffer for all readers of this program: chunks are handled synchronously, so a thousand idle readers cost no thousand buffers. */
function readBuffer(): Buffer {
  sharedBuffer ??= Buffer.allocUnsafeSlow(readBytesMax);
  return sharedBuffer;
}

/** See `Files.openFifo`. Reading begins at once; a FIFO that never had a writer simply stays silent. The reader keeps the program alive. */
export function openFifo(path: string, handler: ByteHandler, options: FifoOptions = {}): ByteReader {
  let fd: number;
  let reached = path;
  try {
    if (options.heldBy === undefined) fd = fs.openSync(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
    else {
      reached = descriptorOf(path, options.heldBy);
      fd = fs.openSync(reached, O_RDONLY | O_NONBLOCK);
    }
  } catch (error) {
    throw fault("open", path, error);
  }
  const net = require("node:net") as typeof import("node:net");
  const room = pipeRooms.of(fd, handler);
  const reader = readerOf(fd, room, (onread) => {
    try {
      return new net.Socket({ fd, readable: true, writable: false, onread });
    } catch (error) {
      fs.closeSync(fd);
      throw fault("read", path, error);
    }
  });
  // The kernel reports an end only after a writer has come and gone since we opened the FIFO. So we are that writer for an instant.
  if (options.endWhenUnheld === true) fs.closeSync(fs.openSync(reached, O_RDWR | O_NONBLOCK));
  return {
    ...reader,
    close: () => {
      room.close();
      reader.close();
    },
  };
}

/** How the kernel names an open file that was removed. A process folder belongs to one process, so a FIFO that had this name is the right one. */
function descriptorOf(path: string, pids: readonly number[]): string {
  const name = `${join(fs.realpathSync(dirname(path)), basename(path))} (deleted)`;
  for (const pid of pids) {
    for (const fd of [1, 2]) {
      const descriptor = `/proc/${pid}/fd/${fd}`;
      if (linkOf(descriptor) === name && fs.statSync(descriptor).isFIFO()) return descriptor;
    }
  }
  throw Object.assign(new Error("nobody has it open"), { code: "ENOENT" });
}

function linkOf(path: string): string | null {
  try {
    return fs.readlinkSync(path);
  } catch {
    return null;
  }
}

/** How a socket hands over what it read; see `onread` of `net.Socket`. */
export type OnRead = { readonly buffer: Buffer; callback(bytes: number, buffer: Uint8Array): boolean };

/**
 * Turns a socket over `fd` into a {@link ByteReader}. `open` makes it with the given `onread`. A terminal's end shows as EIO, which is no error.
 */
export function readerOf(fd: number, handler: ByteHandler, open: (onread: OnRead) => Socket): ByteReader {
  let over = false;
  let paused = false;
  const socket = open({
    buffer: readBuffer(),
    callback: (bytes, buffer) => {
      if (!over) handler.bytes(buffer.subarray(0, bytes));
      return !paused;
    },
  });
  const end = (error: Error | null): void => {
    if (over) return;
    over = true;
    socket.destroy();
    handler.end(error);
  };
  socket.on("end", () => end(null));
  socket.on("error", (error) => end(codeOf(error) === "EIO" ? null : error));
  socket.on("close", () => end(null));
  socket.resume();
  return {
    pause: () => {
      paused = true;
      if (!over) socket.pause();
    },
    resume: () => {
      paused = false;
      if (!over) socket.resume();
    },
    pending: () => (over ? 0 : pendingBytes(fd)),
    close: () => {
      over = true;
      socket.destroy();
    },
  };
}

function pendingBytes(fd: number): number | null {
  const count = Buffer.alloc(4);
  return native().ioctl(fd, fionread, count) === 0 ? count.readInt32LE(0) : null;
}
