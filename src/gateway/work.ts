import { HermaError } from "../contract/index.ts";

/** What the gateway does for somebody: a turn of a conversation, a request that starts work, a turn's work that goes on elsewhere. */
export type WorkKind = "turn" | "api" | "delegation";
/** How much work of each kind goes on; with the keys of the HTTP API. */
export type WorkCounts = { readonly turns: number; readonly api: number; readonly delegations: number };
/** Why nothing new is begun. */
export type GateReason = "external" | "shutdown";

/** One piece of work under way. */
export type Ticket = {
  readonly kind: WorkKind;
  /** Aborted when it must leave now; the reason is a GATEWAY_DRAINING for whoever waits for it. */
  readonly cut: AbortSignal;
  /** It is over, however it went. Idempotent. */
  end(): void;
};
export type Begun = { readonly ok: true; readonly ticket: Ticket } | { readonly ok: false; readonly error: HermaError };

const refusals: Record<GateReason, string> = {
  external: "the gateway is draining for maintenance and takes no new work; what runs goes on",
  shutdown: "the gateway is stopping and takes no new work",
};
const keys: Record<WorkKind, keyof WorkCounts> = { turn: "turns", api: "api", delegation: "delegations" };

/**
 * All work under way and the gate before it. Looking at the gate and being counted is one act, so once the gate is closed the count only falls:
 * whoever sees it closed and the count at 0 knows that nothing runs. Reading and commands are no work and pass no gate.
 */
export class Work {
  readonly #tickets = new Map<Ticket, AbortController>();
  readonly #counts = { turns: 0, api: 0, delegations: 0 };
  readonly #closed = new Set<GateReason>();
  readonly #listeners = new Set<() => void>();

  /** How much work goes on now, by kind. */
  get counts(): WorkCounts {
    return { ...this.#counts };
  }

  /** All kinds together: `active_agents` of the state file. */
  get active(): number {
    return this.#tickets.size;
  }

  /** Why the gate is closed, a shutdown before anything else; null while it is open. */
  get closedFor(): GateReason | null {
    if (this.#closed.has("shutdown")) return "shutdown";
    return this.#closed.has("external") ? "external" : null;
  }

  /** Counts a new piece of work, or refuses it while the gate is closed. Whoever gets a ticket ends it. */
  begin(kind: WorkKind): Begun {
    const reason = this.closedFor;
    if (reason !== null) return { ok: false, error: new HermaError("GATEWAY_DRAINING", refusals[reason]) };
    const cutting = new AbortController();
    const ticket: Ticket = {
      kind,
      cut: cutting.signal,
      end: () => {
        if (!this.#tickets.delete(ticket)) return;
        this.#counts[keys[kind]] -= 1;
        this.#changed();
      },
    };
    this.#tickets.set(ticket, cutting);
    this.#counts[keys[kind]] += 1;
    this.#changed();
    return { ok: true, ticket };
  }

  /** Does one piece of work, counted to its end. Throws GATEWAY_DRAINING while the gate is closed, and whatever `act` throws. */
  async run<T>(kind: WorkKind, act: (cut: AbortSignal) => Promise<T>): Promise<T> {
    const begun = this.begin(kind);
    if (!begun.ok) throw begun.error;
    try {
      return await act(begun.ticket.cut);
    } finally {
      begun.ticket.end();
    }
  }

  /** Nothing new is begun from now on. */
  close(reason: GateReason): void {
    if (this.#closed.has(reason)) return;
    this.#closed.add(reason);
    this.#changed();
  }

  /** Takes one reason back; the gate opens when none is left. */
  open(reason: GateReason): void {
    if (this.#closed.delete(reason)) this.#changed();
  }

  /** Tells all work under way to leave. Returns how many pieces were told. */
  cut(why: string): number {
    const error = new HermaError("GATEWAY_DRAINING", why);
    for (const cutting of this.#tickets.values()) cutting.abort(error);
    return this.#tickets.size;
  }

  /** Calls `changed` after each change of a count or of the gate. Returns its end. */
  onChange(changed: () => void): () => void {
    this.#listeners.add(changed);
    return () => {
      this.#listeners.delete(changed);
    };
  }

  /** Resolves when nothing runs. While the gate is open, new work may have begun by the time the caller goes on. */
  async idle(): Promise<void> {
    if (this.active === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const unlisten = this.onChange(() => {
      if (this.active === 0) resolve();
    });
    await promise.finally(unlisten);
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
