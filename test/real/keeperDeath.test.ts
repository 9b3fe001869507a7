import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import nodeProcess from "node:process";
import { expect, test } from "vitest";
import { type HermaError, processPaths } from "../../src/contract/index.ts";
import { until } from "../setup/waiting.ts";
import { keeperPids, makeHome, numberedLines, outputBytes, programs, runHerma } from "./home.ts";

/** Ends this home's keeper as the kernel would, and waits until it is gone. */
async function killKeeper(home: ReturnType<typeof makeHome>): Promise<number> {
  const pid = home.keeperPid();
  nodeProcess.kill(pid, "SIGKILL");
  await until("the keeper is dead", () => home.system.processes.look(pid).kind === "dead");
  return pid;
}

test("[P34] [defect 6.1.17] [compat 21] the keeper is killed: the child goes on, `herma ps` adopts it, later output is kept, its end is told and no code invented", async () => {
  const home = makeHome();
  const { id, pid } = await home.start([nodeProcess.execPath, join(programs, "numbers.mjs"), "100000", "3", "23"]);
  await until("it prints", () => home.bytes(id).length > 100_000);
  const dead = await killKeeper(home);
  expect(home.system.processes.look(pid as number).kind).toBe("alive");

  const ps = await runHerma(home.home, ["ps", "--json"]);
  expect(ps.code).toBe(0);
  expect(JSON.parse(ps.stdout)).toMatchObject({ processes: [{ id, phase: "running", adoptions: 1 }] });
  expect(home.keeperPid()).not.toBe(dead);

  const view = await home.ended(id);
  expect(["exited", "unknown"]).toContain(view.exit?.cause);
  // Proven by the pidfd that the adopting keeper holds, or not told at all.
  if (view.exit?.cause === "unknown") expect(view.exit).toMatchObject({ code: null, signal: null, evidence: "none" });
  else expect(view.exit).toMatchObject({ code: 23, signal: null, evidence: "pidfd" });
  expect(outputBytes(home.home, id).toString().endsWith("line 100000\n")).toBe(true);
});

test("what the dead keeper had read and not written is all that can be missing: measured over ten deaths", async () => {
  const home = makeHome();
  const { id } = await home.start([nodeProcess.execPath, join(programs, "numbers.mjs"), "400000", "8", "0"]);
  let size = 0;
  for (let death = 0; death < 10; death += 1) {
    await until("it prints more", () => home.bytes(id).length > size + 20_000);
    await killKeeper(home);
    expect(await home.registry.recover()).toBe(1);
    size = home.bytes(id).length;
  }
  await home.ended(id);
  const expected = numberedLines(400_000);
  const missing = expected.length - home.bytes(id).length;
  console.log(`bytes missing after ten SIGKILLs of the keeper: ${missing} of ${expected.length}`);
  expect(missing).toBeGreaterThanOrEqual(0);
  expect(missing).toBeLessThanOrEqual(10 * 262_144);
  expect(home.registry.get(id).adoptions).toBe(10);
});

test("the FIFO's name is removed and the keeper killed: the next one reads on, through the process itself or one of its children", async () => {
  const home = makeHome();
  const lines = "for i in $(seq 50); do echo line $i; sleep 0.1; done";
  const plain = await home.start(["sh", "-c", lines]);
  const child = await home.start(["sh", "-c", `(${lines}) & exec >/dev/null 2>&1; wait`]);
  const quiet = await home.start(["sh", "-c", "exec >/dev/null 2>&1; sleep 6"]);
  for (const { id } of [plain, child]) await until("it prints", () => home.bytes(id).length > 0);
  await until("its stream has ended", () => !existsSync(processPaths(home.home, quiet.id).pipe));
  for (const { id } of [plain, child]) rmSync(processPaths(home.home, id).pipe);
  await killKeeper(home);
  expect(await home.registry.recover()).toBe(3);
  expect(home.registry.get(quiet.id).losses).toEqual([]);
  for (const { id } of [plain, child]) {
    await home.ended(id);
    expect(home.bytes(id).toString().endsWith("line 50\n")).toBe(true);
    expect(home.registry.get(id).losses.map((loss) => loss.reason)).toEqual(["keeper_died"]);
  }
});

