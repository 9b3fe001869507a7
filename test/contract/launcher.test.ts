import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import nodeProcess from "node:process";
import { parseSync, Visitor } from "oxc-parser";
import { describe, expect, onTestFinished, test } from "vitest";
import { errorCatalogue } from "../../src/contract/index.ts";
import { temporaryFolder } from "../setup/folders.ts";
import { event } from "../setup/waiting.ts";

const root = resolve(import.meta.dirname, "../..");
const report = `console.log(JSON.stringify({ args: process.argv.slice(2), version: process.versions.node, chosen: process.env.HERMA_NODE_CHOSEN ?? null }));`;

/** A checkout in small: the launcher, and a command line that tells how it was started. */
function checkout(folder = join(temporaryFolder(), "a check out")): string {
  cpSync(join(root, "bin"), join(folder, "bin"), { recursive: true });
  write(folder, "package.json", '{"type":"module"}');
  write(folder, "src/cli/main.ts", `const typed: number = 1; void typed; ${report}`);
  return folder;
}

function write(folder: string, path: string, text: string, mode = 0o644): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text, { mode });
}

/** Makes this checkout's launcher believe that every Node.js is too old. */
function demandTheFuture(folder: string): void {
  const path = join(folder, "bin/herma.mjs");
  const source = readFileSync(path, "utf8");
  expect(source).toContain("const oldest = [24, 2];");
  writeFileSync(path, source.replace("const oldest = [24, 2];", "const oldest = [999, 9];"));
}

function run(
  command: string,
  args: string[],
  variables: Record<string, string> = {},
): { status: number | null; stdout: string; stderr: string } {
  const env = { HOME: temporaryFolder(), PATH: `${dirname(nodeProcess.execPath)}:/usr/bin:/bin`, ...variables };
  return spawnSync(command, args, { encoding: "utf8", env, timeout: 60_000 });
}

describe("bin/herma, the shell's part", () => {
  test("starts the checkout's own Node.js before the one on PATH, and hands every argument on", () => {
    const folder = checkout();
    write(folder, "node_modules/node/bin/node", `#!/bin/sh\necho own "$#" "$3"`, 0o755);
    expect(run(join(folder, "bin/herma"), ["a b", "c  d", ""]).stdout).toBe("own 4 c  d\n");
  });

  test("has what lives for weeks open no debugger at SIGUSR1, with the Node.js whose version it knows", () => {
    const folder = checkout();
    write(folder, "node_modules/node/bin/node", `#!/bin/sh\necho "$1"`, 0o755);
    expect(run(join(folder, "bin/herma"), ["gateway", "run", "--port", "0"]).stdout).toBe("--disable-sigusr1\n");
    expect(run(join(folder, "bin/herma"), ["gateway", "stop"]).stdout).toMatch(/herma.mjs\n$/);
  });

  test("takes the package `node` beside it when it is a dependency itself", () => {
    const folder = checkout(join(temporaryFolder(), "node_modules/herma"));
    write(folder, "../node/bin/node", "#!/bin/sh\necho beside", 0o755);
    expect(run(join(folder, "bin/herma"), []).stdout).toBe("beside\n");
  });

  test("takes the one on PATH when there is no other", () => {
    const folder = checkout();
    const out = run(join(folder, "bin/herma"), ["x", "--y=*"]);
    expect(JSON.parse(out.stdout)).toEqual({ args: ["x", "--y=*"], version: nodeProcess.versions.node, chosen: null });
    expect(out.stderr).toBe("");
  });

  test("says so in one line when there is none at all", () => {
    const folder = checkout();
    const tools = temporaryFolder();
    symlinkSync("/bin/sh", join(tools, "sh"));
    const out = run(join(folder, "bin/herma"), [], { PATH: tools });
    expect(out.status).toBe(78);
    expect(out.stderr.trim().split("\n")).toHaveLength(1);
    expect(out.stderr).toContain(errorCatalogue.NODE_TOO_OLD.hint);
  });

  test("follows links, relative and absolute, from any folder and by name", () => {
    const folder = checkout();
    const links = temporaryFolder();
    symlinkSync(join(folder, "bin/herma"), join(links, "first"));
    mkdirSync(join(links, "sub"));
    symlinkSync("../first", join(links, "sub/herma"));
    expect(readlinkSync(join(links, "sub/herma"))).toBe("../first");
    const path = `${join(links, "sub")}:${dirname(nodeProcess.execPath)}:/usr/bin:/bin`;
    expect(JSON.parse(run("herma", ["1"], { PATH: path }).stdout).args).toEqual(["1"]);
    const byName = spawnSync("sh", ["herma", "2"], { cwd: join(folder, "bin"), encoding: "utf8" });
    expect(JSON.parse(byName.stdout).args).toEqual(["2"]);
  });

  test("is JavaScript as well", () => {
    expect(JSON.parse(run(nodeProcess.execPath, [join(checkout(), "bin/herma"), "1"]).stdout).args).toEqual(["1"]);
  });
});

