import fs from "node:fs";
import { createRequire } from "node:module";
import nodeProcess from "node:process";
import { describe, expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../../../test/setup/folders.ts";
import { until } from "../../../test/setup/waiting.ts";
import type { Identity, Usage } from "../../contract/index.ts";
import { nodeSystem } from "../index.ts";
import type { ChildExit, Spawner } from "../types.ts";
import { native } from "./native.ts";

/** What only real processes can show. */

const ways = ["posix", "libuv"] as const;
const variables = { PATH: nodeProcess.env.PATH ?? "/usr/bin:/bin" };
type Seen = { text: string; exit: ChildExit };

async function run(spawner: Spawner, argv: string[], more: Record<string, string> = {}): Promise<Seen> {
  const folder = temporaryFolder();
  const { files } = nodeSystem();
  const output = `${folder}/output`;
  files.makeFifo(output);
  let text = "";
  let ended = false;
  let exit: ChildExit | null = null;
  const handler = {
    bytes: (chunk: Uint8Array) => {
      text += Buffer.from(chunk).toString();
    },
    end: () => {
      ended = true;
    },
  };
  const reader = files.openFifo(output, handler);
  onTestFinished(() => reader.close());
  const request = { argv, cwd: folder, variables: { ...variables, ...more }, output, stdin: "none" as const };
  const spawned = spawner.spawnPiped(request, (told) => {
    exit = told;
  });
  if (!spawned.ok) throw new Error(spawned.failure.message);
  await until("the child is over", () => ended && exit !== null);
  return { text, exit: exit! };
}

describe.each(ways)("%s", (way) => {
  const { spawner } = nodeSystem({ spawn: way });

  test("only 0, 1 and 2 are open in the child, though this program has inherited more", async () => {
    // What a careless parent leaves: a descriptor without close-on-exec.
    const ends = native().pipe()!;
    onTestFinished(() => {
      fs.closeSync(ends.read);
      fs.closeSync(ends.write);
    });
    native().fcntl(ends.read, 2, 0);
    const { text } = await run(spawner, ["ls", "/proc/self/fd"]);
    // 3 is the folder that ls reads.
    expect(text).toBe("0\n1\n2\n3\n");
  });

  test("signals are at their defaults and unblocked, whatever this program does with them", async () => {
    const ignore = (): void => {};
    nodeProcess.on("SIGHUP", ignore);
    onTestFinished(() => void nodeProcess.off("SIGHUP", ignore));
    const { text } = await run(spawner, ["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"]);
    expect(text).toMatch(/^SigBlk:\t0+\nSigIgn:\t0+\n$/);
  });

  test("exec's argv[0] is what was asked for", async () => {
    const { text } = await run(spawner, ["sh", "-c", "tr '\\0' ' ' < /proc/$$/cmdline; :"]);
    expect(text).toMatch(/^sh -c /);
  });

  test("a command line that is too long is told as such", () => {
    const folder = temporaryFolder();
    const { files } = nodeSystem();
    files.makeFifo(`${folder}/output`);
    const start = (argv: string[]) =>
      spawner.spawnPiped({ argv, cwd: folder, variables, output: `${folder}/output`, stdin: "none" }, () => {});
    expect(start(["true", "x".repeat(131_072)])).toMatchObject({
      ok: false,
      failure: {
        error: "E2BIG",
        message: expect.stringContaining("an argument of it has 131072 bytes, and this system takes at most 131071"),
      },
    });
    expect(start(["true", ...Array.from({ length: 100 }, () => "x".repeat(100_000))])).toMatchObject({
      ok: false,
      failure: { error: "E2BIG", message: expect.stringMatching(/its arguments and variables have 1\d{7} bytes together/) },
    });
  });

  test("a hundred children at once: every exit is told once, with its own code", async () => {
    const folder = temporaryFolder();
    const { files } = nodeSystem();
    files.makeFifo(`${folder}/output`);
    const reader = files.openFifo(`${folder}/output`, { bytes: () => {}, end: () => {} });
    onTestFinished(() => reader.close());
    const codes: (number | null)[][] = Array.from({ length: 100 }, () => []);
    for (const [index, told] of codes.entries()) {
      const request = { argv: ["sh", "-c", `exit ${index}`], cwd: folder, variables, output: `${folder}/output`, stdin: "none" as const };
      const spawned = spawner.spawnPiped(request, (exit) => told.push(exit.code));
      expect(spawned.ok).toBe(true);
    }
    await until("all are told", () => codes.every((told) => told.length > 0));
    expect(codes).toEqual(codes.map((_, index) => [index]));
  });

  test("[defect 6.1.16] short output before a quick end in a terminal is never lost", async () => {
    const bytes = 20_480;
    for (let round = 0; round < 300; round += 1) {
      let seen = 0;
      let ended = false;
      let exit: ChildExit | null = null;
      const handler = {
        bytes: (chunk: Uint8Array) => {
          expect(ended).toBe(false);
          seen += chunk.length;
        },
        end: () => {
          ended = true;
        },
      };
      const request = { argv: ["head", "-c", String(bytes), "/dev/zero"], cwd: "/", variables, size: { rows: 24, cols: 80 } };
      const spawned = spawner.spawnTerminal(request, handler, (told) => {
        exit = told;
      });
      if (!spawned.ok) throw new Error(spawned.failure.message);
      await until("the terminal is over", () => ended && exit !== null, { pollMs: 1 });
      expect(seen).toBe(bytes);
      expect(exit).toMatchObject({ code: 0, signal: null });
    }
  });

  test("a terminal has a type, unless the child was given one", async () => {
    const show = async (more: Record<string, string>): Promise<string> => {
      let text = "";
      let ended = false;
      const request = { argv: ["printenv", "TERM"], cwd: "/", variables: { ...variables, ...more }, size: { rows: 24, cols: 80 } };
      const handler = {
        bytes: (chunk: Uint8Array) => {
          text += Buffer.from(chunk).toString();
        },
        end: () => {
          ended = true;
        },
      };
      let exited = false;
      const spawned = spawner.spawnTerminal(request, handler, () => {
        exited = true;
      });
      expect(spawned.ok).toBe(true);
      await until("it is over", () => ended && exited);
      return text.trim();
    };
    expect(await show({})).toBe("xterm-256color");
    expect(await show({ TERM: "vt100" })).toBe("vt100");
  });
});

describe("posix", () => {
  const { spawner } = nodeSystem({ spawn: "posix" });

  test("what a child used is told: its time, and its peak where it is above what our own memory leaves in it", () => {
    // In a program of its own: the test runner's memory is larger than any child a test should make.
    const folder = temporaryFolder();
    const seen = runProgram(`
      system.files.makeFifo(${JSON.stringify(`${folder}/output`)});
      const reader = system.files.openFifo(${JSON.stringify(`${folder}/output`)}, { bytes: () => {}, end: () => {} });
      const usageOf = (argv) => new Promise((resolve) => {
        const request = { argv, cwd: "/", variables: process.env, output: ${JSON.stringify(`${folder}/output`)}, stdin: "none" };
        system.spawner.spawnPiped(request, (exit) => resolve(exit.usage));
      });
      const large = await usageOf(["sh", "-c", "x=$(head -c 200000000 /dev/zero | tr '\\\\0' x)"]);
      const small = await usageOf(["true"]);
      reader.close();
      console.log(JSON.stringify({ large, small }));`) as { large: Usage; small: Usage };
    expect(seen.large.cpu_ms).toBeGreaterThan(20);
    expect(seen.large.max_rss_bytes).toBeGreaterThan(200_000_000);
    expect(seen.small.cpu_ms).toBeGreaterThanOrEqual(0);
    expect(seen.small.cpu_ms).toBeLessThan(seen.large.cpu_ms!);
    expect(seen.small.max_rss_bytes).toBeNull();
  });

  test("in a terminal usage is told too", async () => {
    let exit: ChildExit | null = null;
    const request = { argv: ["true"], cwd: "/", variables, size: { rows: 24, cols: 80 } };
    const spawned = spawner.spawnTerminal(request, { bytes: () => {}, end: () => {} }, (told) => {
      exit = told;
    });
    expect(spawned.ok).toBe(true);
    await until("it is over", () => exit !== null);
    expect(exit!.usage?.cpu_ms).toBeGreaterThanOrEqual(0);
  });

  test("nothing of the spawner stays when no child is left", async () => {
    const before = nodeProcess.listenerCount("SIGCHLD");
    await run(spawner, ["true"]);
    await until("it has let go", () => nodeProcess.listenerCount("SIGCHLD") === before);
    spawner.spawnPiped({ argv: ["no-such-program"], cwd: "/", variables, output: "/none", stdin: "none" }, () => {});
    expect(nodeProcess.listenerCount("SIGCHLD")).toBe(before);
  });
});

test("a child has the usual soft limit of open files, also when we have more open than that; ours stays", async () => {
  const limitsOf = (pid: number | string): string =>
    /^Max open files +(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/limits`, "latin1"))?.[1] ?? "";
  const own = limitsOf("self");
  const folder = temporaryFolder();
  const { files, spawner } = nodeSystem({ spawn: "posix" });
  files.makeFifo(`${folder}/output`);
  const start = async (): Promise<string> => {
    const ended = Promise.withResolvers<void>();
    const request = { argv: ["sh", "-c", "read line"], cwd: folder, variables, output: `${folder}/output`, stdin: "pipe" as const };
    const spawned = spawner.spawnPiped(request, () => ended.resolve());
    if (!spawned.ok) throw new Error(spawned.failure.message);
    const limit = limitsOf(spawned.child.pid);
    spawned.child.stdin?.close();
    await ended.promise;
    return limit;
  };
  const usual = String(Math.min(1024, Number(own)));
  expect(await start()).toBe(usual);
  const many = Array.from({ length: Math.min(1100, Number(own) - 100) }, () => fs.openSync("/dev/null", "r"));
  onTestFinished(() => {
    for (const fd of many) fs.closeSync(fd);
  });
  expect(await start()).toBe(usual);
  expect(limitsOf("self")).toBe(own);
});

test("the system loads nothing native and no module for children or terminals before it is used", () => {
  const loaded = runProgram(`
    system.files.read("/none"); system.processes.self(); system.clock.wallMs(); system.locks.look("/none");
    const { createRequire } = await import("node:module");
    const modules = [...Object.keys(createRequire("/")("module")._cache), ...process.moduleLoadList];
    console.log(JSON.stringify(modules.filter((name) => /koffi|node-pty|NativeModule (child_process|http|tty)$/.test(name))));`);
  expect(loaded).toEqual([]);
});

test("a child keeps the program alive until its end was told; a daemon and a watched stranger do not, nor do they delay its end", () => {
  const folder = temporaryFolder();
  const output = JSON.stringify(`${folder}/output`);
  const log = JSON.stringify(`${folder}/log`);
  const seen = runProgram(`
    const variables = process.env;
    system.files.makeFifo(${output});
    const daemon = system.spawner.spawnDaemon({ argv: ["sleep", "1000"], cwd: "/", variables, log: ${log} });
    const parent = system.processes.open(system.processes.identityOf(process.ppid));
    parent.onExit(() => console.log("never"));
    system.spawner.spawnPiped({ argv: ["sh", "-c", "sleep 0.2; exit 3"], cwd: "/", variables, output: ${output}, stdin: "none" }, (exit) => {
      const endedAt = Date.now();
      process.on("exit", () => console.log(JSON.stringify({ code: exit.code, delayMs: Date.now() - endedAt, daemon: daemon.child.identity })));
    });`) as { code: number; delayMs: number; daemon: Identity };
  const { processes } = nodeSystem();
  const daemon = processes.open(seen.daemon);
  if (typeof daemon === "string") throw new Error(`the daemon is ${daemon}`);
  daemon.send("SIGKILL");
  daemon.close();
  expect(seen.code).toBe(3);
  expect(seen.delayMs).toBeLessThan(900);
});

test("without descriptors a start fails as a value, leaves no child, and an exit that is waited for is still told", () => {
  const folder = temporaryFolder();
  const output = JSON.stringify(`${folder}/output`);
  const seen = runProgram(
    `
    const fs = await import("node:fs");
    const { spawn } = await import("node:child_process");
    const variables = process.env;
    const children = () => fs.readFileSync("/proc/self/task/" + process.pid + "/children", "utf8").trim().split(" ").filter(Boolean);
    system.files.makeFifo(${output});
    const reader = system.files.openFifo(${output}, { bytes: () => {}, end: () => {} });
    const start = (argv, stdin, told = () => {}) =>
      system.spawner.spawnPiped({ argv, cwd: "/", variables, output: ${output}, stdin }, told);
    await new Promise((resolve) => start(["true"], "pipe", resolve));
    const stranger = spawn("sh", ["-c", "read -r line; exit 7"], { stdio: ["pipe", "ignore", "ignore"] });
    const gone = new Promise((resolve) => stranger.on("exit", resolve));
    const handle = system.processes.open(system.processes.identityOf(stranger.pid));
    const taken = [];
    try { for (;;) taken.push(fs.openSync("/dev/null", "r")); } catch {}
    const errors = [];
    // With each descriptor that becomes free the start gets one step further.
    for (let free = 0; free < 6; free += 1) {
      const result = start(["sleep", "1000"], "pipe");
      const terminal = system.spawner.spawnTerminal({ argv: ["sleep", "1000"], cwd: "/", variables, size: { rows: 1, cols: 1 } }, { bytes() {}, end() {} }, () => {});
      for (const each of [result, terminal]) {
        if (!each.ok) errors.push(each.failure.error);
        else process.kill(each.child.pid, "SIGKILL");
      }
      fs.closeSync(taken.pop());
    }
    for (const fd of taken.splice(6)) fs.closeSync(fd);
    try { for (;;) taken.push(fs.openSync("/dev/null", "r")); } catch {}
    const told = new Promise((resolve) => { handle.onExit(resolve); setTimeout(resolve, 10_000, "never").unref(); });
    stranger.stdin.end();
    await gone;
    for (const fd of taken) fs.closeSync(fd);
    const keepAlive = setInterval(() => {}, 1000);
    const exit = await told;
    while (children().length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    clearInterval(keepAlive);
    handle.close();
    reader.close();
    console.log(JSON.stringify({ errors: [...new Set(errors)], exit, children: children() }));`,
    "ulimit -n 64; ",
  ) as Record<string, unknown>;
  expect(seen.errors).toEqual(["EMFILE"]);
  expect(seen.children).toEqual([]);
  expect(seen.exit === null || (seen.exit as ChildExit).code === 7).toBe(true);
});

/** Runs a program that has a system at hand, and returns the JSON it prints. `before`: shell commands for its surroundings. */
function runProgram(text: string, before = ""): unknown {
  const { execFileSync } = createRequire(import.meta.url)("node:child_process") as typeof import("node:child_process");
  const door = JSON.stringify(new URL("../index.ts", import.meta.url).href);
  const program = `const { nodeSystem } = await import(${door}); const system = nodeSystem(); ${text}`;
  const argv = ["-c", `${before}exec "$@"`, "sh", nodeProcess.execPath, "--input-type=module", "-e", program];
  return JSON.parse(execFileSync("sh", argv, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"], timeout: 20_000 }));
}
