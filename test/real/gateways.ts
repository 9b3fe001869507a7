import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import nodeProcess from "node:process";
import { onTestFinished } from "vitest";
import { deadline } from "../setup/waiting.ts";
import { herma } from "./home.ts";

export type Exit = { readonly code: number | null; readonly signal: string | null };
export type StartedGateway = {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly exit: Promise<Exit>;
  /** Its address once it is ready, or null when it ended before. */
  readonly ready: Promise<string | null>;
  stdout(): string;
  stderr(): string;
};

/** Starts `herma gateway run` as a person would. It is killed when the test ends. */
export function startGateway(
  home: string,
  args: readonly string[] = ["--port", "0"],
  variables: Readonly<Record<string, string>> = {},
): StartedGateway {
  const child = spawn(herma, ["gateway", "run", "--home", home, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...nodeProcess.env, ...variables },
  });
  let stdout = "";
  let stderr = "";
  const exit = new Promise<Exit>((done) => child.on("close", (code, signal) => done({ code, signal })));
  const ready = new Promise<string | null>((done) => {
    child.stdout?.on("data", (chunk: Buffer) => {
      stdout += chunk.toString();
      const address = /^READY (http:\S+)$/m.exec(stdout)?.[1];
      if (address !== undefined) done(address);
    });
    void exit.then(() => done(null));
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await exit;
  });
  return { child, pid: child.pid ?? 0, exit, ready, stdout: () => stdout, stderr: () => stderr };
}

export type ReadyGateway = StartedGateway & { readonly address: string; readonly token: string };

/** As {@link startGateway}, and waits until it is ready. */
export async function startReady(
  home: string,
  ...more: [args?: readonly string[], variables?: Record<string, string>]
): Promise<ReadyGateway> {
  const gateway = startGateway(home, ...more);
  const address = await deadline(gateway.ready, 60_000, "READY");
  if (address === null) throw new Error(`the gateway has ended: ${gateway.stderr()}`);
  return { ...gateway, address, token: readFileSync(join(home, "token"), "utf8").trim() };
}

export function stateOf(home: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(home, "gateway_state.json"), "utf8")) as Record<string, unknown>;
}
