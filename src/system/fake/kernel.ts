import type { Identity } from "../../contract/index.ts";
import type { GroupLimits, ProcessRow, SendResult } from "../types.ts";
import type { FakePipe } from "./pipe.ts";
import type { FakeTime, Owner } from "./time.ts";

/** Clock ticks a second, as Linux counts start times. */
const ticksPerSecond = 100;
const uptimeTicksAtStart = 1000;
const stopping = new Set(["SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU"]);
const harmless = new Set(["SIGCHLD", "SIGURG", "SIGWINCH", "SIGCONT"]);

export type EndStatus = { readonly code: number | null; readonly signal: string | null };

/** Every signal that a program of ours sent, in order: so a test can say that nothing was signalled that was not ours. */
export type SentSignal = {
  readonly atMs: number;
  readonly from: number;
  readonly target: Identity;
  readonly name: string;
  readonly signal: string;
  readonly result: SendResult;
};

/** A group of processes: what it is held to, and how often memory ran out in it. */
export type GroupRecord = { limits: GroupLimits; memoryKills: number };

/** One process of the fake machine. */
export class FakeProcess implements Owner {
  readonly pid: number;
  readonly startTime: number;
  parent: number;
  group: number;
  session: number;
  name: string;
  state: "running" | "stopped" | "zombie" | "gone" = "running";
  status: EndStatus | null = null;
  /** A test may hide it: /proc then refuses to show it. */
  hidden = false;
  /** False: it never waits for its children, so they stay zombies. */
  waits = true;
  /** Orphans below it come to it. */
  subreaper = false;
  /** Name of the group that holds it and what it starts to limits. */
  cgroup: string | null = null;
  memoryBytes = 0;
  readonly variables: Readonly<Record<string, string>>;
  readonly handlers = new Map<string, "ignore" | (() => void)>();
  /** Called once when it ends, before anybody is told. */
  readonly onEnd: (() => void)[] = [];
  /** Called once when it was reaped. */
  readonly onReaped: (() => void)[] = [];
  /** Its standard output and error, when a FIFO. */
  fifo: { readonly path: string; readonly pipe: FakePipe } | null = null;
  /** A child of it has ended; null: by {@link waits}. */
  childEnded: ((child: FakeProcess) => void) | null = null;
  /** What it would have done while stopped. */
  readonly postponed: (() => void)[] = [];

  constructor(fields: Pick<FakeProcess, "pid" | "startTime" | "parent" | "name" | "variables"> & { group: number; session: number }) {
    this.pid = fields.pid;
    this.startTime = fields.startTime;
    this.parent = fields.parent;
    this.group = fields.group;
    this.session = fields.session;
    this.name = fields.name;
    this.variables = fields.variables;
  }

  get dead(): boolean {
    return this.state === "zombie" || this.state === "gone";
  }
}

export type NewProcess = {
  readonly parent: FakeProcess | null;
  readonly name: string;
  readonly variables?: Readonly<Record<string, string>>;
  /** Lead a session and group of its own. */
  readonly leads: boolean;
};

/** The processes of the fake machine: pids, parents, signals, zombies. */
export class FakeKernel {
  readonly processes = new Map<number, FakeProcess>();
  readonly signals: SentSignal[] = [];
  /** By name. Only memory is really counted. */
  readonly groups = new Map<string, GroupRecord>();
  /** Pids to give out next, so that reuse can be staged; then they go on counting. */
  readonly nextPids: number[] = [];
  bootId = "fake-boot-1";
  readonly #time: FakeTime;
  #pid = 999;
  #bootedAtMs = 0;
  init: FakeProcess;

  constructor(time: FakeTime) {
    this.#time = time;
    this.init = this.#bootInit();
  }

