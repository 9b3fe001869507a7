import {
  CheckpointEntry,
  HermaError,
  homePaths,
  type Interest,
  type ProcessId,
  processIdPattern,
  processPaths,
  type SpecFile,
  type StateFile,
  timestampOf,
} from "../contract/index.ts";
import { patternText } from "../rules/index.ts";
import type { Timer } from "../system/index.ts";
import { type Context, liveIds } from "./context.ts";
import { readFolder, standsAt } from "./folder.ts";
import { ownerOf } from "./owner.ts";
import { hermesSpec, isUnproven } from "./unproven.ts";

/** Changes within this many milliseconds are written together. */
const gatherMs = 200;
const bytesMax = 16 * 1024 * 1024;

export type CheckpointOptions = {
  /** Called with what was set aside or could not be written. The checkpoint goes on all the same. */
  readonly onProblem?: (problem: unknown) => void;
};

/**
 * Keeps `processes.json` for tools that know Hermes. Written by the gateway alone, which holds the home; it takes over first what a Hermes has
 * left running there.
 */
export class Checkpoint {
  readonly #context: Context;
  readonly #problem: (problem: unknown) => void;
  /** Entries of Hermes whose process cannot be proven. They are never signalled, and kept as they are while their pid is in use. */
  #unproven: CheckpointEntry[] = [];
  #ends: (() => void)[] = [];
  /** To the store; or it need not any more. */
  #listens = false;
  #timer: Timer | null = null;
  #written: string | null = null;
  #writing: Promise<void> = Promise.resolve();

  constructor(context: Context, options: CheckpointOptions = {}) {
    this.#context = context;
    this.#problem = options.onProblem ?? (() => {});
  }

  /** Takes over what Hermes left, then writes at each change. Returns the ids that were taken over; a keeper has still to adopt them. */
  start(onFact: (handler: () => void) => () => void): ProcessId[] {
    const adopted = this.#adopt();
    this.#listens = false;
    this.#ends.push(onFact(() => this.#changed()));
    this.#changed();
    return adopted;
  }

