import {
  exitReservedBytes,
  HermaError,
  type Identity,
  isHermaError,
  type KeeperHello,
  type KeeperProcess,
  keeperPaths,
  keeperProtocol,
  type ProcessId,
  processPaths,
  type RestartSurvival,
  timestampOf,
  version,
} from "../contract/index.ts";
import type { ShellSnapshot, System } from "../system/index.ts";
import { adoptAll, withAdoptLock } from "./adopt.ts";
import { Doorbell } from "./doorbell.ts";
import { readFolder } from "./evidence.ts";
import { Held, type Keeping, type Line } from "./held.ts";
import { launchPlan } from "./launch.ts";
import type { Log } from "./log.ts";

const snapshotTimeoutMs = 5000;
/** Children are ended before their keeper when memory runs out. */
const oomScoreAboveKeeper = 300;
/** Another keeper that adopts right now is done within moments; until then this one looks again so often. */
const adoptRetryMs = 50;

/** Kept free for answering, recording ends and killing: a start that would go below it is refused as failed. */
const descriptorsReserved = 24;

export type KeeperOptions = {
  readonly system: System;
  readonly home: string;
  readonly generation: string;
  readonly log: Log;
  readonly restartSurvival: RestartSurvival;
  /** Called whenever the keeper holds nothing any more. */
  readonly emptied?: () => void;
};

/** Owns processes: starts them, keeps their output, reaps them, ends them on request. One per home and generation. */
export class Keeper {
  readonly doorbell: Doorbell;
  readonly #options: KeeperOptions;
  readonly #keeping: Keeping;
  readonly #held = new Map<string, Held>();
  readonly #starting = new Map<string, Promise<KeeperProcess>>();
  readonly #startedAt: string;
  readonly #snapshot: Promise<{ snapshot: ShellSnapshot; script: string | null; shell: string }>;
  #leaving = false;

