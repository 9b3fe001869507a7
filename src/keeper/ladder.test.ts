import { expect, test } from "vitest";
import type { Identity, Survivor } from "../contract/index.ts";
import { type FakeSystem, fakeProgram, fakeSystem, type Script, type SentSignal } from "../system/fake/index.ts";
import { Census } from "./census.ts";
import { Ladder } from "./ladder.ts";
import { Tree } from "./tree.ts";

const mark = "proc_0000000000aa";

type Stage = {
  readonly system: FakeSystem;
  /** Starts a marked process. */
  start(script: Script): Identity;
  tree(root: Identity | null): Tree;
  ladder(tree: Tree, graceMs: number): Ladder;
  run(ladder: Ladder): Promise<Survivor[]>;
  pass(ms: number): Promise<void>;
  sent(): [string, number][];
};

function stage(): Stage {
  const system = fakeSystem();
  const { machine } = system;
  // A program of ours reaps orphans, so that the dead do not stay zombies.
  system.processes.becomeSubreaper();
  const census = new Census(system);
  let names = 0;
  return {
    system,
    start: (script) => {
      names += 1;
      machine.install(`program-${names}`, script);
      const output = `/tmp/pipe-${names}`;
      system.files.makeFifo(output);
      system.files.openFifo(output, { bytes: () => {}, end: () => {} });
      const variables = { PATH: "/bin", HERMA_PROCESS_ID: mark };
      const spawned = system.spawner.spawnPiped({ argv: [`program-${names}`], cwd: "/", variables, output, stdin: "none" }, () => {});
      if (!spawned.ok) throw new Error(spawned.failure.message);
      return spawned.child.identity;
    },
    tree: (root) => new Tree(system.processes, census, { mark, root, sinceMs: Number.NEGATIVE_INFINITY, limited: () => null }),
    ladder: (tree, graceMs) => new Ladder(system, tree, graceMs),
    run: (ladder) => machine.time.wait(ladder.run(), 60_000),
    pass: (ms) => machine.time.advance(ms),
    sent: () => machine.kernel.signals.filter(({ result }) => result === "sent").map(({ signal, target }) => [signal, target.pid]),
  };
}

const sleeps: Script = () => {};
const ignores: Script = (run) => run.onSignal("SIGTERM", "ignore");

test("TERM is enough for whoever listens to it: nobody is left, KILL was never sent", async () => {
  const { start, tree, ladder, run, sent, system } = stage();
  const root = start(sleeps);
  const before = system.machine.time.nowMs;
  expect(await run(ladder(tree(root), 3000))).toEqual([]);
  expect(sent()).toEqual([
    ["SIGTERM", root.pid],
    ["SIGCONT", root.pid],
  ]);
  expect(system.machine.time.nowMs - before).toBeLessThan(100);
});

test("whoever ignores TERM gets KILL when the grace is over, not before", async () => {
  const { start, tree, ladder, run, system } = stage();
  const root = start(ignores);
  expect(await run(ladder(tree(root), 700))).toEqual([]);
  const kill = system.machine.kernel.signals.find(({ signal }) => signal === "SIGKILL") as SentSignal;
  expect(kill.atMs).toBe(700);
});

test("[P10] [compat 15] a grace of 0 is TERM only, and names who is left", async () => {
  const { start, tree, ladder, run, sent } = stage();
  const root = start(ignores);
  expect(await run(ladder(tree(root), 0))).toEqual([{ pid: root.pid, name: "program-1" }]);
  expect(sent().map(([signal]) => signal)).not.toContain("SIGKILL");
});

test("a stopped process acts on TERM", async () => {
  const { start, tree, ladder, run, system, pass } = stage();
  const root = start(sleeps);
  system.machine.kernel.signal(system.machine.kernel.processes.get(root.pid)!, "SIGSTOP");
  await pass(1);
  expect(await run(ladder(tree(root), 3000))).toEqual([]);
  expect(system.machine.time.nowMs).toBeLessThan(1000);
});

