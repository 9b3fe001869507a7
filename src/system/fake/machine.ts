import type { RestartSurvival } from "../../contract/index.ts";
import type { MachineVitals, MemoryVitals, ShellSnapshot, SpawnFailure } from "../types.ts";
import { FakeDisk, nameOf } from "./disk.ts";
import { FakeKernel } from "./kernel.ts";
import { testActor } from "./program.ts";
import { type Script, ScriptRun } from "./script.ts";
import { FakeTime } from "./time.ts";

export type FakeMachineOptions = {
  /** Of all random bytes. */
  readonly seed?: number;
  /** What the wall clock shows at first, in ms since the epoch. */
  readonly wallMs?: number;
  readonly diskBytes?: number;
  readonly platform?: "linux" | "darwin" | "win32";
};

/** A program that can be started: a script, or a file that is executable but in no known format. */
type Installed = { readonly kind: "script"; readonly script: Script } | { readonly kind: "noFormat" };

const wallMsDefault = Date.UTC(2026, 0, 1);
const diskBytesDefault = 256 * 1024 * 1024;

/**
 * A machine in memory: time, disk, processes, locks and pipes. One or more programs run on it, each with a {@link System} of its own
 * (fakeSystem in index.ts). Everything is decided by the seed and by the test; nothing happens while the test does not let time pass.
 */
export class FakeMachine {
  readonly time: FakeTime;
  readonly disk: FakeDisk;
  readonly kernel: FakeKernel;
  readonly platform: "linux" | "darwin" | "win32";
  readonly installed = new Map<string, Installed>();
  /** Command strings that the fake shell knows, by their exact text. */
  readonly commands = new Map<string, Script>();
  /** Inode of a locked file to the pid that holds it. */
  readonly locked = new Map<number, number>();
  /** Failures that the next starts will have, one each. */
  readonly spawnFailures: SpawnFailure[] = [];
  /** Whether the kernel tells the exit of a process that is not one's child (Linux 6.15 and newer). */
  tellsStrangersExit = true;
  /** Whether locks are shown (/proc/locks). */
  showsLocks = true;
  /** What programs are told about their descriptors; 0 lets openings fail. */
  descriptorsLeft: number | null = 1000;
  /** Ports that are listened on, with the pid that does. */
  readonly listening = new Map<number, number>();
  /** Addresses that answer a GET, with the status. */
  readonly answers = new Map<string, number>();
  /** Servers on unix sockets: what they answer, or null when they are silent. */
  readonly localServers = new Map<
    string,
    (request: { readonly method: string; readonly path: string; readonly body?: unknown }) => { status: number; body: unknown } | null
  >();
  /** Places where a descriptor may be left, with what was left there. */
  readonly descriptorPlaces = new Map<string, number[]>();
  /** What a service manager was told, by the socket it listens on; one that is not in here has nobody behind it. */
  readonly notified = new Map<string, string[]>();
  /** What the machine tells of itself. */
  vitals: MachineVitals = { load1m: 0.5, memoryFreeBytes: 2 ** 30, oomKills: 0, cgroup: null };
  /** What a program is told of its own memory. */
  memory: MemoryVitals = { rssBytes: 60_000_000, heapBytes: 20_000_000, heapBytesMax: 2_000_000_000 };
  /** What groups can be held to. */
  readonly controllers = new Set<"memory" | "pids" | "cpu">(["memory", "pids", "cpu"]);
  restartSurvival: RestartSurvival = "detached";
  snapshot: ShellSnapshot = { variables: { PATH: "/bin", HOME: "/root" }, script: null, problem: null };
  readonly watchers = new Set<{ readonly folder: string; readonly changed: (name: string | null) => void }>();
  #random: number;
  #boots = 1;

  constructor(options: FakeMachineOptions = {}) {
    this.time = new FakeTime(options.wallMs ?? wallMsDefault);
    this.disk = new FakeDisk(this.time, options.diskBytes ?? diskBytesDefault);
    this.kernel = new FakeKernel(this.time);
    this.platform = options.platform ?? "linux";
    this.#random = (options.seed ?? 1) >>> 0;
    this.disk.changed = (folder, name) => {
      for (const watcher of this.watchers) if (watcher.folder === folder) watcher.changed(name);
    };
    for (const folder of ["/bin", "/tmp", "/root"]) this.disk.makeFolder(testActor, folder, 0o755);
    this.install("sh", shell(this.commands));
  }

  /** Bytes from the seed (mulberry32). */
  random(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => {
      this.#random = (this.#random + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(this.#random ^ (this.#random >>> 15), this.#random | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return (mixed ^ (mixed >>> 14)) & 0xff;
    });
  }

  /** Puts a program at an absolute path, or in /bin. */
  install(name: string, script: Script): void {
    this.installed.set(name.startsWith("/") ? name : `/bin/${name}`, { kind: "script", script });
  }

  installNoFormat(path: string): void {
    this.installed.set(path, { kind: "noFormat" });
  }

  /** Makes the fake shell know a command string. */
  command(text: string, script: Script): void {
    this.commands.set(text, script);
  }

  /** A process that no program of ours started. */
  stranger(name: string, script: Script = () => {}, variables: Readonly<Record<string, string>> = {}): ScriptRun {
    const process = this.kernel.create({ parent: null, name: nameOf(`/${name}`), variables, leads: true });
    const run = new ScriptRun(this.kernel, process, { argv: [name], cwd: "/", output: null, input: null, terminal: null });
    run.after(0, () => script(run));
    return run;
  }

  /** The power goes and comes back: every process is gone, what was not synced is lost, the boot is another. */
  reboot(): void {
    this.#boots += 1;
    this.kernel.reboot(`fake-boot-${this.#boots}`);
    this.locked.clear();
    this.watchers.clear();
    this.disk.loseUnsynced();
  }
}

/** `sh -c TEXT` for the texts it was told; others are "not found". */
function shell(commands: ReadonlyMap<string, Script>): Script {
  return (run) => {
    const text = run.argv[run.argv.findIndex((word) => /^-[a-z]*c$/.test(word)) + 1] ?? "";
    const script = commands.get(text);
    if (script !== undefined) return script(run);
    run.print(`sh: 1: ${text}: not found\n`);
    run.exit(127);
  };
}
