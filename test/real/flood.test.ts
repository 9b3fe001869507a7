import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import nodeProcess from "node:process";
import { expect, onTestFinished, test } from "vitest";
import type { Notice, ProcessId, ProcessView } from "../../src/contract/index.ts";
import type { Registry } from "../../src/processes/index.ts";
import type { Learnt } from "../fixtures/programs/floodDriver.ts";
import { deadline, event, until } from "../setup/waiting.ts";
import { makeHome, plainVariables, programs, runHerma } from "./home.ts";

const drivers = 4;
const processesEach = 12;
const doomedNumber = 99;
const doomedClaimant = `driver ${doomedNumber}`;
const bound = { deadlineMs: 60_000 };

type Driver = { readonly child: ChildProcess; readonly learnt: Learnt[]; readonly problems: () => string };

function startDriver(home: string, number: number): Driver {
  const program = join(programs, "floodDriver.ts");
  const args = [program, home, String(number), String(processesEach)];
  const child = spawn(nodeProcess.execPath, args, { stdio: "pipe", env: plainVariables() });
  onTestFinished(async () => {
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await event(child, "close");
  });
  const learnt: Learnt[] = [];
  let rest = "";
  let problems = "";
  child.stdout.on("data", (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) learnt.push(JSON.parse(line) as Learnt);
  });
  child.stderr.on("data", (chunk: Buffer) => {
    problems += chunk.toString();
  });
  return { child, learnt, problems: () => problems };
}

/** What every driver was told is what stands in the home, and everything stands there once. */
function verify(registry: Registry, learnt: readonly Learnt[]): string[] {
  const problems: string[] = [];
  const views = new Map<ProcessId, ProcessView>(registry.list({ all: true }).map((view) => [view.id, view]));
  for (const view of views.values()) {
    if (view.exit === null) problems.push(`${view.id} has no end: ${view.phase}`);
    if (view.problem !== null) problems.push(`${view.id}: ${view.problem}`);
  }
  for (const one of learnt) {
    if (one.did !== "saw" && one.did !== "killed") continue;
    const ended = views.get(one.id)?.exit;
    if (JSON.stringify(one.exit) !== JSON.stringify(ended)) problems.push(`${one.id} was told to have another end than it has`);
    if (one.did === "killed" && one.verdict !== "killed" && one.verdict !== "already_exited") problems.push(`${one.id}: ${one.verdict}`);
    if (one.did === "killed" && ended?.cause !== "killed") problems.push(`${one.id} was killed, and ended by ${ended?.cause}`);
  }
  for (const view of views.values()) problems.push(...verifyNotices(view, registry.notices.list({ process: view.id })));
  // What the one that dies has taken, it may not have told any more.
  const taken = learnt.flatMap((one) => (one.did === "took" ? [one.notice] : []));
  if (new Set(taken).size !== taken.length) problems.push("a notice was taken twice");
  // One that was taken counts as known later on, when its end is waited for.
  const states = new Map(registry.notices.list().map((notice) => [notice.id, notice]));
  for (const id of taken) {
    const state = states.get(id)?.state;
    if (state !== "delivered" && state !== "consumed") problems.push(`${id} was taken, and is ${state}`);
  }
  for (const notice of states.values()) {
    if (notice.state !== "delivered" || notice.claimed_by === doomedClaimant) continue;
    if (!taken.includes(notice.id)) problems.push(`${notice.id} is delivered, and nobody has it`);
  }
  return problems;
}

function verifyNotices(view: ProcessView, notices: readonly Notice[]): string[] {
  const problems: string[] = [];
  const ends = notices.filter((notice) => notice.kind === "completion");
  if (ends.length !== 1) problems.push(`${view.id}: its end was told ${ends.length} times`);
  // It may have died before it told what it has started, or before what it wished to start ran: then nothing was printed.
  const line = /^echo (ready \S+);/.exec(String(view.command))?.[1] ?? null;
  const matches = notices.filter((notice) => notice.kind === "watch_match");
  if (matches.length !== (line === null || view.output.end === 0 ? 0 : 1))
    problems.push(`${view.id}: ${line} was told ${matches.length} times`);
  for (const notice of notices)
    if (notice.state !== "delivered" && notice.state !== "consumed" && view.owner.kind === "tool") {
      problems.push(`${notice.id} of ${view.id} is ${notice.state}`);
    }
  return problems;
}

test("[peer 22] many programs in one home at once: each process ends once, each notice is told once, and all are told the same", async () => {
  const home = makeHome();
  const running = Array.from({ length: drivers }, (_, number) => startDriver(home.home, number));
  const all = (): Learnt[] => running.flatMap(({ learnt }) => learnt);
  // The command line among them: it starts, waits and kills as well.
  const byHand = await Promise.all([
    ...["exit 5", "sleep 300", "echo ready 9.9"].map((line) => runHerma(home.home, ["run", "-d", "--notify", "--", line], bound)),
    runHerma(home.home, ["run", "--notify", "--", "exit 6"], bound),
  ]);
  expect(
    byHand.map(({ code }) => code),
    byHand.map(({ stderr }) => stderr).join(),
  ).toEqual([0, 0, 0, 6]);
  const [failed = "", endless = "", quick = ""] = byHand.map(({ stdout }) => stdout.trim());
  const acted = await Promise.all([
    runHerma(home.home, ["wait", failed], bound),
    runHerma(home.home, ["kill", endless], bound),
    runHerma(home.home, ["kill", endless], bound),
    runHerma(home.home, ["wait", quick, endless], bound),
  ]);
  expect(
    acted.slice(0, 3).map(({ code }) => code),
    acted.map(({ stderr }) => stderr).join(),
  ).toEqual([5, 0, 0]);
  // One that evaluates, most likely, dies in the middle of it all.
  const doomed = startDriver(home.home, doomedNumber);
  await until("it has begun", () => doomed.learnt.some((one) => one.did === "started"), bound);
  doomed.child.kill("SIGKILL");
  await deadline(event(doomed.child, "close"), 30_000, "its end");
  for (const { learnt, child, problems } of running) {
    await until(
      "a driver has finished",
      () => {
        if (child.exitCode !== null) throw new Error(`a driver has ended: ${problems()}`);
        return learnt.some((one) => one.did === "finished");
      },
      bound,
    );
  }
  await home.registry.killAll();
  const claimant = "heir";
  const inherited: Learnt[] = [];
  const heir = (): void => {
    for (const session of [`s${doomedNumber}`, null]) {
      for (const notice of home.registry.notices.claim({ claimant, session, limit: 100, leaseMs: 60_000 })) {
        if (home.registry.notices.deliver(notice.id, claimant)) inherited.push({ did: "took", notice: notice.id });
      }
    }
  };
  const everything = (): Learnt[] => [...all(), ...doomed.learnt.filter((one) => one.did !== "took"), ...inherited];
  await until(
    "everything was told",
    () => {
      heir();
      return verify(home.registry, everything()).length === 0;
    },
    bound,
  ).catch(() => {});
  expect(verify(home.registry, everything())).toEqual([]);
  expect(home.registry.list({ all: true }).length).toBeGreaterThanOrEqual(drivers * processesEach + byHand.length);
  for (const { child } of running) child.stdin?.end();
  for (const { child, problems } of running) {
    if (child.exitCode === null) await deadline(event(child, "close"), 30_000, "the driver's end");
    expect([child.exitCode, problems()]).toEqual([0, ""]);
  }
});
