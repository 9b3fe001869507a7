import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, copyFileSync, fstatSync, mkdirSync, openSync, symlinkSync, writeFileSync } from "node:fs";
import nodeProcess from "node:process";
import { temporaryFolder } from "../../../test/setup/folders.ts";
import { noGroupsHere } from "../../../test/setup/groups.ts";
import { until } from "../../../test/setup/waiting.ts";
import { type ConformanceWorld, conformance, type Programs, type Stranger } from "../conformance.ts";
import { type NodeSystemOptions, nodeSystem } from "../index.ts";

const shell = (script: string, ...more: string[]): string[] => ["sh", "-c", script, "sh", ...more];

const programs: Programs = {
  exit: (code) => shell(`exit ${code}`),
  dieOf: (signal) => shell(`kill -${signal.slice(3)} $$`),
  print: (text) => shell('printf %s "$1"', text),
  printError: (text) => shell('printf %s "$1" > /dev/stderr', text),
  flood: (bytes) => shell('head -c "$1" /dev/zero', String(bytes)),
  copyInput: () => shell("cat /dev/stdin; printf '<eof>'"),
  sleep: () => shell("echo ready; exec sleep 1000"),
  ignoreTerm: () => shell("trap 'echo no' TERM; echo ready; while :; do sleep 1000 & wait $!; kill $!; done"),
  leaveBehind: () => shell(`sh -c 'sleep 1000 & trap "kill $!; echo late; exit" USR1; echo $$; wait $!' & exit 5`),
  showVariable: (name) => ["printenv", name],
  showSize: () => shell("size() { stty size | tr ' ' x; }; size; read -r line; echo got $line; size; exit 4"),
};

/** Helpers that run beside the system under test, ended and waited for when the test is over. */
class Helpers {
  readonly #children: ChildProcess[] = [];

  /** Starts a shell script whose input is a pipe; the promise gives the first line it prints. */
  async start(script: string, ...more: string[]): Promise<{ child: ChildProcess; line: string; text: () => string }> {
    const child = spawn("sh", ["-c", script, "sh", ...more], { stdio: ["pipe", "pipe", "inherit"] });
    this.#children.push(child);
    child.stdin!.on("error", () => {});
    let text = "";
    child.stdout!.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    await until(`the first line of ${script}`, () => text.includes("\n"));
    return { child, line: text.slice(0, text.indexOf("\n")), text: () => text };
  }

  async close(): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, "exit");
      // First the end of the input, by which it ends its own child too; a shell that only sleeps needs the signal.
      child.stdin!.end();
      const early = await Promise.race([ended.then(() => true), new Promise<false>((resolve) => setImmediate(resolve, false))]);
      if (!early && child.stdout !== null) child.kill("SIGTERM");
      await ended;
    }
  }
}

async function stranger(helpers: Helpers, folder: string, name: string): Promise<Stranger> {
  // The kernel's name of a process is its file's: a shell copied under the name.
  const path = `${folder}/${name}`;
  copyFileSync("/bin/sh", path);
  const { child, line } = await helpers.start("\"$1\" -c 'echo $$; read -r line; exit 7'; exit 0", path);
  return { pid: Number(line), end: () => child.stdin!.end() };
}

async function neglected(helpers: Helpers): Promise<Stranger> {
  // The shell is replaced by a program that waits for nobody.
  const { child, line } = await helpers.start("exec 3<&0; sh -c 'echo $$; read -r line; exit 7' <&3 & exec sleep 1000");
  return { pid: Number(line), end: () => child.stdin!.end() };
}

/** Prints what it hears as one line of JSON each, until the end of its input. */
const listener = `
import json, select, socket, sys
heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
name = sys.argv[1]
heard.bind(chr(0) + name[1:] if name[0] == "@" else name)
print("ready", flush=True)
while True:
    ready, _, _ = select.select([heard, sys.stdin], [], [])
    if sys.stdin in ready: break
    print(json.dumps(heard.recv(65536).decode()), flush=True)
`;

function smallDisk(folder: string, bytes: number, closers: (() => void)[]): { folder: string } | { skip: string } {
  if (nodeProcess.getuid?.() !== 0) return { skip: "only root can mount a small disk" };
  const place = `${folder}/disk`;
  mkdirSync(place);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${bytes}`, "herma-test", place], { stdio: "ignore" });
  } catch {
    return { skip: "a small disk cannot be mounted here" };
  }
  closers.push(() => execFileSync("umount", [place]));
  return { folder: place };
}

function makeWorld(options: NodeSystemOptions): ConformanceWorld {
  const base = temporaryFolder();
  const aside = `${base}/aside`;
  const folder = `${base}/home`;
  mkdirSync(aside);
  mkdirSync(folder);
  writeFileSync(`${aside}/text`, "no program");
  writeFileSync(`${aside}/noformat`, "echo no format", { mode: 0o755 });
  const helpers = new Helpers();
  const closers: (() => void)[] = [];
  return {
    system: nodeSystem(options),
    folder,
    programs,
    variables: { PATH: nodeProcess.env.PATH ?? "/usr/bin:/bin" },
    notExecutable: `${aside}/text`,
    noFormat: `${aside}/noformat`,
    until: async (what, condition) => void (await until(what, () => condition() || null, { pollMs: 2 })),
    pass: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    makeLink: (path, target) => symlinkSync(target, path),
    smallDisk: (bytes) => smallDisk(base, bytes, closers),
    openDescriptor: () => {
      const fd = openSync(`${aside}/text`, "r");
      closers.push(() => closeSync(fd));
      return {
        fd,
        isSame: (other) => {
          const same = other !== fd && fstatSync(other).ino === fstatSync(fd).ino;
          closeSync(other);
          return same;
        },
      };
    },
    lockElsewhere: async (path) => {
      const { child, line } = await helpers.start("flock --no-fork \"$1\" sh -c 'echo $$; read -r line'", path);
      const release = async (): Promise<void> => {
        child.stdin!.end();
        await once(child, "exit");
      };
      return { pid: Number(line), release };
    },
    manager: async (socket) => {
      if (nodeProcess.platform !== "linux") return { skip: "no systemd on this system" };
      const { text } = await helpers.start('exec python3 -c "$1" "$2"', listener, socket);
      return {
        told: () =>
          text()
            .split("\n")
            .slice(1, -1)
            .map((line): string => JSON.parse(line)),
      };
    },
    stranger: (name) => stranger(helpers, aside, name),
    neglected: () => neglected(helpers),
    noGroups: noGroupsHere(),
    close: async () => {
      await helpers.close();
      for (const close of closers) close();
    },
  };
}

conformance("node, posix_spawn", () => makeWorld({ spawn: "posix" }));
conformance("node, child_process and node-pty", () => makeWorld({ spawn: "libuv" }));
