import { idOf, specOf } from "../../../test/setup/records.ts";
import { HermaError, homePaths, keeperPaths, type ProcessId, processPaths, type SpecFile, timestampOf } from "../../contract/index.ts";
import { FakeMachine, type FakeMachineOptions, type FakeSystem, fakeProgram, type Script } from "../../system/fake/index.ts";
import { Keeper } from "../keeper.ts";

/** What a test may say about a process; the rest has defaults. */
export type SpecWish = Partial<Omit<SpecFile, "format" | "id">>;

/** A keeper program of the fake machine, with its lock held as the real one holds it. */
export type FakeKeeper = { readonly keeper: Keeper; readonly system: FakeSystem; readonly log: string[]; emptied: number };

/** A home on a fake machine, with a client that writes spec files and any number of keepers, one after the other or at once. */
export class FakeHome {
  readonly home = "/home/herma";
  readonly machine: FakeMachine;
  /** Whoever starts processes; alive unless the test ends it. */
  readonly client: FakeSystem;
  #ids = 0;

  constructor(options: FakeMachineOptions = {}) {
    this.machine = new FakeMachine(options);
    this.client = fakeProgram(this.machine, "client");
    this.client.files.makeFolder(homePaths(this.home).processes);
    this.client.files.makeFolder(homePaths(this.home).keepers);
  }

  /** Makes a program of this name whose runs do what the script says. */
  install(name: string, script: Script): void {
    this.machine.install(name, script);
  }

  /** A process folder with its spec.json, as a client makes it before the start. */
  spec(command: SpecFile["command"], wish: SpecWish = {}): ProcessId {
    this.#ids += 1;
    const id = idOf(this.#ids);
    const paths = processPaths(this.home, id);
    this.client.files.makeFolder(paths.output);
    const spec = specOf(id, {
      created_at: timestampOf(this.client.clock.wallMs()),
      command,
      cwd: "/tmp",
      starter: this.client.processes.self(),
      ...wish,
    });
    this.client.files.replace(paths.spec, JSON.stringify(spec), { durable: true });
    return id;
  }

  /** A new keeper program. It has not adopted yet. Throws when another one of its generation lives. */
  keeper(generation = "v1-test"): FakeKeeper {
    const system = fakeProgram(this.machine, "herma-keeper");
    try {
      return this.#keeperOn(system, generation);
    } catch (error) {
      // A program that cannot come up does not stay.
      system.program.kill();
      throw error;
    }
  }

  #keeperOn(system: FakeSystem, generation: string): FakeKeeper {
    system.files.makeFolder(keeperPaths(this.home, generation).folder);
    const lock = system.locks.tryTake(keeperPaths(this.home, generation).lock);
    if (lock === null) throw new Error(`another keeper of ${generation} lives`);
    try {
      lock.writeBody(JSON.stringify(system.processes.self()));
    } catch (error) {
      if (!(error instanceof HermaError)) throw error;
    }
    system.processes.becomeSubreaper();
    const log: string[] = [];
    const made: FakeKeeper = {
      system,
      log,
      emptied: 0,
      keeper: new Keeper({
        system,
        home: this.home,
        generation,
        log: (line) => log.push(line),
        restartSurvival: "detached",
        holdsLock: () => lock.pathIsOurs(),
        emptied: () => {
          made.emptied += 1;
        },
      }),
    };
    return made;
  }

  /** Lets time pass until the promise is settled. */
  wait<T>(promise: Promise<T>, limitMs?: number): Promise<T> {
    return this.machine.time.wait(promise, limitMs);
  }

  async pass(ms: number): Promise<void> {
    await this.machine.time.advance(ms);
  }

  until(what: string, condition: () => boolean, limitMs?: number): Promise<void> {
    return this.machine.time.until(what, condition, limitMs);
  }

  /** A file of the process's folder as JSON, or null. */
  json(id: ProcessId, name: "spec" | "state" | "exit"): Record<string, unknown> | null {
    const bytes = this.client.files.read(processPaths(this.home, id)[name]);
    return bytes === null ? null : (JSON.parse(bytes.toString("utf8")) as Record<string, unknown>);
  }

  /** Kept output, segments joined; holes are not filled. */
  output(id: ProcessId): Buffer {
    const folder = processPaths(this.home, id).output;
    const { files } = this.client;
    return Buffer.concat(files.list(folder).map((name) => files.read(`${folder}/${name}`, 1 << 30) ?? Buffer.alloc(0)));
  }

  /** Names in the process's folder. */
  names(id: ProcessId): string[] {
    return this.client.files.list(processPaths(this.home, id).folder);
  }

  has(id: ProcessId, name: keyof ReturnType<typeof processPaths>): boolean {
    return this.client.files.stat(processPaths(this.home, id)[name]) !== null;
  }
}