  constructor(options: KeeperOptions) {
    const { system } = options;
    this.#options = options;
    this.doorbell = new Doorbell(system.clock);
    this.#startedAt = timestampOf(system.clock.wallMs());
    const instanceId = Buffer.from(system.random(8)).toString("hex");
    this.#keeping = {
      system,
      home: options.home,
      doorbell: this.doorbell,
      log: options.log,
      identity: { generation: options.generation, instance_id: instanceId, identity: system.processes.self() },
      restartSurvival: options.restartSurvival,
      released: (held) => this.#release(held),
    };
    this.#snapshot = this.#takeSnapshot();
  }

  get instanceId(): string {
    return this.#keeping.identity.instance_id;
  }
  get held(): number {
    return this.#held.size + this.#starting.size;
  }
  get leaving(): boolean {
    return this.#leaving;
  }

  hello(): KeeperHello {
    const { identity } = this.#keeping;
    return {
      protocol: keeperProtocol,
      version,
      generation: identity.generation,
      instance_id: identity.instance_id,
      identity: identity.identity,
      home: this.#options.home,
      started_at: this.#startedAt,
      restart_survival: this.#options.restartSurvival,
      held: this.held,
      leaving: this.#leaving,
    };
  }

  /** Takes over what dead keepers left. Returns how many processes it took. */
  adopt(): Promise<number> {
    return this.#adopt({ skip: (id) => this.#held.has(id) || this.#starting.has(id) });
  }

  async #adopt(options: Parameters<typeof adoptAll>[1]): Promise<number> {
    for (;;) {
      const result = withAdoptLock(this.#keeping, () => adoptAll(this.#keeping, options));
      if (result !== null) {
        for (const held of result.adopted) if (!held.ended || held.lingers) this.#held.set(held.id, held);
        for (const id of result.ended) this.doorbell.tell({ type: "exit", id });
        return result.adopted.length;
      }
      await new Promise<void>((resolve) => this.#options.system.clock.after(adoptRetryMs, resolve));
    }
  }

  list(): KeeperProcess[] {
    return [...this.#held.values()].filter((held) => !held.ended).map((held) => held.view());
  }

  /** Throws PROCESS_NOT_FOUND when neither this keeper nor the home knows it. */
  view(id: ProcessId): KeeperProcess {
    const held = this.#held.get(id);
    if (held !== undefined) return held.view();
    const folder = readFolder(this.#options.system, this.#options.home, id);
    if (folder.state === null) {
      if (folder.exit !== null) throw new HermaError("PROCESS_ENDED", `${id} ended before it could be started`);
      throw new HermaError("PROCESS_NOT_FOUND", `this keeper does not hold ${id}`);
    }
    return { state: folder.state, exit: folder.exit, output_end: folder.exit?.output_end ?? 0 };
  }

  /** The held process, living or with its stream still open. Throws PROCESS_ENDED or PROCESS_NOT_FOUND. */
  get(id: ProcessId): Held {
    const held = this.#held.get(id);
    if (held !== undefined) return held;
    const folder = readFolder(this.#options.system, this.#options.home, id);
    if (folder.exit !== null) throw new HermaError("PROCESS_ENDED", `${id} has ended`);
    throw new HermaError("PROCESS_NOT_FOUND", `this keeper does not hold ${id}`);
  }

  /** As {@link get}, but ended processes are found too: what carries their mark can still be ended. */
  async killable(id: ProcessId): Promise<Held> {
    // A kill that comes during the start waits for it: then there is somebody to end.
    await this.#starting.get(id)?.catch(() => {});
    const held = this.#held.get(id);
    if (held !== undefined) return held;
    const folder = readFolder(this.#options.system, this.#options.home, id);
    if (folder.spec === null || folder.exit === null) throw new HermaError("PROCESS_NOT_FOUND", `this keeper does not hold ${id}`);
    const past = new Held(this.#keeping, folder.spec, folder.state);
    past.linger(folder.exit, { reader: null, input: null, terminal: null });
    return past;
  }

  /** Starts the process whose spec.json stands. An id that was started before answers that one's state, whatever became of it. */
  async start(id: ProcessId, variables: Record<string, string>, loginVariables: boolean): Promise<KeeperProcess> {
    const running = this.#starting.get(id) ?? this.#held.get(id)?.view();
    if (running !== undefined) return running;
    if (this.#leaving) throw new HermaError("KEEPER_LEAVING", "this keeper is leaving");
    const started = this.#start(id, variables, loginVariables);
    this.#starting.set(id, started);
    try {
      return await started;
    } finally {
      this.#starting.delete(id);
      this.#checkEmpty();
    }
  }

  async #start(id: ProcessId, variables: Record<string, string>, loginVariables: boolean): Promise<KeeperProcess> {
    const { system, home } = this.#options;
    const folder = readFolder(system, home, id);
    if (folder.exit !== null && folder.state !== null) return { state: folder.state, exit: folder.exit, output_end: folder.exit.output_end };
    if (folder.spec === null) {
      if (folder.corrupt.length > 0) throw new HermaError("FILE_CORRUPT", `spec.json of ${id} cannot be read`);
      throw new HermaError("PROCESS_NOT_FOUND", `${id} has no spec.json`);
    }
    if (this.#wasTriedBefore(id)) {
      await this.#adopt({ skip: () => false, only: id });
      return this.#held.get(id)?.view() ?? this.view(id);
    }
    const needsShell = typeof folder.spec.command === "string";
    const shell = needsShell || loginVariables ? await this.#snapshot : null;
    const plan = launchPlan({
      spec: folder.spec,
      variables,
      loginVariables,
      snapshot: shell?.snapshot ?? { variables: {}, script: null, problem: null },
      shell: shell?.shell ?? "",
      script: shell?.script ?? null,
    });
    const held = new Held(this.#keeping, folder.spec, null);
    this.#held.set(id, held);
    try {
      this.#spawn(held, plan);
    } catch (error) {
      // Whether it was spawned before this went wrong cannot be known: nothing that carries its mark may stay.
      held.abort(failureOf(error));
    }
    if (held.state.identity === null) await held.settled;
    return held.view();
  }

  /** A keeper that died while it started this very process left its traces; it must never be run twice. */
  #wasTriedBefore(id: ProcessId): boolean {
    const { files } = this.#options.system;
    return files.stat(processPaths(this.#options.home, id).exitReserved) !== null;
  }

  #spawn(held: Held, plan: ReturnType<typeof launchPlan>): void {
    const { system } = this.#options;
    const { spec, paths } = held;
    system.files.reserve(paths.exitReserved, exitReservedBytes);
    if ((system.files.descriptorsLeft() ?? descriptorsReserved) < descriptorsReserved) {
      held.spawnFailed({ error: "EMFILE", message: "the keeper has no file descriptors left for another process (ulimit -n)" });
      return;
    }
    if (system.files.stat(plan.cwd)?.kind === undefined) {
      held.spawnFailed({ error: "ENOENT", message: `the working folder ${plan.cwd} does not exist` });
      return;
    }
    const handler = { bytes: (chunk: Uint8Array) => held.output(chunk), end: (error: Error | null) => held.streamEnded(error) };
    if (spec.tty !== null) {
      const spawned = system.spawner.spawnTerminal({ ...plan, size: spec.tty }, handler, (exit) => held.exited(exit, "wait"));
      if (!spawned.ok) held.spawnFailed(spawned.failure);
      else this.#runs(held, spawned.child, { reader: spawned.child, input: null, terminal: spawned.child });
      return;
    }
    system.files.makeFifo(paths.pipe);
    const reader = system.files.openFifo(paths.pipe, handler);
    const spawned = system.spawner.spawnPiped({ ...plan, output: paths.pipe, stdin: spec.stdin }, (exit) => held.exited(exit, "wait"));
    if (!spawned.ok) {
      reader.close();
      system.files.remove(paths.pipe);
      held.spawnFailed(spawned.failure);
      return;
    }
    this.#runs(held, spawned.child, { reader, input: spawned.child.stdin, terminal: null });
  }

  #runs(held: Held, child: { identity: Identity; pid: number }, line: Line): void {
    held.spawned(child, line);
    this.#options.system.processes.setOomScore(child.pid, oomScoreAboveKeeper);
  }

  /** Ends everything it holds and refuses new starts. Stable for ever: `POST /hangup`. */
  async hangup(): Promise<void> {
    this.#leaving = true;
    const living = [...this.#held.values()];
    await Promise.allSettled(living.map((held) => held.kill({ source: "hangup" })));
  }

  /** Leaves without ending anything: the next keeper takes over. Terminals end with their keeper. */
  abandon(): void {
    this.#leaving = true;
    for (const held of this.#held.values()) held.abandon();
    this.#held.clear();
    this.doorbell.close();
  }

  /** True and final when it holds nothing: from then on it starts nothing. */
  leaveIfEmpty(): boolean {
    if (this.held > 0) return false;
    this.#leaving = true;
    return true;
  }

  #release(held: Held): void {
    this.#held.delete(held.id);
    this.#checkEmpty();
  }

  #checkEmpty(): void {
    if (this.held === 0) this.#options.emptied?.();
  }

  async #takeSnapshot(): Promise<{ snapshot: ShellSnapshot; script: string | null; shell: string }> {
    const { system, home, generation, log } = this.#options;
    const shell = system.shell.commandShell();
    const snapshot = await system.shell.snapshot(snapshotTimeoutMs);
    if (snapshot.problem !== null) log(`login shell: ${snapshot.problem}`);
    if (snapshot.script === null) return { snapshot, script: null, shell };
    const path = keeperPaths(home, generation).shellScript;
    try {
      system.files.replace(path, snapshot.script, { durable: false });
      return { snapshot, script: path, shell };
    } catch (error) {
      log(`login shell: its functions cannot be kept: ${String(error)}`);
      return { snapshot, script: null, shell };
    }
  }
}

function failureOf(error: unknown): { error: string; message: string } {
  if (isHermaError(error)) {
    const cause = error.cause as { code?: unknown } | undefined;
    return { error: typeof cause?.code === "string" ? cause.code : error.code, message: error.message };
  }
  const code = (error as { code?: unknown }).code;
  return { error: typeof code === "string" ? code : "INTERNAL", message: error instanceof Error ? error.message : String(error) };
}
