import type { Identity, ProcessId, Survivor } from "../contract/index.ts";
import type { System } from "../system/index.ts";
import type { Census } from "./census.ts";
import { Ladder } from "./ladder.ts";
import { Tree, type TreeOf } from "./tree.ts";

export type KillingOptions = {
  readonly system: Pick<System, "clock" | "processes">;
  readonly census: Census;
  readonly mark: ProcessId;
  /** Null while it has not been spawned: then only the mark counts. */
  readonly root: () => Identity | null;
  readonly limited: TreeOf["limited"];
};

/** The ladders over one process's tree, one at a time, and one memory of who was seen in the tree: a later climb knows whom an earlier one met. */
export class Killing {
  readonly #options: KillingOptions;
  #sinceMs: number;
  #tree: Tree | null = null;
  #ladder: Ladder | null = null;
  #verdict: Promise<Survivor[]> | null = null;
  #survivors: readonly Survivor[] = [];

  constructor(options: KillingOptions) {
    this.#options = options;
    this.#sinceMs = options.system.clock.monotonicMs();
  }

  /** It is there from now on: no earlier look at the machine says anything about it. */
  begins(): void {
    this.#sinceMs = this.#options.system.clock.monotonicMs();
  }

  get tree(): Tree {
    const { system, census, mark, root, limited } = this.#options;
    this.#tree ??= new Tree(system.processes, census, { mark, root: root(), sinceMs: this.#sinceMs, limited });
    return this.#tree;
  }

  /** The verdict that a climb under way will come to. */
  get verdict(): Promise<Survivor[]> | null {
    return this.#verdict;
  }

  /** Of those who outlived the last climb, the ones that still do; without the root, whose end is another matter. */
  survivorsNow(): Survivor[] {
    if (this.#survivors.length === 0) return [];
    const root = this.#options.root()?.pid;
    const living = new Set(this.tree.scan().map((member) => member.identity.pid));
    return this.#survivors.filter(({ pid }) => pid !== root && living.has(pid));
  }

  /** Climbs, or joins the climb under way, which a shorter grace shortens. Resolves with who outlived it. */
  climb(graceMs: number): Promise<Survivor[]> {
    this.#ladder?.hasten(graceMs);
    this.#verdict ??= this.#climb(graceMs);
    return this.#verdict;
  }

  /** The climb under way ends where it is, and throws KEEPER_LEAVING. */
  stop(): void {
    this.#ladder?.stop();
  }

  async #climb(graceMs: number): Promise<Survivor[]> {
    this.#ladder = new Ladder(this.#options.system, this.tree, graceMs);
    try {
      const survivors = await this.#ladder.run();
      this.#survivors = survivors;
      return survivors;
    } finally {
      this.#ladder = null;
      this.#verdict = null;
    }
  }
}
