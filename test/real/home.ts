import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import nodeProcess from "node:process";
import { onTestFinished } from "vitest";
import { type ProcessId, type ProcessView, processPaths } from "../../src/contract/index.ts";
import { openRegistry, type Registry, type StartOptions } from "../../src/processes/index.ts";
import { nodeSystem, type System } from "../../src/system/index.ts";
import { temporaryFolder } from "../setup/folders.ts";
import { deadline, until } from "../setup/waiting.ts";

export const root: string = resolve(import.meta.dirname, "../..");
export const herma: string = join(root, "bin/herma");
export const programs: string = join(root, "test/fixtures/programs");

export type Home = {
  readonly home: string;
  readonly system: System;
  readonly registry: Registry;
  start(command: StartOptions["command"], options?: Partial<StartOptions>): Promise<ProcessView>;
  /** Waits for the end, with a bound against hanging. */
  ended(id: ProcessId, deadlineMs?: number): Promise<ProcessView>;
  /** The bytes of the folder, segments joined (gaps are not filled). */
  bytes(id: ProcessId): Buffer;
  /** The living keeper's pid, from its file. */
  keeperPid(): number;
};

/** A home of its own with a real keeper, which is hung up when the test ends. */
export function makeHome(folder: string = temporaryFolder()): Home {
  const system = nodeSystem();
  const registry = openRegistry({ home: folder, system, clientName: "test" });
  onTestFinished(async () => {
    const pids = keeperPids(folder);
    await deadline(registry.keeper.stop(), 30_000, "the keepers leave");
    await registry[Symbol.asyncDispose]();
    for (const pid of pids) await until(`keeper ${pid} is gone`, () => system.processes.look(pid).kind === "dead");
  });
  return {
    home: folder,
    system,
    registry,
    start: (command, options = {}) =>
      registry.start({ command, owner: { kind: "library" }, loginVariables: false, variables: plainVariables(), ...options }),
    ended: async (id, deadlineMs = 60_000) => {
      const result = await deadline(registry.wait({ ids: [id], deadlineSeconds: deadlineMs / 1000 }), deadlineMs + 5000, `end of ${id}`);
      if (result.reason !== "exit") throw new Error(`${id} has not ended: ${JSON.stringify(result)}`);
      return registry.get(id);
    },
    bytes: (id) => outputBytes(folder, id),
    keeperPid: () => {
      const pid = keeperPids(folder)[0];
      if (pid === undefined) throw new Error("no keeper");
      return pid;
    },
  };
}

/** Variables for children: ours, so that the test run's mark reaches them, without what a test would stumble over. */
export function plainVariables(): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries(nodeProcess.env)) if (value !== undefined) variables[name] = value;
  return variables;
}

export function outputBytes(home: string, id: ProcessId): Buffer {
  const folder = processPaths(home, id).output;
  const names = existsSync(folder) ? readdirSync(folder).sort() : [];
  return Buffer.concat(names.map((name) => readFileSync(join(folder, name))));
}

export function keeperPids(home: string): number[] {
  const folder = join(home, "keepers");
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .map((name) => join(folder, name, "keeper.json"))
    .filter((path) => existsSync(path))
    .map((path) => JSON.parse(readFileSync(path, "utf8")).identity.pid as number);
}

/** What `numbers.mjs COUNT` prints. */
export function numberedLines(count: number): Buffer {
  const lines: string[] = [];
  for (let line = 1; line <= count; line += 1) lines.push(`line ${line}\n`);
  return Buffer.from(lines.join(""));
}

export type Ran = { readonly code: number | null; readonly signal: string | null; readonly stdout: string; readonly stderr: string };

/** Runs `bin/herma` as a person would, to its end. */
export async function runHerma(home: string, args: readonly string[], options: { input?: string; deadlineMs?: number } = {}): Promise<Ran> {
  const child = spawn(herma, args, { env: { ...nodeProcess.env, HERMA_HOME: home }, stdio: "pipe" });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  child.stdin.on("error", () => {});
  child.stdin.end(options.input ?? "");
  const ended = new Promise<Ran>((done) => child.on("close", (code, signal) => done({ code, signal, stdout, stderr })));
  return await deadline(ended, options.deadlineMs ?? 60_000, `herma ${args.join(" ")}`);
}
