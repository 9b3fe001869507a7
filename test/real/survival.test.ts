import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import nodeProcess from "node:process";
import { expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../setup/folders.ts";
import { deadline, until } from "../setup/waiting.ts";
import { herma, makeHome, numberedLines, outputBytes, programs, runHerma } from "./home.ts";

type Gateway = { readonly child: ChildProcess; readonly base: string };

/** Starts `herma gateway run` on a free port and waits until it is ready. */
async function startGateway(home: string): Promise<Gateway> {
  const child = spawn(herma, ["gateway", "run", "--port", "0"], {
    env: { ...nodeProcess.env, HERMA_HOME: home },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  const listening = new Promise<string>((resolve, reject) => {
    const read = (chunk: Buffer) => {
      said += chunk.toString();
      const match = /http:\/\/127\.0\.0\.1:\d+/.exec(said);
      if (match !== null) resolve(match[0]);
    };
    child.stdout?.on("data", read);
    child.stderr?.on("data", read);
    child.on("exit", (code, signal) => reject(new Error(`the gateway ended (${code ?? signal}): ${said}`)));
  });
  listening.catch(() => {});
  const base = await deadline(listening, 30_000, "the gateway listens");
  await until("it is ready", async () => (await fetch(`${base}/readyz`).catch(() => null))?.ok);
  return { child, base };
}

async function killGateway(gateway: Gateway, signal: NodeJS.Signals): Promise<number | null> {
  const ended = new Promise<number | null>((resolve) => gateway.child.on("exit", (code) => resolve(code)));
  gateway.child.kill(signal);
  return deadline(ended, 30_000, `the gateway ends by ${signal}`);
}

test("[P34] [defect 6.1.17] 200,000 lines over seconds while the gateway is SIGKILLed and restarted five times: every byte, the right code, and wait returns", async () => {
  const folder = temporaryFolder();
  const home = makeHome(folder);
  let gateway = await startGateway(folder);
  onTestFinished(() => void gateway.child.kill("SIGKILL"));
  const token = readFileSync(join(folder, "token"), "utf8").trim();
  const command = [nodeProcess.execPath, join(programs, "numbers.mjs"), "200000", "6", "17"];
  const answer = await fetch(`${gateway.base}/api/processes`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ command, lifetime: "host", variables: { HERMA_TEST_RUN: nodeProcess.env.HERMA_TEST_RUN } }),
  });
  expect(answer.status).toBe(201);
  const { id } = (await answer.json()) as { id: string };
  const waiting = runHerma(folder, ["wait", id], { deadlineMs: 90_000 });

  let printed = 0;
  for (let kill = 0; kill < 5; kill += 1) {
    await until("it prints more", () => outputBytes(folder, id).length > printed + 150_000);
    await killGateway(gateway, "SIGKILL");
    printed = outputBytes(folder, id).length;
    gateway = await startGateway(folder);
    const view = await fetch(`${gateway.base}/api/processes/${id}`, { headers: { authorization: `Bearer ${token}` } });
    expect(await view.json()).toMatchObject({ id, phase: "running" });
  }
  expect((await waiting).code).toBe(17);
  expect(home.registry.get(id).exit).toMatchObject({ code: 17, signal: null, cause: "exited", evidence: "wait" });
  expect(outputBytes(folder, id).equals(numberedLines(200_000))).toBe(true);
  expect(home.registry.get(id).adoptions).toBe(0);
  await killGateway(gateway, "SIGKILL");
});

test("[compat 16] a gateway that is stopped leaves every process running, with its input", async () => {
  const folder = temporaryFolder();
  const home = makeHome(folder);
  const gateway = await startGateway(folder);
  onTestFinished(() => void gateway.child.kill("SIGKILL"));
  const { id } = await home.start('read line; echo "got $line"; exit 5', { stdin: "pipe" });
  // Nobody announced this SIGTERM, so it is unexpected: the exit says so to a service manager.
  expect(await killGateway(gateway, "SIGTERM")).toBe(1);
  expect(home.registry.get(id).phase).toBe("running");
  await home.registry.write(id, { data: "still here\n" });
  expect((await home.ended(id)).exit).toMatchObject({ code: 5 });
  expect(home.bytes(id).toString()).toBe("got still here\n");
});
