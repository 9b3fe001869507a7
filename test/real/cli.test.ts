import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import nodeProcess from "node:process";
import { promisify } from "node:util";
import { onTestFinished, test } from "vitest";
import { z } from "zod";
import { ExitFile, ProcessView, ReadResult, version } from "../../src/contract/index.ts";
import { temporaryFolder } from "../setup/folders.ts";
import { deadline, event, until } from "../setup/waiting.ts";
import { herma, makeHome, type Ran, root, runHerma } from "./home.ts";

const Processes = z.strictObject({ processes: z.array(ProcessView) });
const Failure = z.strictObject({
  error: z.strictObject({ code: z.string(), message: z.string(), hint: z.string(), data: z.record(z.string(), z.unknown()).optional() }),
});

/** `herma` under way: its output so far, and its end. */
function startHerma(home: string, args: readonly string[], variables: Record<string, string> = {}) {
  const child: ChildProcess = spawn(herma, args, { env: { ...nodeProcess.env, HERMA_HOME: home, ...variables }, stdio: "pipe" });
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGKILL");
      await event(child, "close");
    }
  });
  const ran = { stdout: "", stderr: "" };
  child.stdout!.on("data", (chunk: Buffer) => {
    ran.stdout += chunk.toString();
  });
  child.stderr!.on("data", (chunk: Buffer) => {
    ran.stderr += chunk.toString();
  });
  child.stdin!.on("error", () => {});
  const closed = new Promise<Ran>((done) => child.on("close", (code, signal) => done({ code, signal, ...ran })));
  return {
    child,
    ran,
    said: (text: string) => until(`it says ${text}`, () => ran.stdout.includes(text) || null, { deadlineMs: 30_000 }),
    ended: () => deadline(closed, 60_000, `herma ${args.join(" ")} ends`),
  };
}

test("run in the foreground is the command itself: output, input, exit code", async ({ expect }) => {
  const { home } = makeHome();
  expect(await runHerma(home, ["run", "--", "echo hi; exit 3"])).toMatchObject({ code: 3, stdout: "hi\n", stderr: "" });
  expect(await runHerma(home, ["run", "cat"], { input: "one\ntwo" })).toMatchObject({ code: 0, stdout: "one\ntwo" });
  expect(await runHerma(home, ["run", "--", "printf", "%s|", "a b", "--json"])).toMatchObject({ code: 0, stdout: "a b|--json|" });
  expect(await runHerma(home, ["run", "--", "kill -KILL $$"])).toMatchObject({ code: 137 });
  const missing = await runHerma(home, ["run", "--", "no-such-program-anywhere", "x"]);
  expect(missing.code).toBe(127);
  expect(missing.stderr).toContain("no-such-program-anywhere");
});

test("run passes variables and folder on, and takes them from the options", async ({ expect }) => {
  const { home } = makeHome();
  const folder = temporaryFolder();
  const shown = await runHerma(home, [
    "run",
    "--cwd",
    folder,
    "-e",
    "A=b=c",
    "--env",
    "HOME",
    "--",
    "pwd; echo $A; echo $HERMA_PROCESS_ID",
  ]);
  expect(shown.stdout).toMatch(new RegExp(`^${folder}\nb=c\nproc_[0-9a-f]{12}\n$`));
  const wrong = await runHerma(home, ["run", "--output-max", "1k", "--", "true"]);
  expect(wrong.code).toBe(2);
  expect(wrong.stderr).toMatch(/^herma: --output-max: "1k" is not .*\nhint: .*\n$/);
});

test("a large output passes whole, at the pace of its reader", async ({ expect }) => {
  const { home } = makeHome();
  const lines = 400_000;
  const run = await runHerma(home, ["run", "--", `seq ${lines}`]);
  expect(run.code).toBe(0);
  expect(run.stdout.length).toBe(Array.from({ length: lines }, (_, at) => `${at + 1}\n`).join("").length);
  expect(run.stdout.endsWith(`\n${lines}\n`)).toBe(true);
});

