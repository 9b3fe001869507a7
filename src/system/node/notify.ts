import fs from "node:fs";
import type { Notify } from "../types.ts";
import { native } from "./native.ts";

const familyUnix = 1;
/** SOCK_DGRAM, closed on exec. */
const datagram = 2 | 0o2000000;
/** MSG_DONTWAIT and MSG_NOSIGNAL. */
const atOnceQuietly = 0x40 | 0x4000;
/** Of `sockaddr_un.sun_path`. */
const pathBytesMax = 108;

/** sd_notify(3) without its library: one datagram, from the thread that asks, so that the manager sees which program says it. */
export const systemdNotify: Notify = {
  send: (socket, text) => {
    const address = addressOf(socket);
    if (address === null) return false;
    try {
      const { socket: open, sendto } = native();
      const fd = open(familyUnix, datagram, 0);
      if (fd < 0) return false;
      try {
        const bytes = Buffer.from(text);
        return sendto(fd, bytes, bytes.length, atOnceQuietly, address, address.length) === bytes.length;
      } finally {
        fs.closeSync(fd);
      }
    } catch {
      // Without the binding nobody is told; the manager's timeouts then say what is missing.
      return false;
    }
  },
};

/** Where no service manager listens. */
export const noNotify: Notify = { send: () => false };

/** A `sockaddr_un`. An abstract name begins with a zero byte and is as long as the address says; null for what is no address. */
function addressOf(socket: string): Buffer | null {
  const path = Buffer.from(socket);
  if (path.length < 2 || path.length >= pathBytesMax || path.includes(0)) return null;
  if (socket.startsWith("@")) path[0] = 0;
  else if (!socket.startsWith("/")) return null;
  const family = Buffer.alloc(2);
  // The machine's own order of bytes, which is this on every one that Node.js runs on but one.
  new Uint16Array(family.buffer, family.byteOffset, 1)[0] = familyUnix;
  return Buffer.concat([family, path, Buffer.alloc(path[0] === 0 ? 0 : 1)]);
}
