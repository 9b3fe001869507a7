import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import nodeProcess from "node:process";
import { onTestFinished } from "vitest";
import { deadline } from "../setup/waiting.ts";
import { herma } from "./home.ts";

export type ServerEnd = { readonly code: number | null; readonly signal: string | null };
/** A program of ours that says where it serves, or ends. */
export type Started = {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly exit: Promise<ServerEnd>;
  /** Its address once it is ready, or null when it ended before. */
  readonly ready: Promise<string | null>;
  stdout(): string;
  stderr(): string;
};

/** Starts a command line as a person would, and listens for its address. Whatever is left of it is killed when the test ends. */
export function startProgram(commandLine: readonly string[], variables: Readonly<Record<string, string>> = {}): Started {
  const [program = herma, ...args] = commandLine;
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], env: { ...nodeProcess.env, ...variables } });
  let stdout = "";
  let stderr = "";
  const exit = new Promise<ServerEnd>((done) => child.on("close", (code, signal) => done({ code, signal })));
  const ready = new Promise<string | null>((done) => {
    child.stdout.on("data", (chunk: Buffer) => {
      stdout += chunk.toString();
      const address = /^READY (http:\S+)$/m.exec(stdout)?.[1];
      if (address !== undefined) done(address);
    });
    void exit.then(() => done(null));
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await exit;
  });
  return { child, pid: child.pid ?? 0, exit, ready, stdout: () => stdout, stderr: () => stderr };
}

/** A gateway or dashboard that runs as a program of its own. */
export type Server = {
  readonly pid: number;
  readonly address: string;
  /** GET with the owner's token. */
  get(path: string): Promise<{ readonly status: number; readonly text: string; readonly json: () => Record<string, unknown> }>;
  fetch(path: string, init?: RequestInit): Promise<Response>;
  signal(name: NodeJS.Signals): void;
  readonly end: Promise<ServerEnd>;
  stderr(): string;
};

/**
 * Starts `herma WORDS… --home HOME --port 0` as a person would and waits until it serves. `wrapper` goes in front of the command line, such
 * as `unshare`. Whatever is left of it is killed when the test ends.
 */
export async function startServer(home: string, words: readonly string[], wrapper: readonly string[] = []): Promise<Server> {
  const { child, pid, exit, ready, stderr } = startProgram([...wrapper, herma, ...words, "--home", home, "--port", "0"]);
  const address = await deadline(ready, 60_000, `READY of ${words.join(" ")}`);
  if (address === null) throw new Error(`${words.join(" ")} has ended: ${stderr()}`);
  const token = readFileSync(join(home, "token"), "utf8").trim();
  const ask = (path: string, init: RequestInit = {}) =>
    fetch(`${address}${path}`, {
      ...init,
      headers: { authorization: `Bearer ${token}`, ...init.headers },
      signal: AbortSignal.timeout(30_000),
    });
  return {
    pid,
    address,
    fetch: ask,
    get: async (path) => {
      const response = await ask(path);
      const text = await response.text();
      return { status: response.status, text, json: () => JSON.parse(text) as Record<string, unknown> };
    },
    signal: (name) => child.kill(name),
    end: exit,
    stderr,
  };
}
