import { expect, test } from "vitest";
import { fakeKeeper } from "./testing/fakeKeeper.ts";
import { openTestRegistry, system } from "./testing/openTestRegistry.ts";

const owner = (session: string, task?: string) => ({ kind: "tool" as const, session, ...(task === undefined ? {} : { task }) });

async function stage() {
  const { home, registry } = openTestRegistry();
  return { home, registry, keeper: await fakeKeeper(system, home) };
}

test("ensure returns the live one that was started just so, says what differs, and starts where there is none", async () => {
  const { registry, keeper } = await stage();
  const asked = { command: "serve", owner: owner("s"), name: "web", ensure: true };
  const first = await registry.start(asked);
  expect((await registry.start(asked)).id).toBe(first.id);
  await expect(registry.start({ ...asked, command: "other", tty: true })).rejects.toMatchObject({
    code: "ENSURE_DIFFERS",
    data: { id: first.id, differs: expect.arrayContaining(["command", "tty"]) },
  });
  await expect(registry.start({ command: "serve", owner: owner("s"), ensure: true })).rejects.toMatchObject({ code: "BAD_REQUEST" });
  keeper.ends(first.id);
  expect((await registry.start(asked)).id).not.toBe(first.id);
});

test("[P45] [P46] lists and queries by task and session: others of the session are marked, and what was handed over has moved", async () => {
  const { registry, keeper } = await stage();
  const own = await registry.start({ command: "a", owner: owner("s", "t1") });
  const sibling = await registry.start({ command: "b", owner: owner("s", "t2") });
  const stranger = await registry.start({ command: "c", owner: owner("other") });
  const marked = () => new Map(registry.list({ session: "s", task: "t1" }).map((view) => [view.id, view.session_scoped ?? false]));
  expect(marked()).toEqual(
    new Map([
      [own.id, false],
      [sibling.id, true],
    ]),
  );
  expect(registry.queries.countRunning()).toBe(3);
  expect(registry.queries.countRunning({ session: "s" })).toBe(2);
  expect(registry.queries.hasActive({ task: "t2" })).toBe(true);
  registry.interest.handOver(stranger.id, { session: "s", task: "t1", purpose: "goes on here" });
  expect(marked().get(stranger.id)).toBe(false);
  expect(registry.queries.countRunning({ session: "other" })).toBe(0);
  expect(registry.interest.get(stranger.id)).toMatchObject({ session: "s", purpose: "goes on here" });
  keeper.ends(sibling.id);
  expect(registry.queries.hasActive({ task: "t2" })).toBe(false);
  expect(registry.queries.hasActive({ session: "s", maxAgeSeconds: 0 })).toBe(false);
});

test("[P52] a goal waits for what lives, until a rule of it has matched; never for what is unknown", async () => {
  const { registry, keeper } = await stage();
  const view = await registry.start({ command: "a", owner: owner("s"), watch: [{ match: "up" }] });
  expect(registry.queries.isWaiting(view.id)).toBe(true);
  expect(registry.queries.isWaiting("proc_000000000000")).toBe(false);
  await registry.watching.start();
  keeper.print(view.id, 0, "it is up\n");
  await expect.poll(() => registry.queries.isWaiting(view.id), { timeout: 30_000 }).toBe(false);
  const other = await registry.start({ command: "b", owner: owner("s") });
  expect(registry.queries.isWaiting(other.id)).toBe(true);
  keeper.ends(other.id);
  expect(registry.queries.isWaiting(other.id)).toBe(false);
});

test("the end of a turn ends what was to live for it, the end of a session both, and nobody else's", async () => {
  const { registry, keeper } = await stage();
  const ofTurn = await registry.start({ command: "a", owner: owner("s"), lifetime: "turn" });
  const ofSession = await registry.start({ command: "b", owner: owner("s") });
  const ofHost = await registry.start({ command: "c", owner: owner("s"), lifetime: "host" });
  const strangers = await registry.start({ command: "d", owner: owner("other"), lifetime: "turn" });
  keeper.play("/kill", ({ path }) => {
    const id = path.split("/")[3]!;
    keeper.ends(id, { cause: "killed", termination_source: "session_end" });
    return { status: 200, body: { verdict: "killed", survivors: [], exit: null } };
  });
  const ended = await registry.endLifetime({ lifetime: "turn", session: "s" });
  expect(ended.map((result) => result.process.id)).toEqual([ofTurn.id]);
  await registry.endLifetime({ lifetime: "session", session: "s" });
  expect(new Set(registry.list().map((view) => view.id))).toEqual(new Set([ofHost.id, strangers.id]));
  expect(keeper.asked.filter((one) => one.path.endsWith("/kill")).map((one) => [one.path, one.body.source])).toEqual([
    [`/v1/processes/${ofTurn.id}/kill`, "session_end"],
    [`/v1/processes/${ofSession.id}/kill`, "session_end"],
  ]);
});
