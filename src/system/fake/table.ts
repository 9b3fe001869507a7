import { HermaError, type Identity } from "../../contract/index.ts";
import { signalNumber } from "../node/signals.ts";
import type { ChildExit, ProcessHandle, ProcessRow, ProcessTable, Sameness, Seen, SendResult } from "../types.ts";
import type { FakeProcess } from "./kernel.ts";
import type { FakeMachine } from "./machine.ts";
import type { FakeProgram } from "./program.ts";

/** How long a zombie's exit is waited for, as the real table does. */
const reapWaitMs = 250;

/** The process table of the fake machine as one program sees it. */
export class FakeTable implements ProcessTable {
  readonly #machine: FakeMachine;
  readonly #program: FakeProgram;

  constructor(machine: FakeMachine, program: FakeProgram) {
    this.#machine = machine;
    this.#program = program;
  }

  bootId(): string {
    return this.#machine.kernel.bootId;
  }

  pidNamespace(): string | null {
    return this.#program.pidNamespace;
  }

  ageMs(identity: Identity): number | null {
    return identity.boot_id === this.bootId() ? this.#machine.kernel.ageMs(identity.start_time) : null;
  }

  self(): Identity {
    return this.#machine.kernel.identity(this.#program.process);
  }

  look(pid: number): Seen {
    this.#program.demandAlive();
    if (!Number.isSafeInteger(pid) || pid < 1) return { kind: "unknown", why: `${pid} is no process id` };
    const process = this.#machine.kernel.processes.get(pid);
    if (process === undefined || process.dead) return { kind: "dead" };
    if (process.hidden) return { kind: "unknown", why: `process ${pid} is hidden` };
    return { kind: "alive", row: this.#machine.kernel.row(process) };
  }

  identityOf(pid: number): Identity | null {
    const seen = this.look(pid);
    return seen.kind === "alive" ? { boot_id: this.bootId(), pid, start_time: seen.row.startTime } : null;
  }

  compare(identity: Identity): Sameness {
    if (identity.boot_id !== this.bootId()) return "gone";
    const seen = this.look(identity.pid);
    if (seen.kind === "unknown") return "unknown";
    return seen.kind === "alive" && seen.row.startTime === identity.start_time ? "same" : "gone";
  }

  list(): ProcessRow[] {
    this.#program.demandAlive();
    const { kernel } = this.#machine;
    return [...kernel.processes.values()].filter((process) => !process.hidden).map((process) => kernel.row(process));
  }

  openedAs(): string | null {
    return null;
  }

  sleepsReading(): boolean | null {
    return null;
  }

  hasMark(pid: number, mark: string): boolean | null {
    this.#program.demandAlive();
    const process = this.#machine.kernel.processes.get(pid);
    if (process === undefined || process.dead) return false;
    return process.hidden ? null : process.variables.HERMA_PROCESS_ID === mark;
  }

  markOf(pid: number): string | null | undefined {
    this.#program.demandAlive();
    const process = this.#machine.kernel.processes.get(pid);
    if (process === undefined || process.dead) return null;
    return process.hidden ? undefined : (process.variables.HERMA_PROCESS_ID ?? null);
  }

  open(identity: Identity): ProcessHandle | "gone" | "unknown" {
    const now = this.compare(identity);
    if (now !== "same") return now;
    return this.#handle(identity, this.#machine.kernel.processes.get(identity.pid)!);
  }

  #handle(identity: Identity, process: FakeProcess): ProcessHandle {
    const { kernel, time } = this.#machine;
    let open = true;
    return {
      identity,
      send: (signal) => {
        this.#program.demandAlive();
        if (signalNumber(signal) === null) throw new HermaError("BAD_REQUEST", `This system has no signal ${signal}`);
        const result: SendResult = !open || process.dead ? "gone" : process.hidden ? "denied" : "sent";
        if (open) {
          const sent = { atMs: time.nowMs, from: this.#program.process.pid, target: identity, name: process.name, signal, result };
          kernel.signals.push(sent);
        }
        if (result === "sent") kernel.signal(process, signal);
        return result;
      },
      onExit: (ended) => {
        this.#whenEnded(process, reapWaitMs, (exit) => {
          if (open) ended(exit);
        });
      },
      onEnd: (ended) => {
        this.#whenEnded(process, 0, () => {
          if (open) ended();
        });
      },
      close: () => {
        open = false;
      },
    };
  }

  /** Told once: with the exit when it is reaped in time and the kernel tells, else with null. */
  #whenEnded(process: FakeProcess, exitWaitMs: number, ended: (exit: ChildExit | null) => void): void {
    const { time } = this.#machine;
    let told = false;
    const tell = (exit: ChildExit | null): void => {
      if (!told) ended(exit);
      told = true;
    };
    const whenDead = (): void => {
      if (!this.#machine.tellsStrangersExit) {
        time.after(0, this.#program, () => tell(null));
        return;
      }
      process.onReaped.push(() => time.after(0, this.#program, () => tell({ ...process.status!, usage: null })));
      time.after(exitWaitMs, this.#program, () => tell(null));
    };
    if (process.dead) whenDead();
    else process.onEnd.push(whenDead);
  }

  setOomScore(): void {
    this.#program.demandAlive();
  }

  plainPriority(): boolean {
    return true;
  }

  becomeSubreaper(): boolean {
    this.#program.demandAlive();
    if (this.#machine.platform !== "linux") return false;
    this.#program.process.subreaper = true;
    return true;
  }

  reapOrphans(): number {
    this.#program.demandAlive();
    const { kernel } = this.#machine;
    const own = this.#program.ownChildren;
    const ended = [...kernel.processes.values()].filter(
      ({ pid, parent, state }) => parent === this.#program.process.pid && state === "zombie" && !own.has(pid),
    );
    for (const orphan of ended) kernel.reap(orphan);
    return ended.length;
  }
}
