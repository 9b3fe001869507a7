import { HermaError } from "../../contract/index.ts";
import type { Group, GroupLimits, Groups } from "../types.ts";
import type { FakeProcess } from "./kernel.ts";
import type { FakeMachine } from "./machine.ts";
import type { FakeProgram } from "./program.ts";

const root = "/sys/fs/cgroup";

/** Groups of the fake machine: all programs make them at the same place, and only memory is really counted. */
export function fakeGroups(machine: FakeMachine, program: FakeProgram): Groups {
  const open = (name: string): Group | null => (machine.kernel.groups.has(name) ? new FakeGroup(machine, program, name) : null);
  return {
    make: (name, limits) => {
      program.demandAlive();
      refuseMissing(machine, limits);
      if (!machine.kernel.groups.has(name)) machine.kernel.groups.set(name, { limits: {}, memoryKills: 0 });
      const group = new FakeGroup(machine, program, name);
      group.limit(limits);
      return group;
    },
    open: (folders) => {
      program.demandAlive();
      return folders[0]?.startsWith(`${root}/`) === true ? open(folders[0].slice(root.length + 1)) : null;
    },
    of: (pid, name) => {
      program.demandAlive();
      return machine.kernel.processes.get(pid)?.cgroup === name ? open(name) : null;
    },
    list: (prefix) => {
      program.demandAlive();
      return [...machine.kernel.groups.keys()].filter((name) => name.startsWith(prefix)).map((name) => ({ name, group: open(name)! }));
    },
  };
}

function refuseMissing(machine: FakeMachine, { memoryBytesMax, pidsMax, cpuPercentMax }: GroupLimits): void {
  const asked = { memory: memoryBytesMax, pids: pidsMax, cpu: cpuPercentMax };
  for (const [name, value] of Object.entries(asked)) {
    if (value !== undefined && value !== null && !machine.controllers.has(name as "memory"))
      throw new HermaError("LIMIT_UNAVAILABLE", `A limit of ${name} cannot be enforced here: no such controller`);
  }
}

class FakeGroup implements Group {
  readonly folders: readonly string[];
  readonly #machine: FakeMachine;
  readonly #program: FakeProgram;
  readonly #name: string;

  constructor(machine: FakeMachine, program: FakeProgram, name: string) {
    this.#machine = machine;
    this.#program = program;
    this.#name = name;
    this.folders = [`${root}/${name}`];
  }

  limit(limits: GroupLimits): void {
    this.#program.demandAlive();
    refuseMissing(this.#machine, limits);
    const record = this.#machine.kernel.groups.get(this.#name);
    if (record !== undefined) record.limits = { ...record.limits, ...limits };
  }

  members(): number[] {
    this.#program.demandAlive();
    return this.#processes().map((process) => process.pid);
  }

  #processes(): FakeProcess[] {
    return [...this.#machine.kernel.processes.values()].filter((process) => process.cgroup === this.#name && !process.dead);
  }

  kill(): void {
    this.#program.demandAlive();
    for (const process of this.#processes()) this.#machine.kernel.signal(process, "SIGKILL");
  }

  memoryKills(): number {
    this.#program.demandAlive();
    return this.#machine.kernel.groups.get(this.#name)?.memoryKills ?? 0;
  }

  remove(): boolean {
    this.#program.demandAlive();
    if (this.#processes().length > 0) return false;
    this.#machine.kernel.groups.delete(this.#name);
    return true;
  }
}
