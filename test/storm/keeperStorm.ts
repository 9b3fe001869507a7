import { homePaths, isHermaError, type ProcessId } from "../../src/contract/index.ts";
import type { Keeper } from "../../src/keeper/index.ts";
import { FakeHome, type FakeKeeper, type SpecWish } from "../../src/keeper/testing/fakeHome.ts";
import type { DiskFault, Script } from "../../src/system/fake/index.ts";
import { Observer } from "./observer.ts";
import { verify } from "./verifier.ts";

/** What goes wrong in one run. Changes of the disk are counted from the first keeper's start. */
export type Weather = {
  readonly seed: number;
  /** Changes of the disk that fail. */
  readonly faults: readonly { readonly at: number; readonly fault: DiskFault }[];
  /** Moments (ms of the machine's time) at which the keeper of then is killed. */
  readonly kills: readonly number[];
};

/** What a storm learns about itself, to aim the next ones. */
export type Passed = { readonly changes: number; readonly ms: number; readonly deaths: number };

const keeperBackAfterMs = 15;
const askAgainMs = 200;
const deadly: ReadonlySet<DiskFault> = new Set(["crash", "tear"]);
/** Longer than every script, ladder and drain; only a bound. */
const stormMsMax = 120_000;
/** A pid is given away again when its start time differs: the clock of start times ticks in hundredths. */
const pidReuseAfterMs = 20;

/** `count` lines, each of which says which it is: no two places in a stream look alike. */
export function lines(name: string, count: number, from = 0): string {
  let text = "";
  for (let line = from; line < from + count; line += 1) text += `${name} ${String(line).padStart(7, "0")}\n`;
  return text;
}

/** Prints `count` bursts of lines, `spacingMs` apart, then does `last`. */
function bursts(
  name: string,
  shape: { count: number; lines: number; spacingMs: number },
  last: (run: Parameters<Script>[0]) => void,
): Script {
  return (run) => {
    const burst = (index: number): void => {
      if (index === shape.count) {
        last(run);
        return;
      }
      run.print(lines(name, shape.lines, index * shape.lines));
      run.after(shape.spacingMs, () => burst(index + 1));
    };
    burst(0);
  };
}

/** The programs of the storm. */
export const scripts: Readonly<Record<string, Script>> = {
  talks: bursts("talk", { count: 12, lines: 40, spacingMs: 9 }, (run) => run.exit(7)),
  floods: bursts("flood", { count: 14, lines: 2500, spacingMs: 4 }, (run) => run.exit(0)),
  family: (run) => {
    const child: Script = bursts("child", { count: 4, lines: 3, spacingMs: 30 }, (own) => own.exit(0));
    run.fork(child, { session: true, marked: true, name: "child" });
    run.print(lines("parent", 5));
    run.after(20, () => run.exit(0));
  },
  stubborn: (run) => {
    run.onSignal("SIGTERM", "ignore");
    run.fork((own) => own.onSignal("SIGTERM", "ignore"), { session: true, holdsOutput: false, name: "escapee" });
    run.print("stubborn\n");
  },
  polite: (run) => {
    run.onSignal("SIGTERM", () => {
      run.print("bye\n");
      run.after(12, () => run.exit(0));
    });
    run.print("polite\n");
  },
  greedy: bursts("greedy", { count: 60, lines: 1200, spacingMs: 3 }, (run) => run.exit(0)),
  screen: bursts("screen", { count: 3, lines: 4, spacingMs: 20 }, (run) => run.exit(3)),
  quick: (run) => {
    run.print("quick\n");
    run.exit(1);
  },
  stays: (run) => run.print("stays\n"),
};

type Wanted = {
  readonly id: ProcessId;
  readonly atMs: number;
  readonly killAtMs?: number;
};

/** One run of the same day in other weather: several processes, three kills, one keeper after the other. */
export class KeeperStorm {
  readonly home: FakeHome;
  readonly observer: Observer;
  readonly #weather: Weather;
  readonly #wanted: Wanted[] = [];
  readonly #killed = new Set<ProcessId>();
  #now: FakeKeeper | null = null;
  #deaths = 0;
  #over = false;
  #stays: ProcessId;