describe("bin/herma.mjs", () => {
  test("an old Node.js without a newer one says so in one line and exits 78", () => {
    const folder = checkout();
    demandTheFuture(folder);
    const out = run(nodeProcess.execPath, [join(folder, "bin/herma.mjs"), "ps"]);
    expect(out.status).toBe(errorCatalogue.NODE_TOO_OLD.exit);
    expect(out.stdout).toBe("");
    expect(out.stderr).toBe(
      `herma: Node.js ${nodeProcess.versions.node} is too old, 999.9 or newer is needed. ${errorCatalogue.NODE_TOO_OLD.hint}\n`,
    );
  });

  test("an old Node.js hands over to the pinned one, with its arguments, and ends as it ends", () => {
    const folder = checkout();
    demandTheFuture(folder);
    write(folder, "node_modules/node/bin/node", `#!/bin/sh\necho pinned "$2"; exit 7`, 0o755);
    const out = run(nodeProcess.execPath, [join(folder, "bin/herma.mjs"), "a b"]);
    expect(out).toMatchObject({ status: 7, stdout: "pinned a b\n", stderr: "" });
  });

  test("a pinned one that is too old itself does not call for ever", () => {
    const folder = checkout();
    demandTheFuture(folder);
    write(folder, "node_modules/node/bin/node", `#!/bin/sh\nexec "${nodeProcess.execPath}" "$@"`, 0o755);
    expect(run(nodeProcess.execPath, [join(folder, "bin/herma.mjs")])).toMatchObject({ status: 78, stdout: "" });
  });

  test("a signal to the old one reaches the one it handed over to, and comes back as its end", async () => {
    const folder = checkout();
    demandTheFuture(folder);
    write(
      folder,
      "node_modules/node/bin/node",
      `#!/bin/sh\ntrap 'echo told; trap - TERM; kill -TERM $$' TERM; echo ready; while :; do read -r _; done`,
      0o755,
    );
    const child = spawn(nodeProcess.execPath, [join(folder, "bin/herma.mjs")], { stdio: ["pipe", "pipe", "inherit"] });
    onTestFinished(() => void child.kill("SIGKILL"));
    let said = "";
    child.stdout.on("data", (chunk) => {
      said += String(chunk);
    });
    await event(child.stdout, "data");
    const ended = event(child, "close");
    child.kill("SIGTERM");
    // The shell's read is interrupted only by input in some shells; in the others it has ended before it could read this.
    child.stdin.on("error", () => {});
    child.stdin.end("\n");
    expect(await ended).toEqual([null, "SIGTERM"]);
    expect(said).toBe("ready\ntold\n");
  });

  test("a SIGUSR1 that nobody listens to yet opens no debugger", () => {
    const folder = checkout();
    const heard = `process.kill(process.pid, "SIGUSR1"); process.on("SIGUSR1", () => { console.log(process.getBuiltinModule("inspector").url()); process.exit(); })`;
    write(folder, "src/cli/main.ts", `${heard}; setTimeout(() => {}, 30_000);`);
    expect(run(nodeProcess.execPath, [join(folder, "bin/herma.mjs")])).toMatchObject({ stdout: "undefined\n", stderr: "" });
  });

  test("keeps compiled code in a folder that only its user may write, and does without when it cannot", () => {
    const folder = checkout();
    const cache = join(temporaryFolder(), "cache");
    const entry = join(folder, "bin/herma.mjs");
    run(nodeProcess.execPath, [entry], { XDG_CACHE_HOME: cache });
    expect(statSync(join(cache, "herma")).mode & 0o777).toBe(0o700);
    rmSync(join(cache, "herma"), { recursive: true });
    mkdirSync(join(cache, "herma"));
    chmodSync(join(cache, "herma"), 0o777);
    expect(run(nodeProcess.execPath, [entry], { XDG_CACHE_HOME: cache }).status).toBe(0);
    expect(statSync(join(cache, "herma")).nlink).toBe(2);
    write(cache, "file", "");
    expect(run(nodeProcess.execPath, [entry], { XDG_CACHE_HOME: join(cache, "file") })).toMatchObject({ status: 0, stderr: "" });
  });

  test("the published package starts from dist", () => {
    const folder = checkout();
    rmSync(join(folder, "src"), { recursive: true });
    write(folder, "dist/cli/main.mjs", report);
    expect(JSON.parse(run(nodeProcess.execPath, [join(folder, "bin/herma.mjs"), "1"]).stdout).args).toEqual(["1"]);
  });

  test("a build is used until a source is newer", () => {
    const folder = checkout();
    write(folder, "dist/cli/main.mjs", `console.log("built");`);
    write(folder, "dist/built", "");
    const source = join(folder, "src/cli/main.ts");
    const start = () => run(nodeProcess.execPath, [join(folder, "bin/herma.mjs")]).stdout;
    const builtAt = statSync(join(folder, "dist/built")).mtime;
    expect(start()).toBe("built\n");
    utimesSync(source, builtAt, new Date(builtAt.getTime() + 1000));
    expect(start()).toContain("version");
    rmSync(join(folder, "dist/built"));
    expect(start()).toContain("version");
  });

  test.each(["herma.mjs", "oldNode.mjs"])("%s has nothing in it that Node.js 12 cannot read", (name) => {
    const source = readFileSync(join(root, "bin", name), "utf8");
    const young: string[] = [];
    let depth = 0;
    const enter = (): void => void depth++;
    const leave = (): void => void depth--;
    new Visitor({
      ChainExpression: () => young.push("?."),
      LogicalExpression: (node) => void (node.operator === "??" && young.push("??")),
      AssignmentExpression: (node) => void (["??=", "||=", "&&="].includes(node.operator) && young.push(node.operator)),
      StaticBlock: () => young.push("static block"),
      PropertyDefinition: () => young.push("class field"),
      ImportDeclaration: (node) => void (node.source.value.startsWith("node:") && young.push(node.source.value)),
      AwaitExpression: () => void (depth === 0 && young.push("top-level await")),
      FunctionDeclaration: enter,
      "FunctionDeclaration:exit": leave,
      FunctionExpression: enter,
      "FunctionExpression:exit": leave,
      ArrowFunctionExpression: enter,
      "ArrowFunctionExpression:exit": leave,
    }).visit(parseSync(name, source).program);
    expect(young).toEqual([]);
  });

  test("demands what package.json demands", () => {
    const { engines } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    const oldest = /const oldest = \[(\d+), (\d+)\]/.exec(readFileSync(join(root, "bin/herma.mjs"), "utf8"));
    expect(engines.node).toBe(`>=${oldest?.[1]}.${oldest?.[2]}`);
    expect(existsSync(join(root, "bin/herma"))).toBe(true);
  });
});
