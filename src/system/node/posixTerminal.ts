import fs from "node:fs";
import { createRequire } from "node:module";
import type { TerminalSize } from "../../contract/index.ts";
import type { ByteHandler, Child, ChildExit, SpawnFailure, SpawnRequest, TerminalChild, TerminalState } from "../types.ts";
import { childInput } from "./childInput.ts";
import { readerOf } from "./fifo.ts";
import { errnoName, native, oCloexec } from "./native.ts";
import { posixSpawn } from "./posixSpawn.ts";
import { failureOf } from "./program.ts";

const require = createRequire(import.meta.url);
const { O_RDWR, O_NOCTTY = 0 } = fs.constants;
/** Linux: TIOCSWINSZ, TCGETS, TCSETS, and the input flag that makes backspace erase whole UTF-8 characters. */
const setWindowSize = 0x5414;
const getAttributes = 0x5401;
const setAttributes = 0x5402;
const inputIsUtf8 = 0x4000;
/** TIOCGPGRP, the place of the local flags, and two of them: ECHO, ICANON. */
const getForeground = 0x540f;
const localFlags = 12;
const echoFlag = 0x8;
const lineFlag = 0x2;

export type OpenedTerminal = {
  readonly ok: true;
  readonly pid: number;
  readonly startTime: number;
  readonly terminal: Omit<TerminalChild, keyof Child>;
};

/**
 * A terminal made by the C library's own functions and a child made by posix_spawn. So its child is reaped like any other (true exit, usage),
 * the terminal is read until its last holder has gone (not until a timeout after the exit), and starting it does not fork this program.
 */
export function posixTerminal(
  request: SpawnRequest & { size: TerminalSize },
  output: ByteHandler,
  exit: (exit: ChildExit) => void,
): OpenedTerminal | { readonly ok: false; readonly failure: SpawnFailure } {
  const master = native().openTerminal(O_RDWR | O_NOCTTY | oCloexec);
  const path = master < 0 ? null : native().terminalPath(master);
  // Its other side has no name where /dev/pts is another instance than /dev/ptmx (some sandboxes).
  if (path === null || !fs.existsSync(path)) {
    const name = path === null ? errnoName(native().errno()) : "ENXIO";
    if (master >= 0) fs.closeSync(master);
    return failureOf(name, `No terminal can be made: ${name}`);
  }
  prepare(master, request.size);
  const end = { path, flags: O_RDWR };
  const started = posixSpawn(request, [end, end, end], exit);
  if (!started.ok) {
    fs.closeSync(master);
    return started;
  }
  return { ...started, terminal: terminalOver(master, path, output) };
}

function prepare(master: number, size: TerminalSize): void {
  resize(master, size);
  const attributes = Buffer.alloc(128);
  if (native().ioctl(master, getAttributes, attributes) !== 0) return;
  attributes.writeUInt32LE((attributes.readUInt32LE(0) | inputIsUtf8) >>> 0, 0);
  native().ioctl(master, setAttributes, attributes);
}

function resize(master: number, size: TerminalSize): void {
  const request = Buffer.alloc(8);
  request.writeUInt16LE(size.rows, 0);
  request.writeUInt16LE(size.cols, 2);
  native().ioctl(master, setWindowSize, request);
}

/** Asked of our side, which answers for the other one. */
function stateOf(master: number, path: string): TerminalState | null {
  const attributes = Buffer.alloc(128);
  if (native().ioctl(master, getAttributes, attributes) !== 0) return null;
  const flags = attributes.readUInt32LE(localFlags);
  const group = Buffer.alloc(4);
  const known = native().ioctl(master, getForeground, group) === 0 && group.readInt32LE(0) > 0;
  return {
    echo: (flags & echoFlag) !== 0,
    lineMode: (flags & lineFlag) !== 0,
    foregroundGroup: known ? group.readInt32LE(0) : null,
    path,
  };
}

function terminalOver(master: number, path: string, output: ByteHandler): OpenedTerminal["terminal"] {
  const tty = require("node:tty") as typeof import("node:tty");
  let open = true;
  let stream: import("node:net").Socket | null = null;
  const handler: ByteHandler = {
    bytes: (chunk) => output.bytes(chunk),
    end: (error) => {
      open = false;
      output.end(error);
    },
  };
  const reader = readerOf(master, handler, (onread) => {
    stream = new tty.ReadStream(master, { onread });
    return stream;
  });
  const input = childInput(stream!);
  return {
    write: (bytes) => open && input.write(bytes),
    resize: (size) => {
      if (open) resize(master, size);
    },
    state: () => (open ? stateOf(master, path) : null),
    pause: () => reader.pause(),
    resume: () => reader.resume(),
    close: () => {
      open = false;
      reader.close();
    },
  };
}
