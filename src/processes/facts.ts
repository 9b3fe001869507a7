import type { Phase, ProcessFact, ProcessId } from "../contract/index.ts";
import { type Context, liveIds } from "./context.ts";
import { hasEnded, readState } from "./folder.ts";
import type { Signal } from "./link/events.ts";
import { liveOutputEnd } from "./output.ts";

/** What subscribers know of a live process: its phase, and the offset behind its output. */
type Known = { readonly phase: Phase; readonly end: number };

/**
 * Turns events of keepers into facts for subscribers. What happened while no connection was open is found by comparing with the state before, so that
 * each fact is told once.
 */
export class Facts {
  readonly #context: Context;
  readonly #handlers = new Set<(fact: ProcessFact) => void>();
  /** Live processes as subscribers know them. Null while nobody has subscribed. */
  #known: Map<ProcessId, Known> | null = null;
  #close: () => void = () => {};

  constructor(context: Context) {
    this.#context = context;
  }

  subscribe(handler: (fact: ProcessFact) => void): () => void {
    const own = (fact: ProcessFact): void => handler(fact);
    const first = this.#known === null;
    if (first) this.#known = this.#look();
    this.#handlers.add(own);
    if (first) {
      this.#close = this.#context.doorbells.listen((signal) => this.#hear(signal));
    }
    return () => {
      if (!this.#handlers.delete(own) || this.#handlers.size > 0) return;
      this.#known = null;
      this.#close();
    };
  }

  #hear(signal: Signal): void {
    const known = this.#known;
    if (known === null) return;
    if (signal.type === "output") this.#printed(known, signal.id, signal.end);
    else if (signal.type === "state") this.#learn(known, signal.id, signal.phase);
    else if (signal.type === "exit") this.#ended(known, signal.id);
    else if (signal.type === "look") this.#compare(known);
  }

  #learn(known: Map<ProcessId, Known>, id: ProcessId, phase: Phase): void {
    const { phase: before, end = 0 } = known.get(id) ?? {};
    if (before === phase) return;
    // The ending is told when exit.json stands; a state that comes after it is old news.
    if (phase === "ended" || (before === undefined && hasEnded(this.#context.system.files, this.#context.home, id))) return;
    known.set(id, { phase, end });
    if (phase === "running" && (before === undefined || before === "starting")) this.tell({ type: "process.started", id });
    this.tell({ type: "process.state", id, phase });
  }

  #printed(known: Map<ProcessId, Known>, id: ProcessId, end: number): void {
    const before = known.get(id);
    if (before !== undefined) known.set(id, { phase: before.phase, end });
    this.tell({ type: "process.output", id, end });
  }

  #ended(known: Map<ProcessId, Known>, id: ProcessId): void {
    known.delete(id);
    this.tell({ type: "process.state", id, phase: "ended" });
    this.tell({ type: "process.ended", id });
  }

  #compare(known: Map<ProcessId, Known>): void {
    const now = this.#lookOrNull();
    if (now === null) return;
    for (const id of [...known.keys()]) {
      if (!now.has(id) && hasEnded(this.#context.system.files, this.#context.home, id)) this.#ended(known, id);
    }
    for (const [id, { phase, end }] of now) {
      this.#learn(known, id, phase);
      if (end > (known.get(id)?.end ?? end)) this.#printed(known, id, end);
    }
  }

  #look(): Map<ProcessId, Known> {
    const { home, system } = this.#context;
    const known = (id: ProcessId): Known => {
      const state = readState(system.files, home, id);
      return { phase: state?.phase ?? "starting", end: liveOutputEnd(system.files, home, id, state) };
    };
    return new Map(liveIds(this.#context).map((id) => [id, known(id)]));
  }

  /** Null where the home cannot be looked through just now: nothing is known to have changed, and the next look finds it. */
  #lookOrNull(): Map<ProcessId, Known> | null {
    try {
      return this.#look();
    } catch {
      return null;
    }
  }

  /** Tells a fact that no keeper knows of. */
  tell(fact: ProcessFact): void {
    for (const handler of [...this.#handlers]) handler(fact);
  }
}
