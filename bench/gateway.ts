import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { get } from "node:http";
import type { BenchHome } from "./home.ts";
import { hermaProgram, pinnedNode, root } from "./programs.ts";

export type RunningGateway = {
  readonly pid: number;
  /** Such as `http://127.0.0.1:7717`. */
  readonly address: string;
  /** From the spawn to the first answer 200 of /readyz. */
  readonly readyMs: number;
  /** Resolves when it has ended by itself. Throws when that is late. */
  ended(msMax: number): Promise<void>;
  /** Idempotent. */
  stop(): Promise<void>;
};

const readyMsMax = 60_000;
const stopMsMax = 30_000;

/** Starts `herma gateway run` on the home and waits until it is ready. Throws with what it said when it ends or is late. */
export async function startGateway(home: BenchHome, more: readonly string[] = []): Promise<RunningGateway> {
  const start = performance.now();
  const child = spawn(pinnedNode, [hermaProgram, "gateway", "run", "--port", "0", ...more], {
    cwd: root,
    env: home.variables,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const closed = once(child, "close");
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), stopMsMax);
    await closed;
    clearTimeout(late);
    if (child.signalCode === "SIGKILL") throw new Error("a gateway did not stop");
  };
  const ended = async (msMax: number): Promise<void> => {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(new Error(`a gateway has not ended within ${msMax} ms`)), msMax);
    try {
      await Promise.race([closed, late.promise]);
    } finally {
      clearTimeout(timer);
    }
  };
  home.onClose(stop);
  const address = await readyAddress(child, closed);
  const status = await statusOf(`${address}/readyz`);
  const readyMs = performance.now() - start;
  if (status !== 200) throw new Error(`/readyz answered ${status}`);
  return { pid: child.pid!, address, readyMs, ended, stop };
}

/** The address in the line `READY <address>`. */
async function readyAddress(child: ChildProcess, closed: Promise<unknown>): Promise<string> {
  let stderr = "";
  child.stderr!.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(-4000);
  });
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const failed = (why: string) => () => reject(new Error(`the gateway ${why}: ${stderr}`));
  const timer = setTimeout(failed("is not ready in time"), readyMsMax);
  closed.then(failed("ended"), failed("could not be started"));
  let stdout = "";
  child.stdout!.setEncoding("utf8").on("data", (text: string) => {
    stdout = (stdout + text).slice(0, 4000);
    const address = /^READY (\S+)$/m.exec(stdout)?.[1];
    if (address !== undefined) resolve(address);
  });
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}

async function statusOf(url: string): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  get(url, { agent: false }, (answer) => {
    answer.resume();
    resolve(answer.statusCode ?? 0);
  }).on("error", reject);
  return await promise;
}
