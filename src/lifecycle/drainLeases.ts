import { type DrainLeasesFile, DrainLeasesFile as DrainLeasesSchema, HermaError, homePaths, timestampOf } from "../contract/index.ts";
import {
  type DrainBook,
  type DrainLease,
  type DrainLook,
  type DrainNow,
  drainLeaseMsMax,
  emptyDrainBook,
  lookAtDrain,
  type MarkerSight,
  type MarkerVerdict,
  principalName,
  unionMarker,
  withLease,
  withoutLease,
} from "../rules/index.ts";
import type { ProcessTable, System } from "../system/index.ts";

const fileBytesMax = 65_536;

export type DrainSystem = Pick<System, "clock" | "files" | "platform" | "processes">;

export type DrainLeasesOptions = {
  readonly home: string;
  readonly system: DrainSystem;
  /** Permission bits of the marker. Default 0600. */
  readonly markerMode?: number;
  /** Told of each marker that does not count, and of files that cannot be used: once each. */
  readonly onOdd?: (what: DrainOddity) => void;
};
export type DrainOddity = { readonly what: "foreign_epoch" | "expired" | "unreadable" | "leases_unreadable"; readonly path: string };

export type DrainWish = {
  readonly principal: string;
  /** Milliseconds; the longest when absent, and never more. */
  readonly ttlMs?: number;
  readonly suppressNotification?: boolean;
};

/**
 * Who wants the gateway of a home to drain. The leases stand in a file of ours, and the marker file is their union. A marker that another program writes
 * becomes a lease as well, and removing the marker cancels all leases. Only the holder of the home's lock may use this class, because it writes.
 *
 * A change writes the leases first and then the marker. A program that dies between the two leaves a marker that the next one brings in line;
 * only a first lease whose marker was not written is forgotten then, and nobody was told that it was held.
 */
export class DrainLeases {
  readonly #options: DrainLeasesOptions;
  readonly #epoch: string;
  #book: DrainBook;
  /** Monotonic ends of the leases, by who asked when: a clock that is set back must not lengthen one. */
  readonly #ends = new Map<string, number>();
  /** The last write failed. */
  #unwritten = false;
  #told = "";

  /** Reads what an earlier gateway left; nothing is written before {@link look}. */
  constructor(options: DrainLeasesOptions) {
    this.#options = options;
    this.#epoch = drainEpoch(options.system);
    this.#book = this.#readBook();
  }

  /** Those in force, oldest first. */
  get leases(): readonly DrainLease[] {
    return this.#book.leases;
  }