  constructor(weather: Weather) {
    this.#weather = weather;
    this.home = new FakeHome({ seed: weather.seed });
    this.observer = new Observer(this.home.machine, this.home.home);
    for (const [name, script] of Object.entries(scripts)) this.home.install(name, script);
    const want = (name: string, when: Omit<Wanted, "id">, wish: SpecWish = {}): ProcessId => {
      const id = this.home.spec([name], wish);
      this.#wanted.push({ id, ...when });
      return id;
    };
    want("talks", { atMs: 5 });
    want("family", { atMs: 6 });
    want("stubborn", { atMs: 7, killAtMs: 60 }, { grace_ms: 40 });
    want("polite", { atMs: 8, killAtMs: 50 }, { stdin: "pipe" });
    want("floods", { atMs: 10 }, { limits: { output_bytes_max: 65_536 } });
    want("greedy", { atMs: 11 }, { limits: { output_bytes_max: 65_536, on_output_limit: "kill" }, grace_ms: 30 });
    want("screen", { atMs: 12 }, { tty: { rows: 24, cols: 80 } });
    want("nowhere", { atMs: 14 });
    want("quick", { atMs: 30 });
    this.#stays = want("stays", { atMs: 40 });
    // The limit's own kill counts as asked for.
    for (const { id } of this.#wanted) if (this.home.json(id, "spec")?.limits !== undefined) this.#limitMayKill(id);
    this.#reusePids();
  }

  #limitMayKill(id: ProcessId): void {
    const limits = this.home.json(id, "spec")?.limits as { on_output_limit?: string } | undefined;
    if (limits?.on_output_limit === "kill") this.#killed.add(id);
  }

  /** Everybody who dies leaves a pid behind, and soon a stranger has it. */
  #reusePids(): void {
    const { kernel, time } = this.home.machine;
    const reap = kernel.reap.bind(kernel);
    kernel.reap = (process) => {
      const mine = process.state === "zombie" && process.variables.HERMA_PROCESS_ID !== undefined;
      reap(process);
      if (!mine) return;
      time.after(pidReuseAfterMs, null, () => {
        if (this.#over || kernel.processes.has(process.pid)) return;
        kernel.nextPids.unshift(process.pid);
        this.home.machine.stranger("decoy");
      });
    };
  }

