import type { Interest, ProcessId, ProcessView, ReadResult, WakePolicy, WatchRuleInput } from "../../contract/index.ts";
import type { ReadOptions, Registry, StartOptions, WaitOptions } from "../../processes/index.ts";

/**
 * What the tools ask of the registry beyond what it has yet. This file is the only place that knows which of it is there: a member that is
 * absent is played as well as what is there allows.
 */
export type Until =
  | "exit"
  | { readonly match: string; readonly re2?: boolean }
  | { readonly quietSeconds: number }
  | { readonly port: number }
  | { readonly http: string }
  | { readonly input: true };

export type StartRequest = StartOptions & {
  readonly notifyOnComplete?: boolean;
  readonly watch?: readonly WatchRuleInput[];
  readonly wake?: Partial<WakePolicy>;
  readonly ensure?: boolean;
};

export type WaitRequest = WaitOptions & { readonly until?: Until; readonly after?: number };
export type WaitReasonNext = "exit" | "match" | "quiet" | "port" | "http" | "input" | "deadline" | "interrupted";
export type Waited = {
  readonly reason: WaitReasonNext;
  readonly processes: readonly (ProcessView & {
    readonly met?: boolean;
    readonly match?: { readonly line: string; readonly offset: number };
  })[];
};

type ReadRequest = Omit<ReadOptions, "since" | "view"> & {
  readonly since?: number | "start" | "last";
  readonly view?: "delta" | "tail" | "head" | "headTail" | "screen";
  readonly reader?: string;
  readonly search?: { readonly pattern: string; readonly re2?: boolean; readonly contextLines?: number; readonly matchesMax?: number };
  readonly lines?: { readonly offset?: number; readonly limit?: number };
};
export type Match = { readonly offset: number; readonly line: string };
export type ReadAnswer = ReadResult & {
  readonly acknowledge_to?: number | null;
  readonly matches?: readonly Match[];
  readonly total_lines?: number;
};

type NextMembers = {
  acknowledge(id: ProcessId, options: { reader: string; to: number }): void;
  readonly interest: {
    get(id: ProcessId): Interest | null;
    update(id: ProcessId, change: { notify_on_complete?: boolean; wake?: Partial<WakePolicy> }): Interest;
  };
  updateLimits(id: ProcessId, limits: Readonly<Record<string, number>>): Promise<void>;
};

/** The registry as the tools use it. */
export class ToolRegistry {
  readonly #registry: Registry;
  readonly #next: Partial<NextMembers>;
  readonly #reader: string;
  readonly #wakeable: boolean;
  /** Acknowledged offsets, while the registry keeps none. */
  readonly #read = new Map<ProcessId, number>();

  /** @param wakeable there is a session whose agent takes notices */
  constructor(registry: Registry, reader: string, wakeable: boolean) {
    this.#registry = registry;
    this.#next = registry as Registry & Partial<NextMembers>;
    this.#reader = reader;
    this.#wakeable = wakeable;
  }

  get plain(): Registry {
    return this.#registry;
  }

  /** True when the reader can be told of an end. */
  get wakes(): boolean {
    return this.#wakeable && this.#next.interest !== undefined;
  }

  start(options: StartRequest): Promise<ProcessView & { readonly cwd_requested?: string }> {
    return this.#registry.start(options);
  }

  /** Output that this reader has not acknowledged. */
  readNew(id: ProcessId, options: { readonly view?: ReadRequest["view"]; readonly maxBytes: number }): ReadAnswer {
    if (this.#next.acknowledge !== undefined) return this.read(id, { since: "last", reader: this.#reader, ...options });
    return this.read(id, { since: this.#read.get(id) ?? 0, ...options });
  }

  read(id: ProcessId, options: ReadRequest): ReadAnswer {
    return this.#registry.read(id, options as ReadOptions) as ReadAnswer;
  }

  /** Lines as the original pages them: the last `limit` for offset 0, else `limit` from that line on. */
  readLines(
    id: ProcessId,
    page: { readonly offset: number; readonly limit: number; readonly maxBytes: number },
  ): ReadAnswer & { readonly total_lines: number } {
    const { offset, limit, maxBytes } = page;
    const read = this.read(id, { lines: { offset, limit }, maxBytes, view: "tail" });
    if (read.total_lines !== undefined) return { ...read, total_lines: read.total_lines };
    const whole = this.read(id, { view: "tail", maxBytes: playedBytes });
    const lines = linesOf(whole.text);
    const chosen = offset === 0 ? lines.slice(-limit) : lines.slice(offset, offset + limit);
    const text = clipped(chosen.join("\n"), maxBytes, offset === 0);
    return { ...whole, text, total_lines: lines.length };
  }

  search(
    id: ProcessId,
    search: { readonly pattern: string; readonly re2: boolean; readonly matchesMax: number; readonly maxBytes: number },
  ): readonly Match[] {
    const { pattern, re2, matchesMax, maxBytes } = search;
    const read = this.read(id, { search: { pattern, re2, matchesMax }, maxBytes });
    if (read.matches !== undefined) return read.matches;
    const whole = this.read(id, { view: "tail", maxBytes: playedBytes, raw: true });
    let at = whole.from;
    const found: Match[] = [];
    for (const line of whole.text.split("\n")) {
      if (line.includes(pattern) && found.length < matchesMax) found.push({ offset: at, line: clipped(line, 1000, false) });
      at += Buffer.byteLength(line) + 1;
    }
    return found;
  }

  /** Tells that this reader has output up to `to`. */
  acknowledge(id: ProcessId, to: number): void {
    if (this.#next.acknowledge !== undefined) this.#next.acknowledge(id, { reader: this.#reader, to });
    else this.#read.set(id, Math.max(to, this.#read.get(id) ?? 0));
  }

  async wait(options: WaitRequest): Promise<Waited> {
    return (await this.#registry.wait(options as WaitOptions)) as Waited;
  }

  /** What is to happen at its end; null when nobody has asked for anything. */
  interest(id: ProcessId): Interest | null {
    return this.#next.interest?.get(id) ?? null;
  }

  /** Null when the registry cannot tell anybody. */
  changeInterest(id: ProcessId, change: { notify_on_complete?: boolean; wake?: Partial<WakePolicy> }): Interest | null {
    return this.wakes ? (this.#next.interest?.update(id, change) ?? null) : null;
  }

  /** False when limits of a running process cannot be changed. */
  async changeLimits(id: ProcessId, limits: Readonly<Record<string, number>>): Promise<boolean> {
    if (this.#next.updateLimits === undefined) return false;
    await this.#next.updateLimits(id, limits);
    return true;
  }
}

/** How much of the output is looked at where the registry does not page or search by itself. */
const playedBytes = 1_048_576;

function linesOf(text: string): string[] {
  if (text === "") return [];
  return (text.endsWith("\n") ? text.slice(0, -1) : text).split("\n");
}

function clipped(text: string, bytesMax: number, fromEnd: boolean): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= bytesMax) return text;
  return fromEnd ? bytes.subarray(bytes.length - bytesMax).toString() : bytes.subarray(0, bytesMax).toString();
}