  /** Milliseconds until the next one ends; null when there is none. */
  get nextEndMs(): number | null {
    const { clock } = this.#options.system;
    const ends = this.leases.map((lease) => Math.min(lease.expiresAtMs - clock.wallMs(), this.#endOf(lease) - clock.monotonicMs()));
    return ends.length === 0 ? null : Math.max(0, Math.min(...ends));
  }

  /**
   * Looks at the marker and at the clock. `changed` is called before anything is written, so that whoever must act on a new drain does not wait for
   * the disk. Throws what the disk says; the leases count all the same, and the next look writes them again.
   */
  look(changed: () => void = () => {}): void {
    const sight = this.#sight();
    const looked = lookAtDrain(this.#book, sight, this.#now());
    this.#tell(looked.verdict, sight);
    if (!looked.changed && !this.#unwritten) return;
    this.#book = looked.book;
    this.#forgetEnds();
    changed();
    this.#write(looked.book, looked.marker);
  }

  /** Begins or renews a principal's lease; when it returns, marker and leases are on disk. Throws BAD_REQUEST, or what the disk says: then nothing has changed. */
  begin(wish: DrainWish): DrainLease {
    const principal = principalName(wish.principal);
    if (principal === null) throw new HermaError("BAD_REQUEST", "a drain needs the name of who asks for it");
    this.look();
    const now = this.#now();
    const ttlMs = Math.min(wish.ttlMs ?? drainLeaseMsMax, drainLeaseMsMax);
    const lease: DrainLease = {
      principal,
      requestedAtMs: now.wallMs,
      expiresAtMs: now.wallMs + ttlMs,
      suppressNotification: wish.suppressNotification ?? false,
      from: "request",
    };
    const next = withLease(this.#book, lease, now);
    if (next === null) throw new HermaError("BAD_REQUEST", "too many drains are asked for already");
    this.#change(next, "write");
    this.#ends.set(keyOf(lease), this.#options.system.clock.monotonicMs() + ttlMs);
    return lease;
  }

  /** Takes one principal's lease back, or all (`null`). False when there was none, which is fine. Throws what the disk says. */
  cancel(principal: string | null): boolean {
    this.look();
    const wanted = principal === null ? null : principalName(principal);
    const had = this.leases.some((lease) => principal === null || lease.principal === wanted);
    if (!had) return false;
    const next = withoutLease(this.#book, wanted, this.#now());
    this.#change(next, next.leases.length === 0 ? "remove" : "write");
    return true;
  }

  #now(): DrainNow {
    const { clock } = this.#options.system;
    const nowMs = clock.monotonicMs();
    return { wallMs: clock.wallMs(), epoch: this.#epoch, overdue: (lease) => this.#endOf(lease) <= nowMs };
  }

  /** The marker as it is, or null when there is none. What cannot be read stands and tells nothing. */
  #sight(): MarkerSight | null {
    const { files } = this.#options.system;
    const path = homePaths(this.#options.home).drainMarker;
    const stat = files.stat(path);
    if (stat === null) return null;
    const stamp = { ino: stat.ino, mtimeMs: stat.mtimeMs, size: stat.size };
    try {
      const bytes = files.read(path, fileBytesMax);
      return bytes === null ? null : { stamp, value: JSON.parse(bytes.toString("utf8")) };
    } catch {
      return { stamp, value: undefined };
    }
  }

  #forgetEnds(): void {
    const live = new Set(this.leases.map(keyOf));
    for (const key of this.#ends.keys()) if (!live.has(key)) this.#ends.delete(key);
  }

  #endOf(lease: DrainLease): number {
    const { clock } = this.#options.system;
    const known = this.#ends.get(keyOf(lease));
    if (known !== undefined) return known;
    const end = clock.monotonicMs() + Math.min(lease.expiresAtMs - clock.wallMs(), drainLeaseMsMax);
    this.#ends.set(keyOf(lease), end);
    return end;
  }

  /** Makes a change that counts only if it can be written. */
  #change(next: DrainBook, marker: DrainLook["marker"]): void {
    try {
      this.#write(next, marker);
      this.#book = next;
    } catch (error) {
      // Part of it may be on disk all the same. A higher revision makes the next look write the leases that count.
      this.#book = { ...this.#book, revision: next.revision + 1 };
      throw error;
    }
  }

  /** Blocks for the disk: it is seldom, and nothing of ours may come between the look and the write. */
  #write(book: DrainBook, marker: DrainLook["marker"]): void {
    const { home, system, markerMode = 0o600 } = this.#options;
    const { files } = system;
    const paths = homePaths(home);
    this.#unwritten = true;
    // Where the epoch is known leases do not outlive the machine's start, so nobody needs them after a loss of power. The marker must be whole even
    // then: noise in it would drain.
    files.replace(paths.drainLeases, JSON.stringify(fileOf(book)), { durable: this.#epoch === "" });
    if (marker === "write") files.replace(paths.drainMarker, JSON.stringify(unionMarker(book)), { durable: true, mode: markerMode });
    if (marker === "remove") files.remove(paths.drainMarker);
    this.#unwritten = false;
  }

  #readBook(): DrainBook {
    const { files } = this.#options.system;
    const path = homePaths(this.#options.home).drainLeases;
    try {
      const bytes = files.read(path, fileBytesMax);
      if (bytes === null) return emptyDrainBook;
      const parsed = DrainLeasesSchema.safeParse(JSON.parse(bytes.toString("utf8")));
      if (parsed.success) return bookOf(parsed.data);
    } catch {
      // Treated as a file without leases.
    }
    // The marker still tells that somebody wants a drain.
    this.#options.onOdd?.({ what: "leases_unreadable", path });
    return emptyDrainBook;
  }

  #tell(verdict: MarkerVerdict, sight: MarkerSight | null): void {
    const what =
      verdict.kind === "foreign_epoch" || verdict.kind === "expired"
        ? verdict.kind
        : verdict.kind === "lease" && verdict.lease.from === "unreadable"
          ? "unreadable"
          : null;
    const key = what === null || sight === null ? "" : `${what} ${sight.stamp.ino} ${sight.stamp.mtimeMs}`;
    if (what !== null && key !== this.#told) this.#options.onOdd?.({ what, path: homePaths(this.#options.home).drainMarker });
    this.#told = key;
  }
}

/**
 * This instantiation of the machine (or container), as the original writes it: boot id and start ticks of pid 1. Empty where /proc does not tell:
 * then leases end by their age alone.
 */
export function drainEpoch(system: {
  readonly platform: System["platform"];
  readonly processes: Pick<ProcessTable, "bootId" | "identityOf">;
}): string {
  if (system.platform !== "linux") return "";
  try {
    const first = system.processes.identityOf(1);
    return first === null ? "" : `${first.boot_id}:${first.start_time}`;
  } catch {
    return "";
  }
}

function keyOf(lease: DrainLease): string {
  return `${lease.requestedAtMs} ${lease.principal}`;
}

function fileOf(book: DrainBook): DrainLeasesFile {
  return {
    format: 1,
    revision: book.revision,
    epoch: book.epoch,
    leases: book.leases.map((lease) => ({
      principal: lease.principal,
      requested_at: timestampOf(lease.requestedAtMs),
      expires_at: timestampOf(lease.expiresAtMs),
      suppress_notification: lease.suppressNotification,
      from: lease.from,
    })),
    seen: book.seen === null ? null : { ino: book.seen.ino, mtime_ms: book.seen.mtimeMs, size: book.seen.size },
  };
}

function bookOf(file: DrainLeasesFile): DrainBook {
  return {
    revision: file.revision,
    epoch: file.epoch,
    leases: file.leases.map((lease) => ({
      principal: lease.principal,
      requestedAtMs: Date.parse(lease.requested_at),
      expiresAtMs: Date.parse(lease.expires_at),
      suppressNotification: lease.suppress_notification,
      from: lease.from,
    })),
    seen: file.seen === null ? null : { ino: file.seen.ino, mtimeMs: file.seen.mtime_ms, size: file.seen.size },
  };
}
