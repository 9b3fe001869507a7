import type { Interest, ProcessId, ProcessView, ReadResult } from "../../contract/index.ts";
import type { InterestChange, ReadOptions, Registry, StartOptions } from "../../processes/index.ts";

/** The registry as one transcript uses it. */
export class ToolRegistry {
  readonly plain: Registry;
  readonly #reader: string;
  readonly #wakeable: boolean;

  /** @param wakeable whether there is a session whose agent takes notices */
  constructor(registry: Registry, reader: string, wakeable: boolean) {
    this.plain = registry;
    this.#reader = reader;
    this.#wakeable = wakeable;
  }

  /** True when the reader can be told of an end. */
  get wakes(): boolean {
    return this.#wakeable;
  }

  start(options: StartOptions): Promise<ProcessView & { readonly cwd_requested?: string }> {
    return this.plain.start(options);
  }

  /** Output that this reader has not acknowledged. */
  readNew(id: ProcessId, options: Pick<ReadOptions, "view" | "maxTokens">): ReadResult {
    return this.plain.read(id, { since: "last", reader: this.#reader, ...options });
  }

  /** Says that this reader has what it read. Reads without a reader are not acknowledged. */
  acknowledge(read: ReadResult): void {
    if (read.acknowledge_to !== null) this.plain.acknowledge(read.id, { reader: this.#reader, to: read.acknowledge_to });
  }

  /** Says that the reader knows of an end, so that it is not told again. A reader that gets no notices leaves those of others alone. */
  endKnown(read: ReadResult): void {
    if (this.wakes && read.exit !== null) this.plain.notices.endKnown(read.id);
  }

  /** What is to happen at the end of a process; null when nobody has asked for anything. */
  interest(id: ProcessId): Interest | null {
    return this.plain.interest.get(id);
  }

  /** Null when the reader cannot be told of anything. */
  changeInterest(id: ProcessId, change: InterestChange): Interest | null {
    return this.wakes ? this.plain.interest.update(id, change) : null;
  }
}
