import { spawn } from "node:child_process";
import { join } from "node:path";
import nodeProcess from "node:process";
import { expect, onTestFinished, test } from "vitest";
import type { Notice, NoticeKind, ProcessId } from "../../src/contract/index.ts";
import { openRegistry, type Registry } from "../../src/processes/index.ts";
import { deadline, event, until } from "../setup/waiting.ts";
import { type Home, herma, makeHome } from "./home.ts";

/** Another program's registry over the same home. */
function openAnother({ home, system }: Home): Registry {
  const registry = openRegistry({ home, system, clientName: "another" });
  onTestFinished(() => registry[Symbol.asyncDispose]());
  return registry;
}

async function evaluate(registry: Registry): Promise<unknown[]> {
  const problems: unknown[] = [];
  await registry.watching.start({ onProblem: (error) => problems.push(error) });
  await until("it evaluates", () => registry.watching.isEvaluator, { deadlineMs: 30_000 });
  return problems;
}

function noticesOf(registry: Registry, id: ProcessId, kind?: NoticeKind): Notice[] {
  return registry.notices.list({ process: id }).filter((notice) => kind === undefined || notice.kind === kind);
}

async function oneNotice(registry: Registry, id: ProcessId, kind: NoticeKind): Promise<Notice> {
  await until(`${id} is told of: ${kind}`, () => noticesOf(registry, id, kind).length > 0, { deadlineMs: 30_000 });
  const notices = noticesOf(registry, id, kind);
  expect(notices).toHaveLength(1);
  return notices[0]!;
}

test("[P32] [W6] [defect 6.1.9] a line and an end are told: stored, rung, claimed, delivered once, consumed", async () => {
  const home = makeHome();
  const { registry } = home;
  const problems = await evaluate(registry);
  const facts: string[] = [];
  registry.onFact((fact) => facts.push(fact.type));
  let rings = 0;
  const unsubscribe = registry.notices.subscribe({ session: "s1" }, () => {
    rings += 1;
  });
  const view = await home.start("printf 'rea'; sleep 0.05; echo 'dy on 3000'; sleep 0.2; exit 3", {
    owner: { kind: "tool", session: "s1", task: "t1" },
    notifyOnComplete: true,
    watch: [{ match: "ready on" }],
    purpose: "the dev server",
  });
  const match = await oneNotice(registry, view.id, "watch_match");
  expect(match).toMatchObject({ session: "s1", task: "t1", weight: "turn", state: "stored", data: { pattern: "ready on", offset: 0 } });
  expect(match.text).toContain("ready on 3000");
  const end = await oneNotice(registry, view.id, "completion");
  expect(end).toMatchObject({ session: "s1", weight: "turn", data: { outcome: "failure", code: 3, cause: "exited" } });
  expect(end.text).toContain("the dev server");
  await until("it rings", () => rings > 0);
  unsubscribe();
  expect(facts).toContain("process.matched");
  expect(facts.filter((type) => type === "process.noticed")).toHaveLength(2);

  expect(registry.notices.claim({ claimant: "other", session: "s2", limit: 10, leaseMs: 60_000 })).toEqual([]);
  const claimed = registry.notices.claim({ claimant: "a", session: "s1", limit: 10, leaseMs: 60_000 });
  expect(claimed.map((notice) => notice.id)).toEqual([match.id, end.id]);
  expect(registry.notices.claim({ claimant: "b", limit: 10, leaseMs: 60_000 })).toEqual([]);
  expect(registry.notices.deliver(match.id, "b")).toBe(false);
  expect(registry.notices.deliver(match.id, "a")).toBe(true);
  expect(registry.notices.consume({ process: view.id })).toBe(2);
  expect(noticesOf(registry, view.id).map((notice) => notice.state)).toEqual(["consumed", "consumed"]);
  expect(registry.interest.watches(view.id)).toMatchObject([{ state: "matched", hits: 1, deliveries: 1, last_match: 0 }]);
  expect(problems).toEqual([]);
});

test("[defect 6.1.17] [peer 22] what was printed and ended while nobody evaluated is told by the next one, once", async () => {
  const home = makeHome();
  const { registry } = home;
  const view = await home.start("echo one; echo ERROR two; echo three", {
    notifyOnComplete: true,
    watch: [{ match: { re2: "ERROR\\s" } }],
  });
  await home.ended(view.id);
  expect(noticesOf(registry, view.id)).toEqual([]);
  const first = openAnother(home);
  await evaluate(first);
  const match = await oneNotice(registry, view.id, "watch_match");
  expect(match.data).toMatchObject({ offset: 4 });
  await oneNotice(registry, view.id, "completion");
  await first.watching.stop();
  await evaluate(registry);
  const marker = await home.start("true", { notifyOnComplete: true });
  await oneNotice(registry, marker.id, "completion");
  expect(noticesOf(registry, view.id)).toHaveLength(2);
});

