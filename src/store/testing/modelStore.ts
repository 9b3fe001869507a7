import { type Interest, type Notice, timestampOf } from "../../contract/index.ts";
import type { Clock } from "../../system/index.ts";
import type { NewNotice, Scan, Store, Watch } from "../index.ts";

/** A notice with what its row has besides. */
type Entry = { notice: Notice; once: string; changedMs: number; leaseMs: number };
type Told = { process: string | null; kind: string; atMs: number };
type State = {
  interests: Interest[];
  watches: Watch[];
  watchIds: number;
  scans: Scan[];
  breaker: Record<string, unknown> | null;
  readers: Record<string, number>;
  entries: Entry[];
  told: Record<string, Told>;
};

/**
 * What a store should do, written as plainly as can be: lists in memory, one program, nothing that can fail. Tests give the same commands to
 * it and to the real one.
 */
export class ModelStore implements Omit<Store, "onChange" | typeof Symbol.dispose> {
  #state: State = { interests: [], watches: [], watchIds: 0, scans: [], breaker: null, readers: {}, entries: [], told: {} };
  /** When each claim ends by the monotonic clock, from when it was first seen. A program knows it, so no transaction takes it back. */
  readonly #ends = new Map<string, number>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The program ends and another one opens the store: what it had seen of other's claims is forgotten. */
  reopen(): void {
    this.#ends.clear();
  }