test("signals reach the process of a foreground run", async ({ expect }) => {
  const { home } = makeHome();
  const trapping = startHerma(home, ["run", "--", "trap 'echo caught; exit 5' INT; echo ready; while :; do sleep 0.05; done"]);
  await trapping.said("ready");
  trapping.child.kill("SIGINT");
  expect(await trapping.ended()).toMatchObject({ code: 5, stdout: "ready\ncaught\n" });
  const plain = startHerma(home, ["run", "--", "echo ready; exec sleep 60"]);
  await plain.said("ready");
  plain.child.kill("SIGTERM");
  expect(await plain.ended()).toMatchObject({ code: 143, signal: null });
  const stubborn = startHerma(home, ["run", "--grace", "100ms", "--", "trap '' INT TERM; echo ready; while :; do sleep 0.05; done"]);
  await stubborn.said("ready");
  for (let press = 0; press < 3; press++) {
    stubborn.child.kill("SIGINT");
    // Signals of one kind that come at once are one signal: each must have been taken.
    await runHerma(home, ["ps"]);
  }
  expect((await stubborn.ended()).code).toBe(137);
});

test("the process of a foreground run survives the death of the command, and SIGPIPE ends it as it would in a shell", async ({
  expect,
}) => {
  const { home, registry } = makeHome();
  const run = startHerma(home, ["run", "--name", "stays", "--", "echo ready; exec sleep 60"]);
  await run.said("ready");
  run.child.kill("SIGKILL");
  await run.ended();
  expect(registry.list().map((view) => view.name)).toEqual(["stays"]);
  await registry.kill(registry.resolve("stays"));
  const piped = await new Promise<{ code: number | null }>((done) => {
    const shell = spawn("bash", ["-c", `"$0" run --name endless -- yes | head -n 2; exit \${PIPESTATUS[0]}`, herma], {
      env: { ...nodeProcess.env, HERMA_HOME: home },
      stdio: ["ignore", "ignore", "inherit"],
    });
    shell.on("close", (code) => done({ code }));
  });
  expect(piped.code).toBe(141);
  await until("yes has ended", () => registry.list().length === 0 || null);
  expect(registry.list({ all: true }).find((view) => view.name === "endless")?.exit?.signal).toBe("SIGPIPE");
});

test("[P17] detached: the id alone, then logs, wait, send and inspect find it by name", async ({ expect }) => {
  const { home, registry } = makeHome();
  const started = await runHerma(home, [
    "run",
    "-d",
    "--name",
    "echoes",
    "--stdin",
    "--",
    'while read line; do echo "got $line"; done; exit 4',
  ]);
  expect(started).toMatchObject({ code: 0, stderr: "" });
  const id = started.stdout.trim();
  expect(id).toMatch(/^proc_[0-9a-f]{12}$/);
  expect((await runHerma(home, ["run", "-d", "--name", "echoes", "--", "true"])).code).toBe(5);
  const following = startHerma(home, ["logs", "-f", "echoes"]);
  expect((await runHerma(home, ["send", "echoes", "hello", "there"])).code).toBe(0);
  await following.said("got hello there\n");
  const waiting = startHerma(home, ["wait", id.slice(5, 12)]);
  expect(await runHerma(home, ["wait", "echoes", "--timeout", "50ms"])).toMatchObject({ code: 124 });
  expect(await runHerma(home, ["send", "echoes", "--file", "-", "--eof", "--json"], { input: "last\n" })).toMatchObject({
    code: 0,
    stdout: `{"id":"${id}","bytes_written":5}\n`,
  });
  expect(await waiting.ended()).toMatchObject({ code: 4 });
  expect(await following.ended()).toMatchObject({ code: 0, stdout: "got hello there\ngot last\n" });
  const inspected = await runHerma(home, ["inspect", "echoes"]);
  expect(inspected.stdout).toContain("ended: exited with 4");
  const late = await runHerma(home, ["send", id, "x"]);
  expect(late.code).toBe(5);
  expect(late.stderr.split("\n")).toHaveLength(3);
  expect(registry.get(registry.resolve(id)).exit?.code).toBe(4);
});