test("[compat 2] one evaluator at a time: the second goes on where the first stopped, in the middle of a line", async () => {
  const home = makeHome();
  const first = openAnother(home);
  await evaluate(first);
  await home.registry.watching.start();
  expect(home.registry.watching.isEvaluator).toBe(false);
  const view = await home.start("echo ERROR 1; printf 'ERR'; read line; echo 'OR 2'; read line; echo ERROR 3; read line", {
    stdin: "pipe",
    watch: [{ match: "ERROR 1" }, { match: "ERROR 2" }, { match: "ERROR 3" }],
  });
  await until("the first is told", () => noticesOf(first, view.id).length === 1, { deadlineMs: 30_000 });
  await first.watching.stop();
  await home.registry.write(view.id, { data: "\n" });
  await until("the second is told", () => noticesOf(home.registry, view.id).length === 2, { deadlineMs: 30_000 });
  expect(home.registry.watching.isEvaluator).toBe(true);
  await home.registry.write(view.id, { data: "\n" });
  await until("the third is told", () => noticesOf(home.registry, view.id).length === 3, { deadlineMs: 30_000 });
  expect(noticesOf(home.registry, view.id).map((notice) => notice.data.offset)).toEqual([0, 8, 16]);
  await home.registry.kill(view.id);
});

test("[compat 14] a prompt without a line's end is told after a moment, and not again when the line completes", async () => {
  const home = makeHome();
  await evaluate(home.registry);
  const view = await home.start("printf 'password: '; read line; echo thanks; read line", {
    stdin: "pipe",
    watch: [{ match: "password:", mode: "every" }],
  });
  await oneNotice(home.registry, view.id, "watch_match");
  await home.registry.write(view.id, { data: "x\n" });
  await home.registry.wait({ ids: [view.id], until: { match: "thanks" } });
  await home.registry.kill(view.id);
  await until("the scan is over", () => home.registry.interest.watches(view.id)[0]?.state === "disabled", { deadlineMs: 30_000 });
  expect(home.registry.interest.watches(view.id)).toMatchObject([{ hits: 1, deliveries: 1 }]);
});

test("[peer 21] who asks to be told of an end that has come meanwhile is told of it, once", async () => {
  const home = makeHome();
  await evaluate(home.registry);
  const { id } = await home.start("true");
  await home.ended(id);
  // A model looked, saw it run, and asks now: the end lies between.
  home.registry.interest.update(id, { notify_on_complete: true });
  await oneNotice(home.registry, id, "completion");
  home.registry.interest.update(id, { notify_on_complete: true });
  const later = await home.start("true", { notifyOnComplete: true });
  await oneNotice(home.registry, later.id, "completion");
  expect(noticesOf(home.registry, id, "completion")).toHaveLength(1);
});

test("[P51] an end that was read or waited for is not told again, whether its notice was made before or not", async () => {
  const home = makeHome();
  const { registry } = home;
  const before = await home.start("echo done", { notifyOnComplete: true });
  await home.ended(before.id);
  registry.notices.endKnown(before.id);
  expect(noticesOf(registry, before.id)).toMatchObject([{ kind: "completion", state: "consumed" }]);

  const read = await home.start("echo done", { notifyOnComplete: true });
  await home.ended(read.id);
  const text = registry.read(read.id, { reader: "model" });
  registry.acknowledge(read.id, { reader: "model", to: text.acknowledge_to! });

  await evaluate(registry);
  const polled = await home.start("echo done", { notifyOnComplete: true });
  await oneNotice(registry, polled.id, "completion");
  // Looking alone leaves it as it is.
  registry.read(polled.id, { reader: "model" });
  expect(noticesOf(registry, polled.id)).toMatchObject([{ state: "stored" }]);
  expect(noticesOf(registry, read.id)).toMatchObject([{ state: "consumed" }]);
  expect(registry.notices.claim({ claimant: "a", limit: 10, leaseMs: 1000 }).map((notice) => notice.process_id)).toEqual([polled.id]);
});

test("[defect 6.1.10] a kill that races with the exit is called a kill in the answer, the notice and the folder", async () => {
  const home = makeHome();
  await evaluate(home.registry);
  const view = await home.start("trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done", { notifyOnComplete: true });
  await home.registry.wait({ ids: [view.id], until: { match: "up" } });
  const result = await home.registry.kill(view.id, { source: "process.kill" });
  const notice = await oneNotice(home.registry, view.id, "completion");
  expect(result.exit?.cause).toBe("killed");
  expect(home.registry.get(view.id).exit?.cause).toBe("killed");
  expect(notice).toMatchObject({ weight: "context", data: { cause: "killed", outcome: "stopped", termination_source: "process.kill" } });
});

