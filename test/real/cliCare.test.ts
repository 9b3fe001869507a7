/** What a person may trip over at the command line: each is refused or told before anything is started. */
import { execFile } from "node:child_process";
import { chownSync, existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { basename, join } from "node:path";
import nodeProcess from "node:process";
import { test } from "vitest";
import { keeperPaths } from "../../src/contract/index.ts";
import { temporaryFolder } from "../setup/folders.ts";
import { deadline } from "../setup/waiting.ts";
import { herma, keeperPids, makeHome, runHerma } from "./home.ts";

const isRoot = nodeProcess.getuid?.() === 0;
const other = 65_534;

type Ended = { readonly code: number; readonly stdout: string; readonly stderr: string };

/** As `runHerma`, for any program and with variables of its own. */
function run(program: string, args: readonly string[], variables: Record<string, string>): Promise<Ended> {
  const { promise, resolve } = Promise.withResolvers<Ended>();
  const child = execFile(program, args, { env: { ...nodeProcess.env, ...variables } }, (error, stdout, stderr) => {
    resolve({ code: error === null ? 0 : typeof error.code === "number" ? error.code : -1, stdout, stderr });
  });
  child.stdin?.end();
  return deadline(promise, 60_000, [program, ...args].join(" "));
}

test("keys of providers pass when a person names them, and are held back else", async ({ expect }) => {
  const { home } = makeHome();
  const variables = { HERMA_HOME: home, OPENAI_API_KEY: "inherited", GITHUB_TOKEN: "inherited", PLAIN: "inherited" };
  const shown = async (...options: string[]) =>
    (await run(herma, ["run", ...options, "--", 'echo "[$OPENAI_API_KEY][$GITHUB_TOKEN][$PLAIN]"'], variables)).stdout;
  expect(await shown()).toBe("[][][inherited]\n");
  expect(await shown("--env", "OPENAI_API_KEY", "--env", "GITHUB_TOKEN=named")).toBe("[inherited][named][inherited]\n");
  const own = await runHerma(home, ["run", "--env", "HERMA_DRAIN_SECRET=x", "--", "true"]);
  expect(own).toMatchObject({ code: 2, stdout: "" });
  expect(own.stderr).toContain("HERMA_DRAIN_SECRET");
  expect(own.stderr).not.toContain("=x");
});

test("a folder that does not exist is refused: the command is not run elsewhere", async ({ expect }) => {
  const { home } = makeHome();
  const folder = temporaryFolder();
  writeFileSync(join(folder, "file"), "");
  for (const wrong of [join(folder, "missing"), join(folder, "file")]) {
    expect(await runHerma(home, ["run", "--cwd", wrong, "--", "touch ran"])).toMatchObject({ code: 2, stdout: "" });
  }
  const link = join(folder, "link");
  symlinkSync(folder, link);
  expect(await runHerma(home, ["run", "--cwd", link, "--", "pwd -P"])).toMatchObject({ code: 0, stdout: `${folder}\n` });
  const removed = join(folder, "removed");
  const inRemoved = (rest: string) => {
    mkdirSync(removed);
    return run("sh", ["-c", `cd '${removed}' && rmdir '${removed}' && exec '${herma}' run ${rest}`], { HERMA_HOME: home });
  };
  const gone = await inRemoved("-- 'touch ran'");
  expect(gone).toMatchObject({ code: 2, stdout: "" });
  expect(gone.stderr).toContain("does not exist any more");
  expect(await inRemoved(`--cwd '${folder}' -- 'pwd -P'`)).toMatchObject({ code: 0, stdout: `${folder}\n` });
});

test("what would not arrive as it was typed is refused", async ({ expect }) => {
  const { home } = makeHome();
  expect(await runHerma(home, ["run", "--", ""])).toMatchObject({ code: 2, stderr: expect.stringContaining("the command is empty") });
  const bytes = await run("sh", ["-c", `exec '${herma}' run -- cat "$(printf 'caf\\351.txt')"`], { HERMA_HOME: home });
  expect(bytes).toMatchObject({ code: 2, stderr: expect.stringContaining("not UTF-8") });
  expect(keeperPids(home)).toEqual([]);
});

test("[compat 10] the original's home and its settings are neither read nor touched: ours is ~/.herma, whatever HERMES_HOME says", async ({
  expect,
}) => {
  const person = temporaryFolder();
  const theirs = join(person, ".hermes");
  mkdirSync(theirs);
  writeFileSync(join(theirs, "config.yaml"), "gateway: {port: not-a-port}\n");
  writeFileSync(join(theirs, "herma.yaml"), "gateway: {port: not-a-port}\n");
  const shown = await run("sh", ["-c", `unset HERMA_HOME; exec '${herma}' config show --json`], { HOME: person, HERMES_HOME: theirs });
  expect(shown).toMatchObject({ code: 0, stdout: expect.stringContaining("7717") });
  const told = await run("sh", ["-c", `unset HERMA_HOME; exec '${herma}' gateway status --json`], { HOME: person, HERMES_HOME: theirs });
  expect(told.code).toBe(3);
  expect(readdirSync(theirs).sort()).toEqual(["config.yaml", "herma.yaml"]);
});

test("settings behind a link, and a home that cannot be entered, are told by name", async ({ expect }) => {
  const { home } = makeHome();
  const elsewhere = join(temporaryFolder(), "herma.yaml");
  writeFileSync(elsewhere, "");
  symlinkSync(elsewhere, join(home, "herma.yaml"));
  for (const args of [["ps"], ["config", "show"], ["run", "true"]]) {
    expect(await runHerma(home, args)).toMatchObject({ code: 78, stderr: expect.stringContaining("symbolic link") });
  }
  const loop = join(temporaryFolder(), "loop");
  symlinkSync(loop, loop);
  expect(await runHerma(loop, ["ps"])).toMatchObject({ code: 78, stderr: expect.stringContaining(`the home ${loop} cannot be used`) });
});

test("a file in the home's place is no empty home, and a place that takes no folders is told by its reason", async ({ expect }) => {
  const file = join(temporaryFolder(), "file");
  writeFileSync(file, "");
  for (const args of [["ps"], ["ps", "--all"], ["gateway", "status"], ["run", "true"]]) {
    const refused = await runHerma(file, args);
    expect(refused).toMatchObject({ code: 78, stdout: "" });
    expect(refused.stderr).toContain(`the home ${file} cannot be used: something that is no folder stands there`);
  }
  expect(await runHerma("/proc/herma", ["ps"])).toMatchObject({ code: 0 });
  for (const args of [
    ["run", "-d", "--", "true"],
    ["gateway", "run"],
  ]) {
    expect(await runHerma("/proc/herma", args)).toMatchObject({
      code: 78,
      stderr: expect.stringContaining("/proc is there: it takes no folders"),
    });
  }
});

test.runIf(isRoot)("a home in which another user's keeper has worked is left alone", async ({ expect }) => {
  const home = temporaryFolder();
  const { folder } = keeperPaths(home, "v1-theirs");
  mkdirSync(folder, { recursive: true });
  chownSync(join(home, "keepers"), other, other);
  for (const args of [
    ["run", "true"],
    ["run", "-d", "--", "true"],
  ]) {
    const refused = await runHerma(home, args);
    expect(refused).toMatchObject({ code: 78, stdout: "" });
    expect(refused.stderr).toContain(`another user (uid ${other})`);
    expect(refused.stderr).toContain("sudo -u");
  }
});

test("a command has the mask of the shell it is run from, others the usual one; the files of the home are private all the same", async ({
  expect,
}) => {
  const { home, start, bytes } = makeHome();
  const shown = await run("sh", ["-c", `umask 027; exec '${herma}' run -- 'umask; sleep 0.01'`], { HERMA_HOME: home });
  expect(shown).toMatchObject({ code: 0, stdout: "0027\n" });
  const other = await start("umask", { yieldSeconds: 20 });
  expect(bytes(other.id).toString()).toBe("0022\n");
  await start("exec sleep 60", { stdin: "pipe" });
  const open = readdirSync(home, { recursive: true, encoding: "utf8" }).filter((name) => (statSync(join(home, name)).mode & 0o077) !== 0);
  expect(open).toEqual([]);
});

test("an empty --home is a variable that was never set: nothing happens in another home", async ({ expect }) => {
  const { home } = makeHome();
  for (const words of [["ps"], ["--version"], [], ["kill", "--all"], ["gateway", "stop"]]) {
    for (const empty of [["--home", ""], ["--home="]]) {
      const refused = await runHerma(home, [...words, ...empty]);
      expect(refused).toMatchObject({ code: 2, stdout: "" });
      expect(refused.stderr).toContain("a folder is missing");
    }
  }
});

test.skipIf(!existsSync("/dev/full"))("what cannot be printed is a failure with its reason, and ends no process", async ({ expect }) => {
  const { home, registry } = makeHome();
  const full = (words: string) => run("bash", ["-c", `"$0" ${words} > /dev/full`, herma], { HERMA_HOME: home });
  for (const words of ["ps", "ps --json", "--version", "config show", "run -- 'echo printed; sleep 100'"]) {
    const { code, stderr } = await full(words);
    expect([words, code, stderr]).toEqual([
      words,
      6,
      expect.stringMatching(/^herma: standard output cannot be written: ENOSPC.*\nhint: .*\n$/),
    ]);
  }
  const [left] = registry.list();
  expect(left?.phase).toBe("running");
  expect((await registry.kill(left!.id)).verdict).toBe("killed");
});

test("without HOME the home is that of the user's entry in passwd, not one in each folder", async ({ expect }) => {
  const folder = temporaryFolder();
  const asked = await run("sh", ["-c", `cd '${folder}' && unset HERMA_HOME && HOME= exec '${herma}' --json`], {});
  expect(JSON.parse(asked.stdout).home).toBe(join(userInfo().homedir, ".herma"));
});

test("in a folder that was removed, or lies too deep to be named, a relative home is refused and everything else works", async ({
  expect,
}) => {
  const { home } = makeHome();
  const folder = temporaryFolder();
  const removed = `mkdir '${folder}/removed' && cd '${folder}/removed' && rmdir '${folder}/removed'`;
  const deep = `cd '${folder}'; for i in $(seq 50); do d=$(printf 'd%.0s' $(seq 100)); mkdir -p $d; cd $d; done`;
  for (const go of [removed, deep]) {
    const inIt = (rest: string, variables: Record<string, string> = { HERMA_HOME: home }) =>
      run("bash", ["-c", `${go}; exec '${herma}' ${rest}`], variables);
    const refused = await inIt("ps", { HERMA_HOME: "relative" });
    expect(refused).toMatchObject({ code: 78, stdout: "" });
    expect(refused.stderr).toContain("relative");
    expect(await inIt("mcp")).toMatchObject({ code: 0, stdout: "" });
    expect((await inIt("run -- true")).stderr).toMatch(/does not exist any more, or lies too deep/);
    expect(await inIt("run --cwd / -- pwd")).toMatchObject({ code: 0, stdout: "/\n" });
  }
});

test("what is not UTF-8 in a variable or in the home's path is refused: it would arrive as something else", async ({ expect }) => {
  const { home } = makeHome();
  const folder = temporaryFolder();
  const sh = (script: string) => run("bash", ["-c", script], { HERMA_HOME: home });
  const variable = await sh(`exec '${herma}' run --env A=$'\\xff' -- true`);
  expect(variable).toMatchObject({ code: 2, stdout: "" });
  expect(variable.stderr).toContain("UTF-8");
  const place = await sh(`mkdir '${folder}/'$'\\xff'; exec '${herma}' --home '${folder}/'$'\\xff' run -- true`);
  expect(place).toMatchObject({ code: 78, stdout: "" });
  expect(readdirSync(folder)).toHaveLength(1);
});

test("with --json also a command without its second word, and a link to no gateway, are told in JSON", async ({ expect }) => {
  const { home } = makeHome();
  for (const [words, code, exit] of [
    [["keeper"], "BAD_REQUEST", 2],
    [["gateway"], "BAD_REQUEST", 2],
    [["config"], "BAD_REQUEST", 2],
    [["gateway", "link"], "GATEWAY_DOWN", 3],
  ] as const) {
    const told = await runHerma(home, ["--json", ...words]);
    expect([told.code, JSON.parse(told.stdout).error.code], words.join(" ")).toEqual([exit, code]);
  }
  expect(await runHerma(home, ["keeper"])).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("Usage: herma keeper") });
});

test("a keeper whose socket has no room in the home comes up also where XDG_RUNTIME_DIR is another user's, or nothing any more", async ({
  expect,
}) => {
  const deep = join(temporaryFolder(), "a-folder-with-quite-a-long-name".repeat(3));
  for (const runtime of ["/proc/none", "/proc/1/root/none", "relative"]) {
    const { home } = makeHome(join(deep, basename(runtime)));
    expect(await run(herma, ["run", "--", "exit 3"], { HERMA_HOME: home, XDG_RUNTIME_DIR: runtime })).toMatchObject({
      code: 3,
      stderr: "",
    });
  }
});