  /** Writes what is still to be written, and stops. */
  async stop(): Promise<void> {
    for (const end of this.#ends) end();
    this.#ends = [];
    this.#listens = true;
    const due = this.#timer !== null;
    this.#timer?.cancel();
    this.#timer = null;
    if (due) this.#write();
    await this.#writing;
  }

  #changed(): void {
    this.#timer ??= this.#context.system.clock.after(gatherMs, () => {
      this.#timer = null;
      this.#write();
    });
  }

  /** Not at the start, which would wait for the store to be loaded; and it may not be there before somebody wants to be told of something. */
  #listen(): void {
    if (this.#listens) return;
    const store = this.#context.store.ifThere();
    if (store === null) return;
    this.#listens = true;
    this.#ends.push(store.onChange(() => this.#changed()));
  }

  #write(): void {
    const { system, home } = this.#context;
    this.#writing = this.#writing.then(async () => {
      try {
        this.#listen();
        const text = JSON.stringify(this.#entries());
        if (text === this.#written) return;
        await system.files.replaceDurably(homePaths(home).checkpoint, text);
        this.#written = text;
      } catch (problem) {
        this.#problem(problem);
      }
    });
  }

  #entries(): CheckpointEntry[] {
    const { system, home, store } = this.#context;
    const interests = new Map(
      store
        .ifThere()
        ?.interests.list()
        .map((interest) => [interest.process_id, interest]),
    );
    const entries = liveIds(this.#context).flatMap((id) => {
      const { spec, state } = readFolder(system.files, home, id);
      return spec === null || state === null ? [] : this.#entry(spec, state, interests.get(id) ?? null);
    });
    this.#unproven = this.#unproven.filter((entry) => isUnproven(system, entry));
    return [...entries, ...this.#unproven];
  }

  #entry(spec: SpecFile, state: StateFile, interest: Interest | null): CheckpointEntry[] {
    if (state.identity === null || state.phase === "ended") return [];
    const { shown, store } = this.#context;
    const command = shown.command(spec.command);
    const { session, task } = ownerOf(spec, interest);
    const route = interest?.route ?? {};
    const watches = interest === null ? [] : (store.ifThere()?.watches.ofProcess(spec.id) ?? []);
    return [
      {
        session_id: spec.id,
        command: typeof command === "string" ? command : command.join(" "),
        pid: state.identity.pid,
        pid_scope: "host",
        host_start_time: state.identity.start_time,
        cwd: shown.text(spec.cwd),
        started_at: Date.parse(state.started_at ?? spec.created_at) / 1000,
        task_id: task ?? "",
        session_key: session ?? "",
        watcher_platform: route.platform ?? "",
        watcher_chat_id: route.chat_id ?? "",
        watcher_user_id: route.user_id ?? "",
        watcher_user_name: route.user_name ?? "",
        watcher_thread_id: route.thread_id ?? "",
        watcher_message_id: route.message_id ?? "",
        watcher_interval: 0,
        notify_on_complete: interest?.notify_on_complete ?? false,
        watch_patterns: watches.filter((watch) => watch.state === "active").map((watch) => patternText(watch.rule)),
      },
    ];
  }

  /** Entries without a folder of ours are those of Hermes. A bad entry is set aside and reported; the others are taken over all the same. */
  #adopt(): ProcessId[] {
    const entries = this.#read();
    const adopted: ProcessId[] = [];
    const bad: unknown[] = [];
    for (const entry of entries) {
      const parsed = CheckpointEntry.safeParse(entry);
      if (!parsed.success) {
        bad.push(entry);
        continue;
      }
      try {
        if (this.#adoptOne(parsed.data)) adopted.push(parsed.data.session_id);
      } catch (problem) {
        bad.push(entry);
        this.#problem(problem);
      }
    }
    if (bad.length > 0) this.#setAside(JSON.stringify(bad), `${bad.length} of its entries cannot be used`);
    return adopted;
  }

  /** An empty list when there is none, or nothing that could be used. */
  #read(): readonly unknown[] {
    const { system, home } = this.#context;
    const path = homePaths(home).checkpoint;
    let text: string | null = null;
    try {
      text = system.files.read(path, bytesMax)?.toString("utf8") ?? null;
      const value: unknown = text === null ? [] : JSON.parse(text);
      if (Array.isArray(value)) return value;
    } catch (problem) {
      if (text === null) this.#problem(problem);
    }
    if (text !== null) this.#setAside(text, "it is no list of processes");
    return [];
  }

  #setAside(text: string, why: string): void {
    const { system, home } = this.#context;
    const { checkpoint } = homePaths(home);
    try {
      system.files.replace(`${checkpoint}.corrupt`, text, { durable: false });
      this.#problem(new HermaError("FILE_CORRUPT", `${checkpoint}: ${why}; a copy stands in processes.json.corrupt`));
    } catch (problem) {
      this.#problem(problem);
    }
  }

  /** True when it was taken over: its process is provably the one that was written down. */
  #adoptOne(entry: CheckpointEntry): boolean {
    const { system, home } = this.#context;
    const id = entry.session_id;
    if (!processIdPattern.test(id) || standsAt(system.files, processPaths(home, id).folder)) return false;
    // A pid inside a sandbox means nothing out here; the sandbox itself is how such a process is found again.
    if (entry.pid_scope === "sandbox") return false;
    if (entry.host_start_time === null) {
      if (isUnproven(system, entry)) this.#unproven.push(entry);
      return false;
    }
    const identity = { boot_id: system.processes.bootId(), pid: entry.pid, start_time: entry.host_start_time };
    if (system.processes.compare(identity) !== "same") return false;
    this.#makeFolder(entry, identity);
    return true;
  }

  /** As if a keeper of ours had held it and died: the next one adopts it by its identity, and can tell and end it. */
  #makeFolder(entry: CheckpointEntry, identity: NonNullable<StateFile["identity"]>): void {
    const { system, home } = this.#context;
    const id = entry.session_id;
    const now = timestampOf(system.clock.wallMs());
    const self = this.#context.self();
    const spec = hermesSpec(entry, { nowMs: system.clock.wallMs(), graceMs: this.#context.settings().graceMs });
    const state: StateFile = {
      format: 1,
      id,
      phase: "running",
      seq: 1,
      updated_at: now,
      // The identity of a keeper that provably does not live: no program has this start time.
      keeper: { generation: "hermes", instance_id: "hermes", identity: { ...self, start_time: 0 } },
      identity,
      group: null,
      session: null,
      scope: null,
      restart_survival: "detached",
      started_at: spec.created_at,
      intent: null,
      adoptions: 0,
      stdin: "none",
      tty: null,
      paused: false,
      exited: null,
      losses: [],
    };
    const paths = processPaths(home, id);
    system.files.makeFolder(paths.output);
    system.files.replace(paths.spec, JSON.stringify(spec), { durable: true });
    system.files.replace(paths.state, JSON.stringify(state), { durable: true });
    if (entry.notify_on_complete || entry.watcher_platform !== "") this.#takeInterest(entry);
  }

  /** Its end is told to whom Hermes would have told it. Patterns of Hermes are not taken over, because the output does not reach us. */
  #takeInterest(entry: CheckpointEntry): void {
    const route = Object.fromEntries(
      (["platform", "chat_id", "user_id", "user_name", "thread_id", "message_id"] as const)
        .map((key) => [key, entry[`watcher_${key}`]])
        .filter(([, value]) => value !== ""),
    ) as Record<string, string>;
    this.#context.store.open().interests.put({
      process_id: entry.session_id,
      session: entry.session_key === "" ? null : entry.session_key,
      task: entry.task_id === "" ? null : entry.task_id,
      notify_on_complete: entry.notify_on_complete,
      wake: { success: "turn", failure: "turn", stopped: "context", lost: "turn" },
      heartbeat_seconds: null,
      purpose: null,
      route: Object.keys(route).length === 0 ? null : route,
    });
  }
}
