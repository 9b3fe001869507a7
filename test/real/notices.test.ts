import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import nodeProcess from "node:process";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { Notice } from "../../src/contract/index.ts";
import { deadline, event, until } from "../setup/waiting.ts";
import { herma, makeHome, runHerma } from "./home.ts";

const Notices = z.strictObject({ notices: z.array(Notice) });

/** A gateway of the home, and its notices as a client of its API sees them. */
async function startGateway(home: string): Promise<(query?: string) => Promise<Notice[]>> {
  const gateway = spawn(herma, ["gateway", "run", "--home", home, "--port", "0"], {
    stdio: ["ignore", "pipe", "ignore"],
    env: nodeProcess.env,
  });
  onTestFinished(async () => {
    gateway.kill("SIGKILL");
    if (gateway.exitCode === null && gateway.signalCode === null) await event(gateway, "close");
  });
  let said = "";
  const address = await deadline(
    new Promise<string>((done) =>
      gateway.stdout.on("data", (chunk: Buffer) => {
        said += chunk.toString();
        const ready = /^READY (http:\S+)$/m.exec(said)?.[1];
        if (ready !== undefined) done(ready);
      }),
    ),
    30_000,
    "READY",
  );
  const authorization = `Bearer ${readFileSync(join(home, "token"), "utf8").trim()}`;
  return async (query = "") => {
    const answer = await fetch(`${address}/api/notices${query}`, { headers: { authorization } });
    expect(answer.status, await answer.clone().text()).toBe(200);
    return Notices.parse(await answer.json()).notices;
  };
}

async function startedBy(home: string, args: readonly string[]): Promise<string> {
  const ran = await runHerma(home, ["run", "-d", ...args]);
  expect(ran.code, ran.stderr).toBe(0);
  return ran.stdout.trim();
}

test("[P32] `herma run --watch --notify` leads to notices, which /api/notices tells and `herma inspect` shows", async () => {
  const { home } = makeHome();
  const notices = await startGateway(home);
  expect(await notices()).toEqual([]);
  const watched = await startedBy(home, [
    "--watch",
    "ready on",
    "--watch",
    "ERROR",
    "--",
    "echo ready on 3000; echo ERROR 1; echo ERROR 2; exit 3",
  ]);
  const told = await startedBy(home, ["--notify", "--", "exit 4"]);
  const silent = await startedBy(home, ["--", "echo ready on 3000"]);
  await until("all is told", async () => (await notices()).length >= 3, { deadlineMs: 30_000 });
  const ofWatched = await notices(`?process=${watched}`);
  expect(ofWatched.map((notice) => [notice.kind, notice.data.pattern, notice.data.offset, notice.state])).toEqual([
    ["watch_match", "ready on", 0, "stored"],
    ["watch_match", "ERROR", 14, "stored"],
  ]);
  const [end, ...more] = await notices(`?process=${told}`);
  expect(end).toMatchObject({ kind: "completion", session: null, weight: "turn", data: { outcome: "failure", code: 4 } });
  expect(more).toEqual([]);
  expect(await notices(`?process=${silent}`)).toEqual([]);
  expect((await notices("?limit=1")).map((notice) => notice.id)).toEqual([(await notices()).at(-1)?.id]);
  expect(await notices("?state=delivered")).toEqual([]);
  expect(await notices("?session=nobody")).toEqual([]);
  const shown = await runHerma(home, ["inspect", watched]);
  expect(shown.stdout).toMatch(/watches: +ready on: matched, 1 match; ERROR: matched, 1 match/);
  expect(shown.stdout).toMatch(/notices: +watch_match stored, watch_match stored/);
});

test("what was asked for while nobody looked after it is told by the gateway that comes, and by an MCP client's server", async () => {
  const { home } = makeHome();
  const first = await startedBy(home, ["--watch", "ready", "--notify", "--", "echo ready; exit 1"]);
  expect((await runHerma(home, ["wait", first])).code).toBe(1);
  const client = spawn(herma, ["mcp"], { stdio: ["pipe", "ignore", "ignore"], env: { ...nodeProcess.env, HERMA_HOME: home } });
  onTestFinished(async () => {
    client.kill("SIGKILL");
    if (client.exitCode === null && client.signalCode === null) await event(client, "close");
  });
  const states = async (id: string): Promise<string> => (await runHerma(home, ["inspect", "--json", id])).stdout;
  await until(
    "the first is told",
    async () => (JSON.parse(await states(first)) as { watches: { state: string }[] }).watches[0]?.state === "matched",
    {
      deadlineMs: 30_000,
    },
  );
  client.stdin.end();
  await deadline(event(client, "close"), 30_000, "the end of the client's server");
  const second = await startedBy(home, ["--notify", "--", "exit 2"]);
  const notices = await startGateway(home);
  await until("the second is told", async () => (await notices(`?process=${second}`)).length === 1, { deadlineMs: 30_000 });
  expect((await notices(`?process=${first}`)).map((notice) => notice.kind)).toEqual(["watch_match", "completion"]);
});

test("a process is handed over on the command line: its notices go to the other session", async () => {
  const { home, registry } = makeHome();
  const id = await startedBy(home, ["--notify", "--name", "dev", "--", "sleep 600"]);
  const lacking = await runHerma(home, ["hand-over", "dev", "--to", "parent"]);
  expect([lacking.code, lacking.stderr]).toEqual([2, expect.stringContaining("--purpose is missing")]);
  const handed = await runHerma(home, ["hand-over", "dev", "--to", "parent", "--purpose", "the dev server"]);
  expect([handed.code, handed.stdout]).toEqual([0, `${id} belongs to parent now\n`]);
  await registry.watching.start();
  await registry.kill(id);
  await until("it is told", () => registry.notices.list({ process: id }).length === 1, { deadlineMs: 30_000 });
  expect(registry.notices.list({ process: id })[0]).toMatchObject({ session: "parent", text: expect.stringContaining("the dev server") });
});
