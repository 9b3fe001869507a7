import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import nodeProcess from "node:process";
import { promisify } from "node:util";
import { until } from "../setup/waiting.ts";
import { root } from "./home.ts";

const run = promisify(execFile);
const script = join(root, "test/fixtures/systemdMachine.sh");
/** A boot takes two seconds; a machine where it cannot be done says so at once. */
const bootMsMax = 60_000;

export type Ran = { readonly code: number; readonly stdout: string; readonly stderr: string };

/**
 * A real systemd, booted in namespaces of its own (test/fixtures/systemdMachine.sh). The repository and the folder `shared` are seen inside
 * and outside at the same paths; pids are its own.
 */
export class SystemdMachine {
  readonly #child: ChildProcess;
  readonly #init: number;
  readonly #cgroup: string;
  readonly shared: string;

  private constructor(child: ChildProcess, init: number, cgroup: string, shared: string) {
    this.#child = child;
    this.#init = init;
    this.#cgroup = cgroup;
    this.shared = shared;
  }

  /** The machine, up and running; or why there can be none here. `folder`: an empty one. */
  static async boot(folder: string): Promise<SystemdMachine | { readonly skip: string }> {
    if (nodeProcess.getuid?.() !== 0) return { skip: "only root can boot a systemd of its own" };
    const unified = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].find((path) => existsSync(join(path, "cgroup.procs")));
    if (unified === undefined) return { skip: "there is no unified cgroup hierarchy here" };
    const [work, shared] = [join(folder, "work"), join(folder, "shared")];
    mkdirSync(work);
    mkdirSync(shared);
    const cgroup = join(unified, `herma-test-${nodeProcess.pid}`);
    const child = spawn("bash", [script, work, root, shared, cgroup], { stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(-2000);
    });
    const init = await until("systemd is up", async () => (child.exitCode !== null ? -1 : await upAt(child.pid!)), {
      deadlineMs: bootMsMax,
      pollMs: 50,
    });
    if (init === -1) {
      removeCgroup(cgroup);
      return { skip: `no systemd can be booted in namespaces here: ${said.trim()}` };
    }
    return new SystemdMachine(child, init, cgroup, shared);
  }

  /** Runs a program inside, with few variables. Never throws for its exit code. */
  async run(argv: readonly string[], variables: Readonly<Record<string, string>> = {}): Promise<Ran> {
    const set = Object.entries({ PATH: "/usr/sbin:/usr/bin:/sbin:/bin", HOME: "/root", LC_ALL: "C", ...variables });
    const words = [...enter(this.#init), "env", "-C", "/", "-i", ...set.map(([name, value]) => `${name}=${value}`), ...argv];
    try {
      const { stdout, stderr } = await run(words[0]!, words.slice(1), { maxBuffer: 16 * 1024 * 1024, timeout: 110_000 });
      return { code: 0, stdout, stderr };
    } catch (error) {
      const { code, stdout = "", stderr = "" } = error as { code?: unknown; stdout?: string; stderr?: string };
      return { code: typeof code === "number" ? code : -1, stdout, stderr: stderr === "" ? String(error) : stderr };
    }
  }

  /** Runs a program that must succeed and returns what it printed. */
  async did(argv: readonly string[], variables: Readonly<Record<string, string>> = {}): Promise<string> {
    const ran = await this.run(argv, variables);
    if (ran.code !== 0) throw new Error(`${argv.join(" ")}: exit ${ran.code}\n${ran.stdout}\n${ran.stderr}`);
    return ran.stdout.trim();
  }

  /** `herma …` inside. */
  async herma(...argv: readonly string[]): Promise<string> {
    return await this.did([nodeProcess.execPath, join(root, "bin/herma.mjs"), ...argv]);
  }

  /** One property of a unit. */
  async shows(unit: string, property: string, whose: readonly string[] = []): Promise<string> {
    return await this.did(["systemctl", ...whose, "show", `--property=${property}`, "--value", unit], userManager(whose));
  }

  /** Makes a person, who can reach the repository and the shared folder. Returns the user id. */
  async person(name: string): Promise<number> {
    await this.did(["useradd", "--create-home", name]);
    for (const place of [this.shared, root, nodeProcess.execPath]) {
      for (let folder = dirname(place); folder !== "/"; folder = dirname(folder)) await this.did(["chmod", "o+x", folder]).catch(() => {});
    }
    return Number(await this.did(["id", "-u", name]));
  }

  /** Writes a file inside, such as a unit's drop-in. */
  write(path: string, text: string): void {
    const [program, ...words] = [...enter(this.#init), "sh", "-c", 'mkdir -p "$(dirname "$1")" && cat > "$1"', "sh", path];
    execFileSync(program!, words, { input: text, stdio: "pipe" });
  }

  /**
   * Leaves a program inside no more memory than it has now, by whichever version of cgroups this machine limits memory with. Returns what
   * takes the limit away again, or why there is none.
   */
  async limitMemory(unit: string, pid: number): Promise<(() => Promise<void>) | { readonly skip: string }> {
    const set = (value: string) => this.did(["systemctl", "set-property", "--runtime", unit, `MemoryMax=${value}`, "MemorySwapMax=0"]);
    if ((await this.did(["cat", "/sys/fs/cgroup/cgroup.controllers"])).split(" ").includes("memory")) {
      await set("20M");
      return async () => void (await set("infinity"));
    }
    const first = "/sys/fs/cgroup/memory";
    if (!existsSync(join(first, "memory.limit_in_bytes"))) return { skip: "nothing limits memory here" };
    const outside = this.#pidOutside(pid);
    const cgroup = join(first, `herma-test-${nodeProcess.pid}`);
    mkdirSync(cgroup);
    // What it has was counted elsewhere; only what it takes from now on counts here.
    writeFileSync(join(cgroup, "memory.limit_in_bytes"), String(1024 * 1024));
    writeFileSync(join(cgroup, "cgroup.procs"), String(outside));
    return async () => void (await until("its last program has left the limit", () => removeCgroup(cgroup)));
  }

  /** The pid by which this machine knows a program inside. */
  #pidOutside(pid: number): number {
    const mine = readlinkSync(`/proc/${this.#init}/ns/pid`);
    for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
      try {
        const inner = /^NSpid:.*\t(\d+)$/m.exec(readFileSync(`/proc/${name}/status`, "latin1"))?.[1];
        if (Number(inner) === pid && readlinkSync(`/proc/${name}/ns/pid`) === mine) return Number(name);
      } catch {
        // It has just ended.
      }
    }
    throw new Error(`no program inside has the pid ${pid}`);
  }

  async close(): Promise<void> {
    const ended = once(this.#child, "close");
    // Its first process gets KILL with it, and all others with that.
    this.#child.kill("SIGKILL");
    await ended;
    await until("all its processes are gone", () => removeCgroup(this.#cgroup));
  }
}

function userManager(whose: readonly string[]): Record<string, string> {
  return whose.includes("--user") ? { XDG_RUNTIME_DIR: "/run/user/0" } : {};
}

function enter(init: number): string[] {
  return ["nsenter", `--target=${init}`, "--pid", "--mount", "--uts", "--ipc", "--cgroup", `--root=/proc/${init}/root`, "--wd=/"];
}

/** The first process below `unshare`, once it answers as a systemd that is up; null until then. */
async function upAt(unshare: number): Promise<number | null> {
  try {
    const [init] = readFileSync(`/proc/${unshare}/task/${unshare}/children`, "latin1").trim().split(" ");
    if (init === undefined || init === "") return null;
    const [program, ...words] = [...enter(Number(init)), "systemctl", "is-active", "--quiet", "herma-test.target"];
    await run(program!, words, { timeout: 5_000 });
    return Number(init);
  } catch {
    return null;
  }
}

/** True once it and all below it are removed, which the kernel allows when no process is in them. */
function removeCgroup(folder: string): boolean {
  if (!existsSync(folder)) return true;
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true })) if (entry.isDirectory()) removeCgroup(join(folder, entry.name));
    rmdirSync(folder);
    return true;
  } catch {
    return false;
  }
}