test("its FIFO's name is removed, it ends, and the keeper is killed: what its child printed is read on, or on record as lost", async () => {
  const home = makeHome();
  const go = join(home.home, "go");
  const prints = `(echo early; while [ ! -e ${go} ]; do sleep 0.05; done; echo late; [ "$1" != stays ] || exec sleep 60) & exit 0`;
  const stays = await home.start(["setsid", "-w", "sh", "-c", prints, "sh", "stays"]);
  const goes = await home.start(["sh", "-c", prints]);
  const quiet = await home.start(["echo", "early"]);
  for (const { id } of [stays, goes, quiet]) {
    await home.ended(id);
    await until("it has printed", () => home.bytes(id).length > 0);
  }
  for (const { id } of [stays, goes]) rmSync(processPaths(home.home, id).pipe);
  await killKeeper(home);
  writeFileSync(go, "");
  await until("one child has ended", () => home.system.processes.list().every((row) => home.system.processes.markOf(row.pid) !== goes.id));
  await home.start("true");
  await until("late output is kept", () => home.bytes(stays.id).includes("late"));
  await until("the loss is told", () => home.registry.get(goes.id).losses.some((loss) => loss.reason === "pipe_removed"));
  expect(home.registry.get(quiet.id).losses).toEqual([]);
  expect((await home.registry.kill(stays.id)).verdict).toBe("killed");
  await until("its stream has ended", () => !readFileSync(processPaths(home.home, stays.id).state, "utf8").includes("output_open"));
});

test("[P34] a process that ends while no keeper lives is lost, with no code", async () => {
  const home = makeHome();
  const { id, pid } = await home.start("sleep 1; exit 5");
  await killKeeper(home);
  await until("it has ended", () => home.system.processes.look(pid as number).kind === "dead");
  await home.registry.recover();
  const view = await home.ended(id);
  expect(view.exit).toMatchObject({ cause: "lost", code: null, signal: null, termination_source: "backend_lost" });
});

test("an adopted process can be killed, with its escapees", async () => {
  const home = makeHome();
  const { id } = await home.start("setsid sh -c 'echo $$; exec sleep 401' & wait");
  const escapee = await until("it has printed", () => Number(home.bytes(id).toString().trim()) || null);
  await killKeeper(home);
  await home.registry.recover();
  const result = await home.registry.kill(id);
  expect(result.verdict).toBe("killed");
  expect(home.system.processes.look(escapee).kind).toBe("dead");
});

test("SIGTERM lets the keeper go without ending anything; output goes on behind the next one", async () => {
  const home = makeHome();
  const { id } = await home.start([nodeProcess.execPath, join(programs, "numbers.mjs"), "50000", "2", "0"]);
  await until("it prints", () => home.bytes(id).length > 50_000);
  const pid = home.keeperPid();
  nodeProcess.kill(pid, "SIGTERM");
  await until("the keeper has left", () => home.system.processes.look(pid).kind === "dead");
  await home.registry.recover();
  await home.ended(id);
  expect(home.bytes(id).equals(numberedLines(50_000))).toBe(true);
});

test("a grandchild's stream is read on after both its parent and the keeper are gone", async () => {
  const home = makeHome();
  const { id } = await home.start("(sleep 1; echo one; sleep 2; echo two; sleep 60) & exit 0");
  await home.ended(id);
  await until("the first late line", () => home.bytes(id).includes("one"));
  await killKeeper(home);
  await home.start("true");
  await until("the second late line", () => home.bytes(id).includes("two"));
  expect(home.registry.get(id).exit).toMatchObject({ code: 0, output_end: 0 });
  expect((await home.registry.kill(id)).verdict).toBe("killed");
});