  #bootInit(): FakeProcess {
    const init = new FakeProcess({ pid: 1, startTime: 1, parent: 0, group: 1, session: 1, name: "init", variables: {} });
    this.processes.set(1, init);
    return init;
  }

  /** Everything ends without being told; another boot begins. */
  reboot(bootId: string): void {
    for (const process of this.processes.values()) process.state = "gone";
    for (const process of this.processes.values()) for (const end of process.onEnd.splice(0)) end();
    this.processes.clear();
    this.groups.clear();
    this.bootId = bootId;
    this.#bootedAtMs = this.#time.nowMs;
    this.init = this.#bootInit();
  }

  create(request: NewProcess): FakeProcess {
    const pid = this.#freePid();
    const parent = request.parent ?? this.init;
    const startTime = uptimeTicksAtStart + Math.floor(((this.#time.nowMs - this.#bootedAtMs) * ticksPerSecond) / 1000);
    const place = request.leads ? { group: pid, session: pid } : { group: parent.group, session: parent.session };
    const process = new FakeProcess({
      pid,
      startTime,
      parent: parent.pid,
      name: request.name.slice(0, 15),
      variables: request.variables ?? {},
      ...place,
    });
    process.cgroup = parent.cgroup;
    this.processes.set(pid, process);
    return process;
  }

  #freePid(): number {
    const chosen = this.nextPids.shift();
    if (chosen !== undefined) {
      if (this.processes.has(chosen)) throw new Error(`pid ${chosen} is in use`);
      return chosen;
    }
    do this.#pid += 1;
    while (this.processes.has(this.#pid));
    return this.#pid;
  }

  row(process: FakeProcess): ProcessRow {
    const { pid, parent, group, session, name, startTime, state } = process;
    return { pid, parent, group, session, name, startTime, zombie: state === "zombie", stopped: state === "stopped" };
  }

  /** Since a start time of this boot. */
  ageMs(startTime: number): number {
    const now = uptimeTicksAtStart + Math.floor(((this.#time.nowMs - this.#bootedAtMs) * ticksPerSecond) / 1000);
    return ((now - startTime) * 1000) / ticksPerSecond;
  }

  identity(process: FakeProcess): Identity {
    return { boot_id: this.bootId, pid: process.pid, start_time: process.startTime };
  }

  /** The process holds this much memory. Over the limit of its group it is ended. */
  holdMemory(process: FakeProcess, bytes: number): void {
    process.memoryBytes = bytes;
    const group = process.cgroup === null ? undefined : this.groups.get(process.cgroup);
    const bytesMax = group?.limits.memoryBytesMax ?? Number.POSITIVE_INFINITY;
    let used = 0;
    for (const each of this.processes.values()) if (each.cgroup === process.cgroup && !each.dead) used += each.memoryBytes;
    if (group === undefined || used <= bytesMax) return;
    group.memoryKills += 1;
    this.end(process, { code: null, signal: "SIGKILL" });
  }

  /** Does something in the process after a while; not when it is dead, and later when it is stopped. */
  later(process: FakeProcess, delayMs: number, fn: () => void): { cancel(): void } {
    return this.#time.after(delayMs, process, () => {
      if (process.state === "stopped") process.postponed.push(fn);
      else fn();
    });
  }

  /** A signal takes effect on a later turn, as on a real machine. */
  signal(process: FakeProcess, signal: string): void {
    this.#time.after(0, process, () => this.#arrive(process, signal));
  }

  #arrive(process: FakeProcess, signal: string): void {
    if (signal === "SIGKILL") {
      this.end(process, { code: null, signal });
      return;
    }
    if (signal === "SIGCONT") this.#continue(process);
    if (stopping.has(signal) && process.handlers.get(signal) === undefined) {
      process.state = "stopped";
      return;
    }
    if (process.state === "stopped") {
      process.postponed.push(() => this.#arrive(process, signal));
      return;
    }
    const handler = process.handlers.get(signal);
    if (typeof handler === "function") handler();
    else if (handler === undefined && !harmless.has(signal)) this.end(process, { code: null, signal });
  }

  #continue(process: FakeProcess): void {
    if (process.state !== "stopped") return;
    process.state = "running";
    for (const fn of process.postponed.splice(0)) this.#time.after(0, process, fn);
  }

  /** The process ends: a zombie until its parent waits for it. Its children get another parent. */
  end(process: FakeProcess, status: EndStatus): void {
    if (process.dead) return;
    process.state = "zombie";
    process.status = status;
    for (const end of process.onEnd.splice(0)) end();
    for (const child of this.processes.values()) if (child.parent === process.pid) this.#adopt(child, process);
    this.#tellParent(process);
  }

  #adopt(child: FakeProcess, dead: FakeProcess): void {
    let parent = this.processes.get(dead.parent);
    while (parent !== undefined && !(parent.subreaper && !parent.dead)) parent = this.processes.get(parent.parent);
    child.parent = (parent ?? this.init).pid;
    if (child.state === "zombie") this.#tellParent(child);
  }

  #tellParent(process: FakeProcess): void {
    const parent = this.processes.get(process.parent);
    if (parent === undefined) this.reap(process);
    else if (parent.childEnded !== null) parent.childEnded(process);
    else if (parent.waits) this.#time.after(0, parent, () => this.reap(process));
  }

  reap(process: FakeProcess): void {
    if (process.state !== "zombie") return;
    process.state = "gone";
    if (this.processes.get(process.pid) === process) this.processes.delete(process.pid);
    for (const reaped of process.onReaped.splice(0)) reaped();
  }
}
