import { homePaths, type ProcessId, processIdPattern, processPaths } from "../../src/contract/index.ts";
import type { FakeMachine, FakeProcess } from "../../src/system/fake/index.ts";

/** One process that ever lived on the machine, as only the kernel of the fake machine knows it. */
export type Life = {
  readonly pid: number;
  readonly startTime: number;
  readonly name: string;
  /** The process of ours in whose tree it was born, wherever it went since; null for everything else. */
  readonly owner: ProcessId | null;
  /** Started by a program itself: the root of its tree. */
  readonly root: boolean;
  status: { readonly code: number | null; readonly signal: string | null } | null;
};

/** What really happened to one process's folder, seen from outside. */
export type Sight = {
  /** Every byte that went into its FIFO, by whomever, in order. */
  readonly printed: Buffer[];
  /** Contents that exit.json has had; more than one is a lie. */
  readonly exits: string[];
  /** Ends of output that were told, in order, over all keepers. */
  readonly toldEnds: number[];
  readonly problems: string[];
};

/**
 * Watches a fake machine from outside: who was born where, who ended how, what went into each FIFO, and every version of each ending. Make it
 * before the first process. What it says needs no program to be honest.
 */
export class Observer {
  readonly machine: FakeMachine;
  readonly home: string;
  readonly lives: Life[] = [];
  readonly #byProcess = new Map<FakeProcess, Life>();
  readonly #sights = new Map<ProcessId, Sight>();

  constructor(machine: FakeMachine, home: string) {
    this.machine = machine;
    this.home = home;
    this.#watchKernel();
    this.#watchFifos();
    this.#watchEndings();
  }

  sight(id: ProcessId): Sight {
    let sight = this.#sights.get(id);
    if (sight === undefined) {
      sight = { printed: [], exits: [], toldEnds: [], problems: [] };
      this.#sights.set(id, sight);
    }
    return sight;
  }

  /** Call with each end of output that a keeper tells. */
  told(id: ProcessId, end: number): void {
    this.sight(id).toldEnds.push(end);
  }

  /** Roots that were started for this id: one, or none when the start failed. */
  rootsOf(id: ProcessId): Life[] {
    return this.lives.filter((life) => life.root && life.owner === id);
  }

  alive(life: Life): boolean {
    return life.status === null;
  }

  #watchKernel(): void {
    const { kernel } = this.machine;
    const create = kernel.create.bind(kernel);
    kernel.create = (request) => {
      const process = create(request);
      const parent = request.parent === null ? undefined : this.#byProcess.get(request.parent);
      const mark = request.variables?.HERMA_PROCESS_ID;
      const born = parent !== undefined && parent.owner === null && mark !== undefined && processIdPattern.test(mark);
      const life: Life = {
        pid: process.pid,
        startTime: process.startTime,
        name: process.name,
        owner: born ? (mark as ProcessId) : (parent?.owner ?? null),
        root: born,
        status: null,
      };
      this.lives.push(life);
      this.#byProcess.set(process, life);
      return process;
    };
    const end = kernel.end.bind(kernel);
    kernel.end = (process, status) => {
      const life = this.#byProcess.get(process);
      if (life !== undefined) life.status ??= status;
      end(process, status);
    };
  }

  #watchFifos(): void {
    const { disk } = this.machine;
    const makeFifo = disk.makeFifo.bind(disk);
    disk.makeFifo = (actor, path) => {
      makeFifo(actor, path);
      const id = this.#idOf(path);
      const node = disk.find(path);
      if (id === null || node?.kind !== "fifo") return;
      const write = node.pipe.write.bind(node.pipe);
      node.pipe.write = (bytes) => {
        // The pipe may hand on what it takes at once, so the bytes are copied before.
        const copy = Buffer.from(bytes);
        const taken = write(bytes);
        this.sight(id).printed.push(copy.subarray(0, taken));
        return taken;
      };
    };
  }

  #watchEndings(): void {
    const { disk } = this.machine;
    const changed = disk.changed;
    disk.changed = (folder, name) => {
      changed(folder, name);
      if (name !== "exit.json") return;
      const id = this.#idOf(`${folder}/${name}`);
      const node = disk.find(`${folder}/${name}`);
      if (id === null) return;
      const sight = this.sight(id);
      if (node?.kind !== "file") {
        sight.problems.push("its exit.json was taken away");
        return;
      }
      const text = node.data.toString("utf8");
      if (sight.exits.at(-1) !== text) sight.exits.push(text);
      for (const root of this.rootsOf(id)) if (this.alive(root)) sight.problems.push(`exit.json was written while pid ${root.pid} lives`);
    };
  }

  /** The process whose folder holds the path directly. */
  #idOf(path: string): ProcessId | null {
    const name = path.slice(homePaths(this.home).processes.length + 1).split("/")[0] ?? "";
    return processIdPattern.test(name) && path.startsWith(`${processPaths(this.home, name).folder}/`) ? name : null;
  }
}
