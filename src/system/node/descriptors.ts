import fs from "node:fs";
import nodeProcess from "node:process";
import { HermaError } from "../../contract/index.ts";
import type { Descriptors } from "../types.ts";
import { errnoName, native, oCloexec } from "./native.ts";
import { privately } from "./privately.ts";
import { isAbsent } from "./systemError.ts";

/**
 * Descriptors travel as SCM_RIGHTS of one datagram: a single system call on either side, which never waits, so no event loop has to know of the
 * sockets. The structures are those of 64-bit Linux; elsewhere nothing is passed.
 */
const af = { unix: 1 } as const;
const sockDatagram = 2;
const solSocket = 1;
const scmRights = 1;
const messageDontWait = 0x40;
const messageCloexec = 0x40000000;
/**
 * One block of memory holds the message and all it points to, so that nothing of it moves or goes while the kernel looks at it: struct msghdr
 * (name 0, its length 8, vector 16, its count 24, control 32, its length 40, flags 48), struct iovec, the one byte, struct cmsghdr with the
 * descriptor (length 0, level 8, type 12, descriptor 16), struct sockaddr_un.
 */
const block = { vector: 56, byte: 72, control: 80, address: 104, size: 256 } as const;
/** CMSG_SPACE and CMSG_LEN of one descriptor. */
const controlSpace = 24;
const controlBytes = 20;
/** sun_path with its zero. */
const pathBytesMax = 108;

export function nodeDescriptors(): Descriptors {
  const can = nodeProcess.platform === "linux" && ["x64", "arm64"].includes(nodeProcess.arch);
  return { expect: (path) => (can ? expect(path) : null), pass: (path, fd) => can && pass(path, fd), close: (fd) => fs.closeSync(fd) };
}

function expect(path: string): ReturnType<Descriptors["expect"]> {
  const socket = native().socket(af.unix, sockDatagram | oCloexec, 0);
  if (socket < 0) throw new HermaError("IO", `no socket can be made: ${errnoName(native().errno())}`);
  const address = addressOf(path);
  if (address === null || privately(() => native().bind(socket, address, address.length)) !== 0) {
    const why = address === null ? "the path is too long" : errnoName(native().errno());
    fs.closeSync(socket);
    throw new HermaError("IO", `no socket can stand at ${path}: ${why}`);
  }
  fs.chmodSync(path, 0o600);
  let open = true;
  return {
    take: () => (open ? receive(socket) : null),
    close: () => {
      if (!open) return;
      open = false;
      fs.closeSync(socket);
      removed(path);
    },
  };
}

function removed(path: string): void {
  try {
    fs.unlinkSync(path);
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
}

function pass(path: string, fd: number): boolean {
  const address = addressOf(path);
  if (address === null) return false;
  const socket = native().socket(af.unix, sockDatagram | oCloexec, 0);
  if (socket < 0) return false;
  try {
    const message = messageBlock();
    address.copy(message, block.address);
    message.writeBigUInt64LE(native().addressOf(message) + BigInt(block.address), 0);
    message.writeUInt32LE(address.length, 8);
    message.writeBigUInt64LE(BigInt(controlBytes), block.control);
    message.writeInt32LE(solSocket, block.control + 8);
    message.writeInt32LE(scmRights, block.control + 12);
    message.writeInt32LE(fd, block.control + 16);
    return native().sendMessage(socket, message, messageDontWait) === 1;
  } finally {
    fs.closeSync(socket);
  }
}

/** The descriptor of the next datagram; null when there is none yet, or one without a descriptor. */
function receive(socket: number): number | null {
  const message = messageBlock();
  if (native().receiveMessage(socket, message, messageDontWait | messageCloexec) < 0) return null;
  const whole = message.readBigUInt64LE(40) >= BigInt(controlBytes) && message.readBigUInt64LE(block.control) >= BigInt(controlBytes);
  const isRights = message.readInt32LE(block.control + 8) === solSocket && message.readInt32LE(block.control + 12) === scmRights;
  return whole && isRights ? message.readInt32LE(block.control + 16) : null;
}

/** A message of one byte with room for one descriptor. */
function messageBlock(): Buffer {
  const message = Buffer.alloc(block.size);
  const start = native().addressOf(message);
  message.writeBigUInt64LE(start + BigInt(block.vector), 16);
  message.writeBigUInt64LE(1n, 24);
  message.writeBigUInt64LE(start + BigInt(block.control), 32);
  message.writeBigUInt64LE(BigInt(controlSpace), 40);
  message.writeBigUInt64LE(start + BigInt(block.byte), block.vector);
  message.writeBigUInt64LE(1n, block.vector + 8);
  return message;
}

/** struct sockaddr_un, or null when the path does not fit. */
function addressOf(path: string): Buffer | null {
  const name = Buffer.from(path);
  if (name.length >= pathBytesMax) return null;
  const address = Buffer.alloc(2 + name.length + 1);
  address.writeUInt16LE(af.unix, 0);
  name.copy(address, 2);
  return address;
}