test("a keeper that is stopped is silent, not dead: nobody starts another over it", async () => {
  const home = makeHome();
  const { id } = await home.start("sleep 60");
  const pid = home.keeperPid();
  nodeProcess.kill(pid, "SIGSTOP");
  let late = "";
  try {
    const [status] = await home.registry.keeper.status();
    expect(status).toMatchObject({ state: "silent", pid });
    const refused = home.start("true").catch((error: unknown) => error as HermaError);
    await Promise.all([
      expect(home.registry.kill(id)).rejects.toMatchObject({ code: "KEEPER_SILENT" }),
      expect(refused).resolves.toMatchObject({ code: "KEEPER_SILENT", data: { id: expect.stringMatching(/^proc_/) } }),
    ]);
    late = ((await refused) as HermaError).data?.id as string;
  } finally {
    nodeProcess.kill(pid, "SIGCONT");
  }
  // What was asked of it meanwhile has been given up by those who asked, and is not carried out now.
  expect((await home.ended(late)).exit).toMatchObject({ cause: "failed_start", failure: { error: "REQUEST_EXPIRED" } });
  expect(home.keeperPid()).toBe(pid);
  expect(home.registry.get(id).phase).toBe("running");
  expect(processPaths(home.home, id).folder).toContain(id);
});

test("the keepers' folder is removed: the keeper stays the only one, and the process does not notice", async () => {
  const home = makeHome();
  const { id } = await home.start("read line; echo got $line; read line", { stdin: "pipe" });
  const pid = home.keeperPid();
  rmSync(join(home.home, "keepers"), { recursive: true });
  await until("it has introduced itself again", () => keeperPids(home.home).length > 0);
  expect(await runHerma(home.home, ["run", "--", "echo", "one"])).toMatchObject({ code: 0, stdout: "one\n" });
  // Through a shell, which gets what the login shell said.
  expect(await runHerma(home.home, ["run", "echo two; echo three"])).toMatchObject({ code: 0, stdout: "two\nthree\n", stderr: "" });
  expect(home.keeperPid()).toBe(pid);
  await home.registry.write(id, { data: "this\n" });
  await until("it has read", () => home.bytes(id).includes("got this"));
  expect(home.registry.get(id)).toMatchObject({ phase: "running", adoptions: 0 });
});

test("the keepers' folder is removed while the keeper is stopped: a second one takes nothing that the first still holds, and all once it has let go", async () => {
  const home = makeHome();
  const { id } = await home.start("while :; do date +%N; sleep 0.05; done");
  await until("it prints", () => home.bytes(id).length > 0);
  const first = home.keeperPid();
  nodeProcess.kill(first, "SIGSTOP");
  try {
    rmSync(join(home.home, "keepers"), { recursive: true });
    // Somebody who has never spoken to the first.
    expect(await runHerma(home.home, ["run", "--", "echo", "from the second"])).toMatchObject({ code: 0 });
    expect(home.keeperPid()).not.toBe(first);
    expect((await runHerma(home.home, ["ps"])).code).toBe(0);
    expect(home.registry.get(id)).toMatchObject({ phase: "running", adoptions: 0 });
  } finally {
    nodeProcess.kill(first, "SIGCONT");
  }
  await until("the first has left", () => home.system.processes.look(first).kind === "dead");
  await until("the second holds it", () => home.registry.get(id).adoptions === 1);
  const size = home.bytes(id).length;
  await until("it prints on", () => home.bytes(id).length > size);
  expect(home.registry.get(id).losses).toEqual([]);
  expect((await home.registry.kill(id)).verdict).toBe("killed");
});

test.runIf(nodeProcess.platform === "linux")(
  "a keeper has all its threads from the start: where its processes have left no room for another, starting one would end it",
  async () => {
    const home = makeHome();
    await home.start(["sleep", "600"]);
    const threads = () => readdirSync(`/proc/${home.keeperPid()}/task`);
    const atStart = threads();
    await home.ended((await home.start(["true"])).id);
    expect(threads()).toEqual(atStart);
  },
);
