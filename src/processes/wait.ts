import { HermaError, type ProcessId, processPaths, type WaitCause, type WaitedProcess, type WaitReason } from "../contract/index.ts";
import type { Timer } from "../system/index.ts";
import { type Bell, openBell } from "./bell.ts";
import { type Context, notFound } from "./context.ts";
import { standsAt } from "./folder.ts";
import { getProcess, isOver, requireProcess } from "./list.ts";
import type { WaitOptions, WaitResult } from "./types.ts";
import type { Condition, Scene } from "./waiting/condition.ts";
import { conditionMaker } from "./waiting/until.ts";

const deadlineSecondsDefault = 180;
/** Timers of the system hold no more than 2^31 - 1 ms; longer ones are set again. */
const timerMsMax = 2_147_483_647;

/** See `Registry.wait`. */
export async function waitForProcesses(context: Context, options: WaitOptions): Promise<WaitResult> {
  const seconds = options.deadlineSeconds ?? deadlineSecondsDefault;
  if (Number.isNaN(seconds) || seconds < 0) throw new HermaError("BAD_REQUEST", "deadlineSeconds is 0 or more");
  const ids = [...new Set(options.ids)];
  if (ids.length === 0) throw new HermaError("BAD_REQUEST", "there is nothing to wait for: name at least one process");
  for (const id of ids) requireProcess(context, id);
  const make = await conditionMaker(options.until ?? "exit", options.after);
  const wait = new Wait(context, { ...options, ids, deadlineMs: seconds * 1000, make });
  const reason = await wait.run();
  return { reason, processes: ids.map((id) => ({ ...getProcess(context, id), ...wait.outcome(id) })) };
}

type Outcome = Pick<WaitedProcess, "met" | "settled_by" | "match" | "secret_prompt" | "note">;
type Asked = WaitOptions & { readonly deadlineMs: number; readonly make: (scene: Scene) => Condition };

/** One wait: a condition for each process, looked at when something rang for it. */
class Wait {
  readonly #context: Context;
  readonly #asked: Asked;
  readonly #conditions = new Map<ProcessId, Condition>();
  readonly #settled = new Map<ProcessId, { readonly met: boolean; readonly by: WaitCause }>();
  /** Not known yet to be met or impossible. */
  readonly #pending: Set<ProcessId>;
  #bell: Bell | null = null;
  /** Conditions that rang before the bell was open. */
  readonly #early = new Set<ProcessId>();
  #turns = new Map<ProcessId, Timer>();

  constructor(context: Context, asked: Asked) {
    this.#context = context;
    this.#asked = asked;
    this.#pending = new Set(asked.ids);
  }

  async run(): Promise<WaitReason> {
    const { signal, deadlineMs, ids } = this.#asked;
    const given = AbortSignal.any(signal === undefined ? [this.#context.closing] : [signal, this.#context.closing]);
    const over = new AbortController();
    let deadline: Timer | null = null;
    try {
      for (const id of ids) this.#conditions.set(id, this.#asked.make({ context: this.#context, id, ring: () => this.#ring(id) }));
      const first = this.#look(ids);
      if (first !== null) return first;
      if (given.aborted) return "interrupted";
      if (deadlineMs === 0) return await this.#lookWithoutWaiting(given);
      deadline = deadlineTimer(this.#context, deadlineMs, () => over.abort());
      return await this.#wait(given, over.signal);
    } finally {
      deadline?.cancel();
      this.#bell?.close();
      for (const turn of this.#turns.values()) turn.cancel();
      for (const condition of this.#conditions.values()) condition.close();
    }
  }

  outcome(id: ProcessId): Outcome {
    const settled = this.#settled.get(id);
    return { met: settled?.met ?? false, settled_by: settled?.by ?? null, ...this.#conditions.get(id)?.found() };
  }

  async #wait(given: AbortSignal, late: AbortSignal): Promise<WaitReason> {
    const ids = [...this.#pending];
    const heard = this.#asked.until === undefined || this.#asked.until === "exit" ? onlyExit : everything;
    const signal = AbortSignal.any([given, late]);
    this.#bell = openBell(this.#context, { ids, heard, signal });
    for (const id of this.#early) this.#bell.ring(id);
    for (const condition of this.#conditions.values()) void condition.begin?.();
    // Looks again for what happened between the first look and the opening of the bell.
    let rung: ReadonlySet<ProcessId> | "all" = "all";
    for (;;) {
      // What was waited for wins over a deadline of the same moment.
      const reason = this.#look(rung === "all" ? this.#pending : rung);
      if (reason !== null) return reason;
      if (given.aborted) return "interrupted";
      if (late.aborted) return "deadline";
      rung = await this.#bell.rung();
    }
  }

  /** For a deadline of 0: looks at all there is, however many turns of the event loop that takes, and waits for nothing. */
  async #lookWithoutWaiting(given: AbortSignal): Promise<WaitReason> {
    await Promise.all([...this.#conditions.values()].map((condition) => condition.begin?.()));
    for (;;) {
      const reason = this.#look(this.#pending);
      if (reason !== null) return reason;
      if (given.aborted) return "interrupted";
      if (this.#turns.size === 0) return "deadline";
      await new Promise<void>((resolve) => this.#context.system.clock.after(0, resolve));
    }
  }

  #ring(id: ProcessId): void {
    if (this.#bell === null) this.#early.add(id);
    else this.#bell.ring(id);
  }

  /** Looks at some processes; the reason when the wait is over with that. */
  #look(ids: Iterable<ProcessId>): WaitReason | null {
    for (const id of [...ids]) if (this.#pending.has(id)) this.#lookAt(id);
    const settled = [...this.#settled.values()];
    const met = settled.find((one) => one.met);
    if (this.#asked.mode === "any") {
      if (met !== undefined) return met.by;
    } else if (settled.some((one) => !one.met)) return "exit";
    if (this.#pending.size > 0) return null;
    return met?.by ?? "exit";
  }

  #lookAt(id: ProcessId): void {
    const condition = this.#conditions.get(id) as Condition;
    this.#turns.get(id)?.cancel();
    this.#turns.delete(id);
    // Asked first: what was printed before the end is on disk before the ending is.
    const over = isOver(this.#context, id);
    const look = condition.look(over);
    if (look === "more") {
      this.#turns.set(
        id,
        this.#context.system.clock.after(0, () => this.#ring(id)),
      );
      return;
    }
    if (look === "not" && !over) {
      // Removed under us: it had ended, and nothing will come any more.
      if (!standsAt(this.#context.system.files, processPaths(this.#context.home, id).folder)) throw notFound(id);
      return;
    }
    this.#settled.set(id, look === "met" ? { met: true, by: condition.cause } : { met: false, by: "exit" });
    this.#pending.delete(id);
    condition.close();
  }
}

/** Waits for an end are not rung by output. */
const onlyExit = (event: { readonly type: string }): boolean => event.type === "exit";
const everything = (): boolean => true;

function deadlineTimer({ system }: Context, ms: number, late: () => void): Timer {
  const endMs = system.clock.monotonicMs() + ms;
  let timer: Timer | null = null;
  const set = (): void => {
    const left = endMs - system.clock.monotonicMs();
    if (left <= 0) late();
    else timer = system.clock.after(Math.min(left, timerMsMax), set);
  };
  set();
  return { cancel: () => timer?.cancel() };
}
