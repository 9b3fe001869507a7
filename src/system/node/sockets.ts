import fs from "node:fs";
import nodeProcess from "node:process";
import type { Sockets } from "../types.ts";

const listening = "0A";
const readBytes = 65_536;

/** TCP as this machine's kernel and Node see it. What network needs is loaded when it is first asked for. `root` is for tests. */
export function nodeSockets(root = "/proc"): Sockets {
  return {
    listeners: (port) => (nodeProcess.platform === "linux" ? listeners(root, port) : null),
    holds: (pid, sockets) => holds(root, pid, sockets),
    connects,
    httpStatus,
    askLocal,
  };
}

function listeners(root: string, port: number): number[] | null {
  const four = listenersIn(`${root}/net/tcp`, port);
  // Without IPv6 there is no such file.
  const six = listenersIn(`${root}/net/tcp6`, port) ?? [];
  return four === null ? null : [...four, ...six];
}

/** Listening sockets stand first in the kernel's list, so what comes behind them need not be made. */
function listenersIn(path: string, port: number): number[] | null {
  let fd: number;
  try {
    fd = fs.openSync(path, "r");
  } catch {
    return null;
  }
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const found: number[] = [];
  const buffer = Buffer.alloc(readBytes);
  try {
    let rest = "";
    for (;;) {
      const size = fs.readSync(fd, buffer, 0, readBytes, null);
      const lines = (rest + buffer.toString("latin1", 0, size)).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const fields = line.trim().split(/\s+/);
        const state = fields[3];
        if (state === undefined || !/^[0-9A-F]{2}$/.test(state)) continue;
        if (state !== listening) return found;
        const inode = Number(fields[9]);
        if (fields[1]?.endsWith(wanted) && inode > 0) found.push(inode);
      }
      if (size === 0) return found;
    }
  } catch {
    return null;
  } finally {
    fs.closeSync(fd);
  }
}

function holds(root: string, pid: number, sockets: ReadonlySet<number>): boolean | null {
  let names: string[];
  try {
    names = fs.readdirSync(`${root}/${pid}/fd`);
  } catch {
    return null;
  }
  for (const name of names) {
    try {
      const match = /^socket:\[(\d+)\]$/.exec(fs.readlinkSync(`${root}/${pid}/fd/${name}`));
      if (match !== null && sockets.has(Number(match[1]))) return true;
    } catch {
      // Closed meanwhile.
    }
  }
  return false;
}

async function connects(host: string, port: number, timeoutMs: number): Promise<boolean> {
  const net = await import("node:net");
  return await new Promise<boolean>((resolve) => {
    const socket = net.connect({ host, port, timeout: timeoutMs });
    const end = (connected: boolean): void => {
      socket.destroy();
      resolve(connected);
    };
    socket.once("connect", () => end(true));
    socket.once("timeout", () => end(false));
    socket.on("error", () => end(false));
  });
}

async function httpStatus(url: string, timeoutMs: number): Promise<number | null> {
  const { request } = await (url.startsWith("https:") ? import("node:https") : import("node:http"));
  return await new Promise<number | null>((resolve) => {
    // Development servers sign their own certificates; nothing is sent, and nothing but the status is believed.
    const asked = request(url, { agent: false, rejectUnauthorized: false, headers: { "user-agent": "herma-wait", connection: "close" } });
    const timer = setTimeout(() => end(null), timeoutMs);
    const end = (status: number | null): void => {
      clearTimeout(timer);
      asked.destroy();
      resolve(status);
    };
    asked.once("response", (response) => end(response.statusCode ?? null));
    asked.on("error", () => end(null));
    asked.end();
  });
}

const answerBytesMax = 1_048_576;

async function askLocal(
  ...[socketPath, { method, path, body }, timeoutMs]: Parameters<Sockets["askLocal"]>
): ReturnType<Sockets["askLocal"]> {
  const { request } = await import("node:http");
  return await new Promise((resolve) => {
    const text = body === undefined ? "" : JSON.stringify(body);
    const headers = {
      host: "localhost",
      "content-type": "application/json",
      "content-length": Buffer.byteLength(text),
      connection: "close",
    };
    const asked = request({ socketPath, method, path, agent: false, headers });
    const timer = setTimeout(() => end(null), timeoutMs);
    const end = (answer: { status: number; body: unknown } | null): void => {
      clearTimeout(timer);
      asked.destroy();
      resolve(answer);
    };
    asked.once("response", (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on("data", (chunk: Buffer) => {
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes > answerBytesMax) end(null);
      });
      response.on("error", () => end(null));
      response.once("end", () => {
        try {
          end({ status: response.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString("utf8")) });
        } catch {
          end(null);
        }
      });
    });
    asked.on("error", () => end(null));
    asked.end(text);
  });
}