test("a start whose interest cannot be meant is refused, and leaves nothing", async () => {
  const home = makeHome();
  await expect(home.start("true", { watch: [{ match: { re2: "(" } }] })).rejects.toMatchObject({ code: "BAD_REQUEST" });
  await expect(home.start("true", { heartbeatSeconds: 5 })).rejects.toMatchObject({ code: "BAD_REQUEST" });
  await expect(home.start("true", { watch: [{ match: "" }] })).rejects.toMatchObject({ code: "BAD_REQUEST" });
  expect(home.registry.list({ all: true })).toEqual([]);
});

test("[compat 2] whoever is to be told of notices sees to it that there are some, and no longer than that", async () => {
  const home = makeHome();
  const { registry } = home;
  const rung = Promise.withResolvers<void>();
  const view = await home.start("echo ERROR 1", { watch: [{ match: "ERROR" }] });
  expect(registry.watching.isEvaluator).toBe(false);
  const unsubscribe = registry.notices.subscribe({}, () => rung.resolve());
  await deadline(rung.promise, 30_000, "the ring");
  await oneNotice(registry, view.id, "watch_match");
  expect(registry.watching.isEvaluator).toBe(true);
  unsubscribe();
  await until("it lets others", () => !registry.watching.isEvaluator);
  await evaluate(openAnother(home));
});

test("a claim that runs out rings those who are to be told, without a change on disk", async () => {
  const home = makeHome();
  const { registry } = home;
  await evaluate(registry);
  const view = await home.start("true", { owner: { kind: "tool", session: "s1" }, notifyOnComplete: true });
  await oneNotice(registry, view.id, "completion");
  // A mailroom of another program takes it and dies.
  const dying = openAnother(home);
  expect(dying.notices.claim({ claimant: "dying", session: "s1", limit: 1, leaseMs: 700 })).toHaveLength(1);
  const others: string[] = [];
  const unsubscribeOther = registry.notices.subscribe({ session: "s2" }, () => others.push("s2"));
  const rung = Promise.withResolvers<void>();
  const unsubscribe = registry.notices.subscribe({ session: "s1" }, () => rung.resolve());
  await deadline(rung.promise, 30_000, "the ring");
  const [again] = registry.notices.claim({ claimant: "b", session: "s1", limit: 1, leaseMs: 60_000 });
  expect(again).toMatchObject({ process_id: view.id, attempts: 2, reason: "the claim of dying ran out" });
  expect(others).toEqual([]);
  unsubscribe();
  unsubscribeOther();
});

test("[compat 2] a gateway that comes is given the watches at once, and when it dies they are taken up again", async () => {
  const home = makeHome();
  const { registry } = home;
  await evaluate(registry);
  const view = await home.start("echo ERROR 1; read line; echo ERROR 2; read line; echo ERROR 3; read line", {
    stdin: "pipe",
    watch: [{ match: "ERROR 1" }, { match: "ERROR 2" }, { match: "ERROR 3" }],
  });
  await until("the first is told", () => noticesOf(registry, view.id).length === 1, { deadlineMs: 30_000 });
  const gateway = spawn(herma, ["gateway", "run", "--home", home.home, "--port", "0"], { stdio: "ignore", env: nodeProcess.env });
  onTestFinished(async () => {
    gateway.kill("SIGKILL");
    if (gateway.exitCode === null && gateway.signalCode === null) await event(gateway, "close");
  });
  const holder = () => home.system.locks.look(join(home.home, "watch.lock"));
  await until(
    "the gateway has them",
    () => {
      const view = holder();
      return view.held === true && view.pid === gateway.pid;
    },
    { deadlineMs: 30_000 },
  );
  expect(registry.watching.isEvaluator).toBe(false);
  await registry.write(view.id, { data: "\n" });
  await until("the second is told", () => noticesOf(registry, view.id).length === 2, { deadlineMs: 30_000 });
  gateway.kill("SIGKILL");
  await until("we have them again", () => registry.watching.isEvaluator, { deadlineMs: 30_000 });
  await registry.write(view.id, { data: "\n" });
  await until("the third is told", () => noticesOf(registry, view.id).length === 3, { deadlineMs: 30_000 });
  expect(noticesOf(registry, view.id).map((notice) => notice.data.offset)).toEqual([0, 8, 16]);
  await registry.kill(view.id);
});