test("run --json: the view, and in the foreground what it printed", async ({ expect }) => {
  const { home } = makeHome();
  const detached = await runHerma(home, ["run", "-d", "--json", "--name", "asleep", "--", "sleep", "60"]);
  expect(ProcessView.parse(JSON.parse(detached.stdout))).toMatchObject({ name: "asleep", command: ["sleep", "60"], exit: null });
  const ended = await runHerma(home, ["run", "--json", "--", "echo out; echo err >&2; exit 7"]);
  expect(ended).toMatchObject({ code: 7, stderr: "" });
  const result = JSON.parse(ended.stdout);
  expect(ProcessView.parse(result).exit).toMatchObject({ code: 7, cause: "exited" });
  expect(result.output_text).toBe("out\nerr\n");
  const waited = JSON.parse((await runHerma(home, ["wait", result.id, "--json"])).stdout);
  expect(waited.processes.map((view: unknown) => ProcessView.parse(view).id)).toEqual([result.id]);
  const inspected = await runHerma(home, ["inspect", "asleep", "--json"]);
  expect(ProcessView.parse(JSON.parse(inspected.stdout)).phase).toBe("running");
  const followed = (await runHerma(home, ["logs", "-f", "--json", result.id])).stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(followed[0]).toEqual({ id: result.id, from: 0, to: 8, text: "out\nerr\n" });
  expect(followed.at(-1)).toMatchObject({ id: result.id, phase: "ended", exit: { code: 7 } });
});

test("attach without a terminal shows output and sends lines; the end of its input is not the process's", async ({ expect }) => {
  const { home, start, registry } = makeHome();
  const view = await start('echo ready; while read line; do echo "got $line"; [ "$line" = stop ] && exit 2; done', { stdin: "pipe" });
  const first = startHerma(home, ["attach", view.id]);
  await first.said("ready\n");
  first.child.stdin!.end("one\n");
  await first.said("got one\n");
  expect(registry.get(view.id)).toMatchObject({ phase: "running", stdin: "open" });
  const second = startHerma(home, ["attach", view.id]);
  await second.said("got one\n");
  second.child.stdin!.write("stop\n");
  expect(await second.ended()).toMatchObject({ code: 2, stdout: "ready\ngot one\ngot stop\n" });
  expect((await first.ended()).code).toBe(2);
});

test("a terminal on a pipe: --tty without one of ours forwards input and output", async ({ expect }) => {
  const { home, start } = makeHome();
  const run = await runHerma(home, ["run", "--tty", "--", 'tty >/dev/null && stty size && read line && echo "<$line>"'], {
    input: "hello\n",
  });
  expect(run.code).toBe(0);
  expect(run.stdout).toContain("30 120\r\n");
  expect(run.stdout).toContain("<hello>\r\n");
  const cat = await start("cat", { tty: { rows: 10, cols: 40 } });
  expect((await runHerma(home, ["send", cat.id, "typed"])).code).toBe(0);
  expect((await runHerma(home, ["send", cat.id, "--key", "ctrl-d"])).code).toBe(0);
  expect(await runHerma(home, ["wait", cat.id])).toMatchObject({ code: 0 });
  expect((await runHerma(home, ["logs", cat.id])).stdout).toBe("typed\ntyped\n");
});

test("logs: the last 200 lines, all, a range, raw; gaps are told beside", async ({ expect }) => {
  const { home, start, ended } = makeHome();
  const view = await start("for i in $(seq 500); do printf '\\033[1mline %s\\033[0m\\n' $i; done; printf open");
  await ended(view.id);
  const last = await runHerma(home, ["logs", view.id]);
  expect(last.stdout.split("\n")).toHaveLength(200);
  expect(last.stdout.startsWith("line 302\n")).toBe(true);
  expect(last.stdout.endsWith("line 500\nopen")).toBe(true);
  expect((await runHerma(home, ["logs", "--lines", "2", view.id])).stdout).toBe("line 500\nopen");
  expect((await runHerma(home, ["logs", "--all", view.id])).stdout.split("\n")).toHaveLength(501);
  expect((await runHerma(home, ["logs", "--tail", "12", "--raw", view.id])).stdout).toBe("500\x1b[0m\nopen");
  expect((await runHerma(home, ["logs", "--since", "start", "--lines", "3", view.id])).code).toBe(2);
  const json = ReadResult.parse(JSON.parse((await runHerma(home, ["logs", "--since", "0", "--json", view.id])).stdout));
  expect(json).toMatchObject({ id: view.id, from: 0, to: json.end, more: false });
  const long = await start("seq 200000", { limits: { output_bytes_max: 65_536 } });
  await ended(long.id);
  const kept = await runHerma(home, ["logs", "--all", long.id]);
  expect(kept.stderr).toMatch(/^… \d+ bytes \(262144–\d+\) are no longer kept\n$/);
  expect((await runHerma(home, ["logs", "--all", "--no-gaps", long.id])).stderr).toBe("");
  const cut = await new Promise<string>((done) => {
    execFile(
      "bash",
      ["-c", `"$0" logs --all "$1" | head -n 1; echo "\${PIPESTATUS[0]}"`, herma, long.id],
      { env: { ...nodeProcess.env, HERMA_HOME: home } },
      (_, out, err) => done(out + err),
    );
  });
  expect(cut).toMatch(/^1\n0\n/);
  expect(cut).not.toContain("EPIPE");
});