test("[P39] [defect 6.1.20] [peer 17] the whole tree: group, sessions of their own, no mark, output closed, double forks", async () => {
  const { start, tree, ladder, run, sent, pass, system } = stage();
  const pids: number[] = [];
  const root = start((first) => {
    pids.push(first.pid);
    for (const wish of [{}, { session: true }, { marked: false }, { session: true, marked: false }]) {
      pids.push(first.fork(ignores, { ...wish, holdsOutput: false }).pid);
    }
    first.fork(
      (middle) => {
        pids.push(middle.fork(ignores, { session: true }).pid);
        middle.exit(0);
      },
      { session: true },
    );
  });
  await pass(10);
  expect(pids).toHaveLength(6);
  expect(await run(ladder(tree(root), 100))).toEqual([]);
  for (const pid of pids) expect(sent()).toContainEqual(["SIGTERM", pid]);
  expect(pids.filter((pid) => system.machine.kernel.processes.has(pid))).toEqual([]);
});

test("those who were seen once are known later: an unmarked orphan of a dead parent is ended too", async () => {
  const { start, tree, ladder, run, pass, system } = stage();
  let orphan = 0;
  const root = start((first) => {
    orphan = first.fork(ignores, { session: true, marked: false, holdsOutput: false }).pid;
  });
  await pass(1);
  const own = tree(root);
  // The first climb ends the root and leaves the orphan with nothing that shows whose it is.
  expect(await run(ladder(own, 0))).toEqual([{ pid: orphan, name: "program-1" }]);
  expect(await run(ladder(own, 50))).toEqual([]);
  expect(system.machine.kernel.processes.has(orphan)).toBe(false);
});

test("children that are born during the climb are ended as well", async () => {
  const { start, tree, ladder, run, system } = stage();
  let born = 0;
  const root = start((first) => {
    first.onSignal("SIGTERM", () => {
      for (let count = 0; count < 20; count += 1) {
        first.after(count * 10, () => {
          first.fork(ignores, { session: true, holdsOutput: false });
          born += 1;
        });
      }
    });
  });
  expect(await run(ladder(tree(root), 300))).toEqual([]);
  expect(born).toBe(20);
  expect([...system.machine.kernel.processes.values()].filter((process) => process.variables.HERMA_PROCESS_ID === mark)).toEqual([]);
});

test("[peer 20] a child born behind the first empty look is found by the second", async () => {
  const { start, tree, ladder, run, system } = stage();
  const root = start(sleeps);
  const { kernel } = system.machine;
  const list = system.processes.list.bind(system.processes);
  let looks = 0;
  let late = 0;
  system.processes.list = () => {
    const rows = list();
    looks += 1;
    // It was forked after the table had been read past its place.
    if (late === 0 && !rows.some((row) => row.pid === root.pid)) {
      late = kernel.create({ parent: null, name: "late", variables: { HERMA_PROCESS_ID: mark }, leads: true }).pid;
    }
    return rows;
  };
  expect(await run(ladder(tree(root), 300))).toEqual([]);
  expect(late).toBeGreaterThan(0);
  expect(kernel.signals.map(({ target }) => target.pid)).toContain(late);
  expect(looks).toBeGreaterThan(2);
});

test("[P41] [peer 19] a pid that changes hands between the look and the signal: the stranger never feels it", async () => {
  const { start, tree, ladder, run, pass, system } = stage();
  const { machine } = system;
  const root = start((first) => {
    for (let count = 0; count < 5; count += 1) first.fork(ignores, { session: true, holdsOutput: false });
  });
  await pass(50);
  const strangers = new Map<number, number>();
  const list = system.processes.list.bind(system.processes);
  system.processes.list = () => {
    const rows = list();
    for (const row of rows) {
      const process = machine.kernel.processes.get(row.pid)!;
      if (process.variables.HERMA_PROCESS_ID !== mark || strangers.size >= 3 || row.pid === root.pid) continue;
      // Right behind the look it ends, and somebody else gets its number: later, since start times tick in hundredths.
      machine.kernel.end(process, { code: 0, signal: null });
      machine.kernel.reap(process);
      machine.time.nowMs += 10;
      machine.kernel.nextPids.unshift(row.pid);
      const stranger = machine.stranger("stranger");
      strangers.set(stranger.pid, stranger.process.startTime);
    }
    return rows;
  };
  expect(await run(ladder(tree(root), 200))).toEqual([]);
  expect(strangers.size).toBe(3);
  for (const [pid, startTime] of strangers) {
    expect(machine.kernel.signals.filter(({ target }) => target.pid === pid && target.start_time === startTime)).toEqual([]);
    expect(machine.kernel.processes.get(pid)?.dead).toBe(false);
  }
});

