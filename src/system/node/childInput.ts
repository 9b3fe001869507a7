import type { Socket } from "node:net";
import type { ChildInput } from "../types.ts";

/** Bytes that may wait for a child that does not read. */
export const inputBytesMax: number = 1024 * 1024;

/** Standard input of a child over a writable socket. A reader that went away closes it; nothing here throws. */
export function childInput(socket: Socket): ChildInput {
  let closed = false;
  socket.on("error", () => {
    closed = true;
  });
  socket.on("close", () => {
    closed = true;
  });
  return {
    write: (bytes) => {
      if (closed || socket.writableLength + bytes.length > inputBytesMax) return false;
      // A copy: what cannot be written at once waits here while the caller goes on with its buffer.
      socket.write(Uint8Array.from(bytes));
      return true;
    },
    close: () => {
      if (closed) return;
      closed = true;
      socket.end(() => socket.destroy());
    },
    get closed() {
      return closed;
    },
  };
}