test("ps and its JSON; wait for several; kill with verdicts", async ({ expect }) => {
  const { home, start, ended } = makeHome();
  expect(await runHerma(home, ["ps"])).toMatchObject({ code: 0 });
  const short = await start("exit 1");
  const quick = await start("true");
  const one = await start("exec sleep 60", { name: "one" });
  const two = await start(["sleep", "61"]);
  await ended(short.id);
  await ended(quick.id);
  const table = (await runHerma(home, ["ps"])).stdout.trimEnd().split("\n");
  expect(table[0]).toMatch(/^ID +NAME +PHASE +PID +UPTIME\/ENDED +OUTPUT +COMMAND$/);
  expect(table).toHaveLength(3);
  expect(table.find((line) => line.includes(" one "))).toContain("exec sleep 60");
  const all = Processes.parse(JSON.parse((await runHerma(home, ["ps", "--all", "--json"])).stdout));
  expect(new Set(all.processes.map((view) => view.id))).toEqual(new Set([short.id, quick.id, one.id, two.id]));
  expect((await runHerma(home, ["wait", short.id, quick.id])).code).toBe(1);
  const any = await runHerma(home, ["wait", "--any", one.id, quick.id, "--json"]);
  expect(any.code).toBe(0);
  expect(JSON.parse(any.stdout)).toMatchObject({ reason: "exit" });
  const killed = await runHerma(home, ["kill", "one", short.id, "proc_ffffffffffff"]);
  expect(killed.code).toBe(4);
  expect(killed.stdout).toContain(`${one.id} was killed by SIGTERM (process.kill)`);
  expect(killed.stdout).toContain(`${short.id} had ended before: it exited with 1`);
  expect(killed.stderr).toContain("proc_ffffffffffff");
  const rest = JSON.parse((await runHerma(home, ["kill", "--all", "--json"])).stdout);
  expect(rest.results).toHaveLength(1);
  expect(rest.results[0]).toMatchObject({ id: two.id, verdict: "killed", survivors: [] });
  expect(ExitFile.parse(rest.results[0].exit)).toMatchObject({ signal: "SIGTERM", cause: "killed" });
  expect((await runHerma(home, ["kill"])).code).toBe(2);
});

test("a signal by name goes to the process, without a ladder", async ({ expect }) => {
  const { home, start } = makeHome();
  const view = await start("trap 'echo hup' HUP; echo ready; while :; do sleep 0.05; done");
  const following = startHerma(home, ["logs", "-f", view.id]);
  await following.said("ready");
  expect((await runHerma(home, ["kill", "--signal", "hup", view.id])).code).toBe(0);
  await following.said("hup");
  expect((await runHerma(home, ["kill", "--signal", "nonsense", view.id])).code).toBe(2);
  expect((await runHerma(home, ["kill", view.id])).code).toBe(0);
  await following.ended();
});

test("errors: two lines for people, one object for programs, exit codes of the catalogue", async ({ expect }) => {
  const home = temporaryFolder();
  const nobody = await runHerma(home, ["logs", "nobody"]);
  expect(nobody.code).toBe(4);
  expect(nobody.stdout).toBe("");
  expect(nobody.stderr).toMatch(/^herma: .*nobody.*\nhint: .*\n$/);
  const json = await runHerma(home, ["logs", "nobody", "--json"]);
  expect(json).toMatchObject({ code: 4, stderr: "" });
  expect(Failure.parse(JSON.parse(json.stdout)).error.code).toBe("PROCESS_NOT_FOUND");
  const unknown = await runHerma(home, ["--json", "pss"]);
  expect(unknown.code).toBe(2);
  expect(Failure.parse(JSON.parse(unknown.stdout)).error.hint).toContain("ps");
});

