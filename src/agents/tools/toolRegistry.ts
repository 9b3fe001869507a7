import type { Interest, ProcessId, ProcessView, ReadResult } from "../../contract/index.ts";
import type { InterestChange, ReadOptions, Registry, StartOptions } from "../../processes/index.ts";

/** The registry as one transcript uses it. */
export class ToolRegistry {
  readonly plain: Registry;
  readonly #reader: string;
  readonly #wakeable: boolean;

  /** @param wakeable there is a session whose agent takes notices */
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

  /** Tells that this reader has what it read. A read that was not a reader's own is nobody's to have. */
  acknowledge(read: ReadResult): void {
    if (read.acknowledge_to !== null) this.plain.acknowledge(read.id, { reader: this.#reader, to: read.acknowledge_to });
  }

  /** Tells that the reader knows of an end, so that it is not told again. Readers that nobody tells anything leave the notices of others alone. */
  endKnown(read: ReadResult): void {
    if (this.wakes && read.exit !== null) this.plain.notices.endKnown(read.id);
  }

  /** What is to happen at its end; null when nobody has asked for anything. */
  interest(id: ProcessId): Interest | null {
    return this.plain.interest.get(id);
  }

  /** Null when the reader cannot be told of anything. */
  changeInterest(id: ProcessId, change: InterestChange): Interest | null {
    return this.wakes ? this.plain.interest.update(id, change) : null;
  }
}