  transaction<T>(work: () => T): T {
    const before = structuredClone(this.#state);
    try {
      return work();
    } catch (error) {
      this.#state = before;
      throw error;
    }
  }

  readonly interests: Store["interests"] = {
    get: (id) => copy(this.#state.interests.find((interest) => interest.process_id === id) ?? null),
    put: (interest) => {
      this.#state.interests = [...this.#state.interests.filter((other) => other.process_id !== interest.process_id), copy(interest)];
    },
    list: (filter = {}) =>
      copy(this.#state.interests)
        .filter((interest) => filter.session === undefined || interest.session === filter.session)
        .filter((interest) => filter.task === undefined || interest.task === filter.task)
        .sort((a, b) => (a.process_id < b.process_id ? -1 : 1)),
    remove: (id) => {
      const state = this.#state;
      state.interests = state.interests.filter((interest) => interest.process_id !== id);
      state.watches = state.watches.filter((watch) => watch.process_id !== id);
      state.scans = state.scans.filter((scan) => scan.process_id !== id);
      for (const key of Object.keys(state.readers)) if (key.startsWith(`${id} `)) delete state.readers[key];
    },
  };

  readonly watches: Store["watches"] = {
    add: (watch) => {
      this.#state.watchIds += 1;
      const added: Watch = { ...copy(watch), id: this.#state.watchIds, state: "active", hits: 0, deliveries: 0, last_match: null };
      this.#state.watches.push(added);
      return copy(added);
    },
    ofProcess: (id) => copy(this.#state.watches.filter((watch) => watch.process_id === id)),
    active: () => {
      const ids = this.#state.watches.filter((watch) => watch.state === "active").map((watch) => watch.process_id);
      for (const { process_id, heartbeat_seconds, notify_on_complete } of this.#state.interests) {
        const told = Object.values(this.#state.told).some((one) => one.process === process_id && one.kind === "completion");
        if ((heartbeat_seconds !== null || notify_on_complete) && !told) ids.push(process_id);
      }
      return [...new Set(ids)].sort();
    },
    save: ({ id, state, hits, deliveries, last_match }) => {
      this.#state.watches = this.#state.watches.map((watch) =>
        watch.id === id ? { ...watch, state, hits, deliveries, last_match } : watch,
      );
    },
    remove: (id) => {
      this.#state.watches = this.#state.watches.filter((watch) => watch.id !== id);
    },
  };

  readonly scans: Store["scans"] = {
    get: (id) => copy(this.#state.scans.find((scan) => scan.process_id === id) ?? null),
    put: (scan) => {
      this.#state.scans = [...this.#state.scans.filter((other) => other.process_id !== scan.process_id), copy(scan)];
    },
    breaker: () => copy(this.#state.breaker),
    putBreaker: (state) => {
      this.#state.breaker = copy(state);
    },
  };

  readonly readers: Store["readers"] = {
    acknowledged: (id, reader) => this.#state.readers[`${id} ${reader}`] ?? 0,
    acknowledge: (id, reader, to) => {
      this.#state.readers[`${id} ${reader}`] = Math.max(to, this.#state.readers[`${id} ${reader}`] ?? 0);
    },
  };

  readonly notices: Store["notices"] = {
    add: (notice, once) => this.#add(notice, once),
    get: (id) => copy(this.#state.entries.find((entry) => entry.notice.id === id)?.notice ?? null),
    list: (filter = {}) => {
      const found = this.#state.entries
        .map((entry) => entry.notice)
        .filter((notice) => filter.process === undefined || notice.process_id === filter.process)
        .filter((notice) => filter.session === undefined || notice.session === filter.session)
        .filter((notice) => filter.states === undefined || filter.states.includes(notice.state));
      return copy(filter.limit === undefined ? found : found.slice(Math.max(0, found.length - filter.limit)));
    },
    claim: (options) => this.#claim(options),
    claimOverInMs: (filter = {}) => {
      const claimed = this.#state.entries
        .filter(({ notice }) => notice.state === "claimed")
        .filter(({ notice }) => filter.session === undefined || notice.session === filter.session);
      const nowMs = this.#clock.monotonicMs();
      const left = claimed.map((entry) => Math.max(0, this.#endOf(entry) - nowMs));
      return left.length === 0 ? null : Math.min(...left);
    },
    deliver: (id, claimant) => {
      const entry = this.#state.entries.find((one) => one.notice.id === id);
      if (entry === undefined || entry.notice.claimed_by !== claimant) return false;
      if (entry.notice.state === "delivered") return true;
      if (entry.notice.state !== "claimed") return false;
      this.#change(entry, { state: "delivered", claimed_until: null, delivered_at: timestampOf(this.#clock.wallMs()) });
      return true;
    },
    release: (id, claimant, reason, attemptsMax) => {
      const entry = this.#state.entries.find((one) => one.notice.id === id);
      if (entry?.notice.state === "claimed" && entry.notice.claimed_by === claimant) this.#free(entry, reason, attemptsMax);
    },
    releaseOthers: (claimant, reason, attemptsMax) => {
      const others = this.#state.entries.filter(({ notice }) => notice.state === "claimed" && notice.claimed_by !== claimant);
      for (const entry of others) this.#free(entry, reason, attemptsMax);
      return others.length;
    },
    consume: (filter) => {
      const found = this.#state.entries.filter(({ notice }) => {
        if (notice.state === "consumed") return false;
        if ("id" in filter) return notice.id === filter.id;
        return notice.process_id === filter.process && (filter.kinds === undefined || filter.kinds.includes(notice.kind));
      });
      const consumed_at = timestampOf(this.#clock.wallMs());
      for (const entry of found) this.#change(entry, { state: "consumed", claimed_until: null, consumed_at });
      return found.length;
    },
    prune: (ageMs) => {
      const beforeMs = this.#clock.wallMs() - ageMs;
      const over = (entry: Entry) => ["delivered", "consumed", "dead"].includes(entry.notice.state) && entry.changedMs <= beforeMs;
      const count = this.#state.entries.filter(over).length;
      this.#state.entries = this.#state.entries.filter((entry) => !over(entry));
      for (const [once, told] of Object.entries(this.#state.told)) {
        const stands = this.#state.entries.some((entry) => entry.once === once);
        const wanted = this.#state.interests.some((interest) => interest.process_id === told.process);
        if (told.atMs <= beforeMs && !stands && !wanted) delete this.#state.told[once];
      }
      return count;
    },
  };

  #add(notice: NewNotice, once: string): boolean {
    if (Object.hasOwn(this.#state.told, once)) return false;
    const nowMs = this.#clock.wallMs();
    this.#state.told[once] = { process: notice.process_id, kind: notice.kind, atMs: nowMs };
    const fresh = { state: "stored" as const, attempts: 0, claimed_by: null, claimed_until: null, delivered_at: null, consumed_at: null };
    this.#state.entries.push({
      notice: { ...copy(notice), ...fresh, reason: null },
      once,
      changedMs: nowMs,
      leaseMs: 0,
    });
    return true;
  }

  #claim(options: Parameters<Store["notices"]["claim"]>[0]): Notice[] {
    const nowMs = this.#clock.monotonicMs();
    for (const entry of this.#state.entries) {
      const { notice } = entry;
      if (notice.state !== "claimed") continue;
      if (this.#endOf(entry) <= nowMs)
        this.#free(entry, `the claim of ${notice.claimed_by} ran out`, options.attemptsMax ?? Number.POSITIVE_INFINITY);
    }
    const free = this.#state.entries
      .filter((entry) => entry.notice.state === "stored")
      .filter((entry) => options.session === undefined || entry.notice.session === options.session)
      .filter((entry) => options.weights === undefined || options.weights.includes(entry.notice.weight))
      .slice(0, options.limit);
    for (const entry of free) {
      const claimed_until = timestampOf(this.#clock.wallMs() + options.leaseMs);
      entry.leaseMs = options.leaseMs;
      this.#change(entry, { state: "claimed", attempts: entry.notice.attempts + 1, claimed_by: options.claimant, claimed_until });
      this.#ends.set(claimOf(entry.notice), nowMs + options.leaseMs);
    }
    return copy(free.map((entry) => entry.notice));
  }

  /** Monotonic milliseconds at which a claim runs out, seen now for the first time or before. */
  #endOf(entry: Entry): number {
    const { notice } = entry;
    const leftMs = Date.parse(notice.claimed_until ?? "") - this.#clock.wallMs();
    const endsMs = this.#ends.get(claimOf(notice)) ?? this.#clock.monotonicMs() + Math.max(0, Math.min(leftMs, entry.leaseMs));
    this.#ends.set(claimOf(notice), endsMs);
    return endsMs;
  }

  #free(entry: Entry, reason: string, attemptsMax: number): void {
    const state = entry.notice.attempts >= attemptsMax ? "dead" : "stored";
    this.#change(entry, { state, claimed_by: null, claimed_until: null, reason });
  }

  #change(entry: Entry, change: Partial<Notice>): void {
    entry.notice = { ...entry.notice, ...change };
    entry.changedMs = this.#clock.wallMs();
  }
}

function claimOf({ id, attempts, claimed_until, claimed_by }: Notice): string {
  return [id, attempts, claimed_until, claimed_by].join();
}

function copy<T>(value: T): T {
  return structuredClone(value);
}