test("without a keeper or a gateway the state is told all the same", async ({ expect }) => {
  const home = temporaryFolder();
  expect(JSON.parse((await runHerma(home, ["keeper", "status", "--json"])).stdout)).toEqual({ keepers: [] });
  expect(await runHerma(home, ["gateway", "status", "--json"])).toMatchObject({ code: 3 });
  const alone = await runHerma(home, []);
  expect(alone.code).toBe(0);
  expect(alone.stdout).toContain("Usage: herma");
  expect(alone.stdout.trimEnd().split("\n").at(-1)).toMatch(/^0 live processes · gateway not running · home /);
  expect(await runHerma(home, ["--version"])).toMatchObject({ code: 0, stdout: `${version}\n` });
  expect((await runHerma(home, ["ps", "--json"])).stdout).toBe('{"processes":[]}\n');
});

test("config: what is in force, and what is wrong with the file", async ({ expect }) => {
  const home = temporaryFolder();
  expect((await runHerma(home, ["config", "check"])).code).toBe(0);
  expect(JSON.parse((await runHerma(home, ["config", "show", "--json"])).stdout).gateway.port).toBe(7717);
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, "herma.yaml"), "gateway:\n  port: many\n");
  const wrong = await runHerma(home, ["config", "check"]);
  expect(wrong.code).toBe(78);
  expect(wrong.stdout).toContain("herma.yaml:2: error: gateway.port:");
  expect(JSON.parse((await runHerma(home, ["config", "check", "--json"])).stdout).problems).toHaveLength(1);
});

test("keeper status and stop", async ({ expect }) => {
  const { home, start } = makeHome();
  const view = await start("exec sleep 60");
  const { keepers } = JSON.parse((await runHerma(home, ["keeper", "status", "--json"])).stdout);
  expect(keepers).toMatchObject([{ state: "running", held: 1 }]);
  const stopped = await runHerma(home, ["keeper", "stop"]);
  expect(stopped).toMatchObject({ code: 0 });
  expect(stopped.stdout).toContain(`keeper ${keepers[0].pid}`);
  expect((await runHerma(home, ["inspect", view.id, "--json"])).stdout).toContain('"cause":"killed"');
});

test("the completion script parses, and completes commands, options and processes", async ({ expect }) => {
  const { home, start } = makeHome();
  const view = await start("exec sleep 60", { name: "dev-server" });
  const script = await runHerma(home, ["completion", "bash"]);
  const parsed = await new Promise<number | null>((done) => {
    const bash = spawn("bash", ["-n"], { stdio: ["pipe", "ignore", "inherit"] });
    bash.on("close", done);
    bash.stdin.on("error", () => {});
    bash.stdin.end(script.stdout);
  });
  expect(parsed).toBe(0);
  // Read twice, in a shell without the package bash-completion.
  const typed = "COMP_WORDS=(herma ins) COMP_CWORD=1; compopt() { :; }; __herma_complete; echo $COMPREPLY";
  const twice = await promisify(execFile)("bash", ["--norc", "-c", `${script.stdout}\n${script.stdout}\n${typed}`], {
    env: { PATH: `${root}/bin:${nodeProcess.env.PATH}`, HERMA_HOME: home },
  });
  expect(twice).toEqual({ stdout: "inspect\n", stderr: "" });
  for (const shell of ["zsh", "fish"]) expect((await runHerma(home, ["completion", shell])).stdout).toContain("herma complete --");
  const words = async (...typed: string[]) =>
    (await runHerma(home, ["complete", "--", ...typed])).stdout.split("\n").map((line) => line.split("\t")[0]);
  expect(await words("ins")).toContain("inspect");
  expect(await words("gateway", "")).toEqual(expect.arrayContaining(["run", "status"]));
  expect(await words("logs", "--fo")).toContain("--follow");
  expect(await words("kill", "")).toEqual(expect.arrayContaining(["dev-server", view.id]));
  expect(await words("run", "--lifetime", "")).toEqual(expect.arrayContaining(["session", "host"]));
  expect(await words("run", "--cwd", "")).toEqual([":0", ""]);
});
