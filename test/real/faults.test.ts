import { execFileSync } from "node:child_process";
import { appendFileSync, chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import nodeProcess from "node:process";
import { expect, onTestFinished, test } from "vitest";
import { processPaths } from "../../src/contract/index.ts";
import { temporaryFolder } from "../setup/folders.ts";
import { until } from "../setup/waiting.ts";
import { makeHome, runHerma } from "./home.ts";

const isRoot = nodeProcess.getuid?.() === 0 && nodeProcess.platform === "linux";

const blockBytes = 4096;

test.skipIf(!isRoot)("a full disk: the loss is recorded exactly, the child ends by itself, its end is written, others go on", async () => {
  const folder = temporaryFolder();
  const home = join(folder, "h");
  mkdirSync(home);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m,mode=0700", "tmpfs", home]);
  onTestFinished(async () => {
    await until("the file system is free", () => {
      try {
        execFileSync("umount", [home], { stdio: "ignore" });
        return true;
      } catch {
        return false;
      }
    });
  });
  const small = makeHome(home);
  const quiet = await small.start("sleep 2; echo still here; exit 8");
  // The keeper's log fills its last block, so that the next line of it does not fit on the disk either.
  for (const generation of readdirSync(join(home, "keepers")).filter((name) => name.startsWith("v"))) {
    const log = join(home, "keepers", generation, "log");
    appendFileSync(log, `${" ".repeat(blockBytes - 1 - (statSync(log).size % blockBytes))}\n`);
  }
  const { id } = await small.start("head -c 6000000 /dev/zero; exit 3");
  const view = await small.ended(id);
  expect(view.exit).toMatchObject({ code: 3, cause: "exited", output_end: 6_000_000 });
  expect(view.exit?.losses[0]).toMatchObject({ reason: "disk_full" });
  const kept = readdirSync(processPaths(home, id).output)
    .map((name) => statSync(join(processPaths(home, id).output, name)).size)
    .reduce((a, b) => a + b, 0);
  const lost = view.exit?.losses.reduce((sum, loss) => sum + (loss.bytes ?? 0), 0);
  expect(kept + (lost as number)).toBe(6_000_000);
  expect(view.output).toMatchObject({ end: 6_000_000, kept_bytes: kept, dropped_bytes: lost });
  // The disk is still full: the other one's end is told all the same.
  expect((await small.ended(quiet.id)).exit).toMatchObject({ code: 8, cause: "exited" });
  // A new start is refused with the reason, and leaves nothing half-made.
  await expect(small.start("true")).rejects.toMatchObject({ code: "DISK_FULL" });
  expect(small.registry.list({ all: true })).toHaveLength(2);
});

test("no file descriptors left: the start fails with a reason, what runs goes on", async () => {
  const folder = temporaryFolder();
  // The keeper inherits the limit of whoever starts it first.
  const limited = await runWithLimit(folder, 60, ["run", "-d", "--", "sleep 30"]);
  expect(limited.code).toBe(0);
  const home = makeHome(folder);
  const ids: string[] = [];
  let view = await home.start("sleep 30");
  for (let i = 0; i < 60 && view.phase !== "ended"; i += 1) {
    ids.push(view.id);
    view = await home.start("sleep 30");
  }
  expect(view.exit).toMatchObject({ cause: "failed_start", code: 126, failure: { error: "EMFILE" } });
  expect(ids.length).toBeGreaterThan(5);
  expect(home.registry.list().length).toBe(ids.length + 1);
  // One goes, one can come.
  await home.registry.kill(ids[0] as string);
  await home.registry.kill(ids[1] as string);
  expect((await home.start("exit 6", { yieldSeconds: 20 })).exit).toMatchObject({ code: 6 });
});

test("whoever starts the keeper first hands nothing down: processes have the usual mask, limit of files and priority", async () => {
  const folder = temporaryFolder();
  const first = await runBehind(folder, "umask 077; ulimit -Sn 2048; exec nice -n 7", ["run", "-d", "--", "sleep 60"]);
  expect(first.code).toBe(0);
  const home = makeHome(folder);
  const command = "umask; ulimit -Sn; ulimit -Hn; nice";
  const hard = execFileSync("sh", ["-c", "ulimit -Hn"]).toString().trim();
  const soft = String(Math.min(1024, Number(hard)));
  const { id } = await home.start(command, { yieldSeconds: 20 });
  expect(home.bytes(id).toString().split("\n")).toMatchObject(["0022", soft, hard, isRoot ? "0" : "7", ""]);
  const terminal = await home.start(command, { yieldSeconds: 20, tty: true });
  expect(home.bytes(terminal.id).toString().split("\r\n").slice(0, 3)).toEqual(["0022", soft, hard]);
  // The keeper needs more of them itself.
  expect(readFileSync(`/proc/${home.keeperPid()}/limits`, "latin1")).toMatch(new RegExp(`^Max open files +${hard} +${hard} `, "m"));
});

function runWithLimit(home: string, limit: number, args: string[]) {
  return runBehind(home, `ulimit -n ${limit}; exec`, args);
}

/** Runs herma behind the words of a shell, the last of which executes what follows. */
async function runBehind(home: string, words: string, args: string[]) {
  const script = join(home, "limited.sh");
  writeFileSync(script, `#!/bin/sh\n${words} "$@"\n`);
  chmodSync(script, 0o755);
  const { spawnSync } = await import("node:child_process");
  const { herma } = await import("./home.ts");
  const ran = spawnSync(script, [herma, ...args], { env: { ...nodeProcess.env, HERMA_HOME: home }, encoding: "utf8" });
  return { code: ran.status, stdout: ran.stdout, stderr: ran.stderr };
}

test("[P24] [peer 12] a missing folder falls back to the nearest ancestor and says so; a missing program and one that may not run are told apart", async () => {
  const home = makeHome();
  const missing = await home.start("pwd", { cwd: join(home.home, "not/there"), yieldSeconds: 20 });
  expect(missing).toMatchObject({ cwd: home.home, cwd_requested: join(home.home, "not/there") });
  expect(home.bytes(missing.id).toString()).toBe(`${home.home}\n`);

  const absent = await home.start(["no-such-program-anywhere", "x"], { yieldSeconds: 20 });
  expect(absent.exit).toMatchObject({ cause: "failed_start", code: 127, failure: { error: "ENOENT" }, termination_source: "failed_start" });
  const plain = join(home.home, "plain.txt");
  writeFileSync(plain, "not a program", { mode: 0o644 });
  const denied = await home.start([plain], { yieldSeconds: 20 });
  expect(denied.exit).toMatchObject({ cause: "failed_start", code: 126, failure: { error: "EACCES" } });
  // A failed start reads like any other end.
  expect(home.registry.read(absent.id).text).toBe("");
  expect((await home.registry.wait({ ids: [absent.id] })).reason).toBe("exit");
});

test("folder files cut at every length or turned into noise: everything else goes on", async () => {
  const home = makeHome();
  const good = await home.start("echo good; sleep 60");
  const done = await home.start("echo done", { yieldSeconds: 20 });
  const paths = processPaths(home.home, done.id);
  let seed = 7;
  const random = () => {
    seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff;
    return seed;
  };
  for (const path of [paths.spec, paths.state, paths.exit]) {
    const whole = readFileSync(path);
    for (let length = 0; length <= whole.length; length += 1 + (random() % 7)) {
      writeFileSync(path, whole.subarray(0, length));
      expect(home.registry.list({ all: true }).map((view) => view.id)).toContain(good.id);
    }
    for (let round = 0; round < 100; round += 1) {
      const noise = Buffer.from(whole);
      for (let i = 0; i < 1 + (random() % 40); i += 1) noise[random() % noise.length] = random() & 255;
      writeFileSync(path, noise);
      const views = home.registry.list({ all: true });
      expect(views.find((view) => view.id === good.id)).toMatchObject({ phase: "running" });
    }
    writeFileSync(path, whole);
  }
  expect(home.registry.get(done.id).exit).toMatchObject({ code: 0 });
  const ps = await runHerma(home.home, ["ps", "--all"]);
  expect(ps.code).toBe(0);
  expect(ps.stdout).toContain(good.id);
});

test("the folder of a living process is removed: inspect and kill of its full id ask its keeper, which then leaves no trace of it", async () => {
  const home = makeHome();
  const { id, pid } = await home.start("sleep 60");
  rmSync(processPaths(home.home, id).folder, { recursive: true });
  const inspected = await runHerma(home.home, ["inspect", id, "--json"]);
  expect(JSON.parse(inspected.stdout)).toMatchObject({
    id,
    phase: "running",
    pid,
    problem: expect.stringContaining("its folder was removed"),
  });
  expect(await runHerma(home.home, ["inspect", id])).toMatchObject({ code: 0, stdout: expect.stringContaining(String(pid)) });
  expect(await runHerma(home.home, ["kill", id])).toMatchObject({ code: 0, stdout: expect.stringContaining(id) });
  await until("it is gone", () => home.system.processes.look(pid as number).kind === "dead");
  expect((await home.registry.keeper.status())[0]).toMatchObject({ held: 0 });
  for (const command of ["inspect", "kill", "logs", "wait"]) {
    expect(await runHerma(home.home, [command, id])).toMatchObject({ code: 4, stderr: expect.stringContaining("there is no process") });
  }
});