test("a group whose leader's number is a stranger's by now is nobody's", async () => {
  const { start, tree, ladder, run, pass, system } = stage();
  const { machine } = system;
  const root = start((first) => first.exit(0));
  await pass(50);
  machine.kernel.nextPids.unshift(root.pid);
  const stranger = machine.stranger("stranger");
  const child = stranger.fork(sleeps);
  expect(await run(ladder(tree(root), 200))).toEqual([]);
  expect(machine.kernel.signals).toEqual([]);
  expect([stranger.process.dead, child.process.dead]).toEqual([false, false]);
});

test("[peer 17] its own group is never reached, though it carries the mark", async () => {
  const { start, tree, ladder, run, system } = stage();
  const { kernel } = system.machine;
  const sibling = kernel.create({ parent: system.program.process, name: "helper", variables: { HERMA_PROCESS_ID: mark }, leads: false });
  expect(sibling.group).toBe(system.program.process.group);
  const root = start(sleeps);
  expect(await run(ladder(tree(root), 200))).toEqual([]);
  expect(sibling.dead).toBe(false);
  expect(system.program.dead).toBe(false);
});

test("one that may not be signalled outlives the climb and is named", async () => {
  const { start, tree, ladder, run, system, pass } = stage();
  const root = start(sleeps);
  await pass(1);
  const open = system.processes.open.bind(system.processes);
  system.processes.open = (identity) => {
    const handle = open(identity);
    return typeof handle === "string" ? handle : { ...handle, send: () => "denied" };
  };
  expect(await run(ladder(tree(root), 100))).toEqual([{ pid: root.pid, name: "program-1" }]);
});

test("a root that the system hides is no proof of its end", async () => {
  const { start, tree, ladder, run, system, pass } = stage();
  const root = start(sleeps);
  await pass(1);
  system.machine.kernel.processes.get(root.pid)!.hidden = true;
  expect(await run(ladder(tree(root), 100))).toEqual([{ pid: root.pid, name: "?" }]);
  // It did not spin while it could wait for nobody.
  expect(system.machine.time.nowMs).toBeLessThan(5000);
});

test("a second wish: a shorter grace shortens, a longer one and TERM only change nothing", async () => {
  for (const [second, killAt] of [
    [50, 150],
    [9000, 1000],
    [0, 1000],
  ] as const) {
    const { start, tree, ladder, system } = stage();
    const climb = ladder(tree(start(ignores)), 1000);
    system.machine.time.after(100, null, () => climb.hasten(second));
    await system.machine.time.wait(climb.run());
    expect(system.machine.kernel.signals.find(({ signal }) => signal === "SIGKILL")?.atMs).toBe(killAt);
  }
});

test("a wish for KILL adds it to a climb of TERM only", async () => {
  const { start, tree, ladder, run, system } = stage();
  const climb = ladder(tree(start(ignores)), 0);
  system.machine.time.after(100, null, () => climb.hasten(200));
  expect(await run(climb)).toEqual([]);
  expect(system.machine.kernel.signals.find(({ signal }) => signal === "SIGKILL")?.atMs).toBe(300);
});

test("stopped, it ends at once, signals nobody any more and leaves no timer and no handle", async () => {
  const { start, tree, ladder, pass, system } = stage();
  const climb = ladder(tree(start(ignores)), 60_000);
  const end = climb.run().then(
    () => "verdict",
    (error: { code: string }) => error.code,
  );
  await pass(10);
  climb.stop();
  expect(await system.machine.time.wait(end)).toBe("KEEPER_LEAVING");
  expect(system.machine.time.waiting).toBe(0);
});

test("a signal to the group reaches the group and no other session", async () => {
  const { start, tree, pass } = stage();
  const pids: number[] = [];
  const root = start((first) => {
    pids.push(first.fork(sleeps).pid, first.fork(sleeps, { session: true }).pid);
  });
  await pass(1);
  const own = tree(root);
  expect(own.send("SIGUSR2", own.scanGroup()).sort()).toEqual([root.pid, pids[0]].sort());
});

test("a process of another program that carries another mark is nobody's", async () => {
  const { tree, start, system, run, ladder } = stage();
  const other = fakeProgram(system.machine, "other");
  const theirs = system.machine.kernel.create({
    parent: other.program.process,
    name: "theirs",
    variables: { HERMA_PROCESS_ID: "proc_0000000000bb" },
    leads: true,
  });
  expect(await run(ladder(tree(start(sleeps)), 100))).toEqual([]);
  expect(theirs.dead).toBe(false);
});