  /** Runs the day, verifies twice (while one still lives, and when all is over), and says what it took. Throws with the weather in the message. */
  async run(): Promise<Passed> {
    const { machine } = this.home;
    const before = machine.disk.steps;
    for (const { at, fault } of this.#weather.faults) machine.disk.failAt(at, fault);
    for (const atMs of this.#weather.kills) machine.time.after(atMs, null, () => this.#now?.system.program.kill());
    this.#startKeeper();
    const done = Promise.all(this.#wanted.map((wanted) => this.#live(wanted)));
    let changes = 0;
    try {
      await this.home.wait(done, stormMsMax);
      const others = this.#wanted.map(({ id }) => id).filter((id) => id !== this.#stays);
      const allEnded = (): boolean =>
        this.#now !== null && others.every((id) => this.home.has(id, "exit")) && this.#holds().every((id) => id === this.#stays);
      await this.home.until("all have ended but the one that stays", allEnded, stormMsMax);
      changes = machine.disk.steps - before;
      // What a bad disk refused is written again within moments.
      await this.home.pass(1500);
      await this.home.until("a keeper is there", () => this.#now !== null, stormMsMax);
      this.#verify("while one lives", new Set(this.#holds()));
      await this.#end();
    } catch (error) {
      throw new Error(`${this.#name()}: ${error instanceof Error ? error.message : String(error)}\n${this.#log()}`, { cause: error });
    }
    return { changes, ms: machine.time.nowMs, deaths: this.#deaths };
  }

  #holds(): ProcessId[] {
    const keeper = this.#now?.keeper;
    return this.#wanted.map(({ id }) => id).filter((id) => keeper?.holds(id) === true);
  }

  #verify(at: string, held: ReadonlySet<ProcessId>): void {
    const started = this.#wanted.map(({ id }) => id);
    const badDisk = this.#weather.faults.some(({ fault }) => !deadly.has(fault));
    verify({
      observer: this.observer,
      started,
      killed: this.#killed,
      held,
      mayLag: this.#deaths > 0 || badDisk,
      mayForget: this.#deaths > 0 && badDisk,
      at,
    });
  }

  /**
   * Hangs up: then everything has ended, nobody is held, and nothing waits for anything. What a bad disk kept the keeper from writing down, it
   * noted, and the next one writes.
   */
  async #end(): Promise<void> {
    const { machine } = this.home;
    for (const { id } of this.#wanted) this.#killed.add(id);
    await this.home.wait(
      this.#command((keeper) => keeper.hangup()),
      stormMsMax,
    );
    await this.#leave();
    this.#startKeeper();
    await this.home.until("the last keeper has looked", () => this.#now !== null, stormMsMax);
    await this.home.pass(5000);
    await this.#leave();
    await this.home.pass(5000);
    this.#verify("after the hang-up", new Set());
    if (machine.time.waiting > 0) throw new Error(`${machine.time.waiting} timers are left`);
  }

  /** The keeper of now leaves in order, and no other comes by itself. */
  async #leave(): Promise<void> {
    const now = this.#now;
    this.#over = true;
    if (now !== null) {
      await this.home.wait(now.keeper.abandon(), stormMsMax);
      if (now.keeper.held > 0 && this.#weather.faults.every(({ fault }) => deadly.has(fault)))
        throw new Error("the keeper still holds something");
      now.keeper.forget();
      now.system.program.kill();
    }
    this.#now = null;
    await this.home.pass(keeperBackAfterMs);
    this.#over = false;
  }

  /** One process as its client lives it: started, perhaps killed. A client asks again until it is answered. */
  async #live({ id, atMs, killAtMs }: Wanted): Promise<void> {
    await this.#until(atMs);
    await this.#command((keeper) => keeper.start(id, { PATH: "/bin" }, false)).catch(endedIsFine);
    if (killAtMs === undefined) return;
    await this.#until(killAtMs);
    this.#killed.add(id);
    const result = await this.#command((keeper) => keeper.kill(id, { source: "process.kill" }));
    if (result.survivors.length > 0) throw new Error(`${id} outlived its kill: ${JSON.stringify(result.survivors)}`);
  }

  async #command<T>(ask: (keeper: Keeper) => Promise<T>): Promise<T> {
    for (;;) {
      const now = this.#now;
      if (now === null) {
        await this.#until(this.home.machine.time.nowMs + 1);
        continue;
      }
      const died = new Promise<"died">((resolve) => now.system.program.whenDead(() => resolve("died")));
      const answer = ask(now.keeper);
      answer.catch(() => {});
      const first = await Promise.race([
        died,
        answer.then(
          (value) => ({ value }),
          (error: unknown) => ({ error }),
        ),
      ]);
      if (first === "died" || now.system.program.dead) continue;
      if ("value" in first) return first.value;
      if (!mayPass(first.error)) throw first.error;
      await this.#until(this.home.machine.time.nowMs + askAgainMs);
    }
  }

  /** One keeper after the other: when one has died, the next comes a little later, takes over, and is there for clients. */
  #startKeeper(): void {
    if (this.#over) return;
    const { time } = this.home.machine;
    const next = (): void => {
      this.#now = null;
      if (!this.#over) this.#deaths += 1;
      time.after(keeperBackAfterMs, null, () => this.#startKeeper());
    };
    let made: FakeKeeper;
    try {
      made = this.home.keeper();
    } catch {
      // It died before it could do anything, or its disk was bad.
      next();
      return;
    }
    made.system.program.whenDead(next);
    this.#listen(made);
    const ready = (): void => {
      if (!made.system.program.dead) this.#now = made;
    };
    made.keeper.adopt().then(ready, () => {});
  }

  #listen({ keeper, system }: FakeKeeper): void {
    const listener = keeper.doorbell.listen();
    const hear = async (): Promise<void> => {
      for (let batch = await listener.take(); batch !== null; batch = await listener.take()) {
        // The dead tell nobody anything.
        for (const event of batch) if (event.type === "output" && !system.program.dead) this.observer.told(event.id, event.end);
      }
    };
    hear().catch(() => {});
  }

  #until(atMs: number): Promise<void> {
    return new Promise((resolve) => this.home.machine.time.after(atMs - this.home.machine.time.nowMs, null, resolve));
  }

  #name(): string {
    const { seed, faults, kills } = this.#weather;
    return `storm ${JSON.stringify({ seed, faults, kills })}`;
  }

  #log(): string {
    const folder = homePaths(this.home.home).processes;
    return this.home.client.files
      .list(folder)
      .map((id) => `    ${id}: ${this.home.client.files.list(`${folder}/${id}`).join(" ")}`)
      .join("\n");
  }
}

/** A disk that failed, and a process that a keeper could not take over for that: later it is another answer. */
function mayPass(error: unknown): boolean {
  return ["DISK_FULL", "IO", "PROCESS_NOT_FOUND", "FILE_CORRUPT"].some((code) => isHermaError(error) && error.code === code);
}

/** A start that its keeper died in is answered by how it ended. */
function endedIsFine(error: unknown): void {
  if (!isHermaError(error, "PROCESS_ENDED")) throw error;
}
