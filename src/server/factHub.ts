import type { ProcessFact } from "../contract/index.ts";

/** Facts kept for clients that reconnect. */
export const factsKeptMax = 1_024;

export type NumberedFact = { readonly id: number; readonly fact: ProcessFact };

/**
 * Numbers facts and keeps the newest, so that a client that reconnects can ask for what it missed. Numbers begin at the microsecond of the start:
 * those of an earlier run of the gateway are therefore always too small to be mistaken for ours.
 */
export class FactHub {
  readonly #kept = new Map<number, ProcessFact>();
  /** The newest kept output fact of each process: only the newest end matters, so it replaces the one before. */
  readonly #outputs = new Map<string, number>();
  readonly #listeners = new Set<(fact: NumberedFact) => void>();
  readonly #first: number;
  #last: number;
  /** No fact up to here is kept any more. */
  #forgotten: number;

  constructor(wallMs: number) {
    this.#first = Math.floor(wallMs) * 1_000;
    this.#last = this.#first;
    this.#forgotten = this.#first;
  }

  /** Number of the newest fact. */
  get last(): number {
    return this.#last;
  }

  /** How many listen now. */
  get listenerCount(): number {
    return this.#listeners.size;
  }

  publish(fact: ProcessFact): void {
    this.#last += 1;
    const id = this.#last;
    if (fact.type === "process.output") {
      const before = this.#outputs.get(fact.id);
      if (before !== undefined) this.#kept.delete(before);
      this.#outputs.set(fact.id, id);
    } else if (fact.type === "process.ended") this.#outputs.delete(fact.id);
    this.#kept.set(id, fact);
    if (this.#kept.size > factsKeptMax) this.#forgetOldest();
    for (const listener of this.#listeners) listener({ id, fact });
  }

  /** What happened after fact `after`, oldest first, or null when that is not known any more and the client must look anew. */
  since(after: number): NumberedFact[] | null {
    if (!Number.isSafeInteger(after) || after < this.#forgotten || after > this.#last) return null;
    const missed: NumberedFact[] = [];
    for (const [id, fact] of this.#kept) if (id > after) missed.push({ id, fact });
    return missed;
  }

  /** Facts from now on. Returns the unsubscription. */
  subscribe(listener: (fact: NumberedFact) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #forgetOldest(): void {
    const oldest = this.#kept.entries().next().value;
    if (oldest === undefined) return;
    const [id, fact] = oldest;
    this.#kept.delete(id);
    this.#forgotten = id;
    if (fact.type === "process.output" && this.#outputs.get(fact.id) === id) this.#outputs.delete(fact.id);
  }
}
