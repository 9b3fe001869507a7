import { type DrainMarker, drainLeasesMax, drainPrincipalMax, timestampOf } from "../contract/index.ts";

/** A lease ends at the latest this long after it was asked for or renewed, so that a forgotten one does not last. */
export const drainLeaseMsMax = 3_600_000;
/** A time further in the future than this is taken for unreadable: clocks do not differ by more. */
const aheadMsMax = 60_000;
/** The principal of a marker that names none. */
const unnamedPrincipal = "external";

/** One principal's wish that the gateway drain. Times are epoch milliseconds. */
export type DrainLease = {
  readonly principal: string;
  readonly requestedAtMs: number;
  readonly expiresAtMs: number;
  readonly suppressNotification: boolean;
  /** `unreadable`: from a marker that told nothing; one that can be read takes its place. */
  readonly from: "request" | "marker" | "unreadable";
};

/** Identifies the content of a file: with another inode, time or size it is another one. */
export type MarkerStamp = { readonly ino: number; readonly mtimeMs: number; readonly size: number };

/** All leases, and how they stand to the marker. */
export type DrainBook = {
  /** Grows at each change; our markers carry it. */
  readonly revision: number;
  /** Of the machine's instantiation in which it was written; empty where that is not known. */
  readonly epoch: string;
  readonly leases: readonly DrainLease[];
  /** The marker of somebody else that has been taken into account. */
  readonly seen: MarkerStamp | null;
};

/** The marker as found; `value` is its JSON, undefined when it is none. */
export type MarkerSight = { readonly stamp: MarkerStamp; readonly value: unknown };
/** The moment of a look. */
export type DrainNow = {
  readonly wallMs: number;
  readonly epoch: string;
  /** Whether a lease has ended by the monotonic clock, whatever the wall clock says. */
  readonly overdue?: (lease: DrainLease) => boolean;
};

/**
 * What a marker means.
 * - `absent`: nobody asks for a drain, whatever was asked before.
 * - `ours`: the union of leases that we wrote.
 * - `seen`: somebody else's, counted already.
 * - `foreign_epoch`: of another instantiation of the machine; it reads as absent and stays where it is.
 * - `expired`: too old; it reads as absent.
 * - `lease`: somebody asks.
 */
export type MarkerVerdict =
  | { readonly kind: "absent" | "ours" | "seen" | "foreign_epoch" | "expired" }
  | { readonly kind: "lease"; readonly lease: DrainLease };

export const emptyDrainBook: DrainBook = { revision: 0, epoch: "", leases: [], seen: null };

/** Decides what a marker means. A marker that cannot be read counts as a drain, because that is the only thing a marker is written for. */
export function judgeDrainMarker(sight: MarkerSight | null, book: DrainBook, now: DrainNow): MarkerVerdict {
  if (sight === null) return { kind: "absent" };
  const marker = fieldsOf(sight.value);
  const foreign = marker !== null && isForeign(marker.epoch, now.epoch);
  // One that is newer than the book is not known to it: the book was lost. With the machine's last start it may have been.
  if (marker !== null && marker.revision !== null && (marker.revision <= book.revision || foreign)) return { kind: "ours" };
  if (sameStamp(sight.stamp, book.seen)) return { kind: "seen" };
  if (foreign) return { kind: "foreign_epoch" };
  const written = marker?.requestedAtMs ?? null;
  const dated = written !== null && written <= now.wallMs + aheadMsMax;
  const sinceMs = Math.min(dated ? written : sight.stamp.mtimeMs, now.wallMs);
  const expiresAtMs = Math.min(sinceMs + drainLeaseMsMax, marker?.expiresAtMs ?? Number.POSITIVE_INFINITY);
  if (expiresAtMs <= now.wallMs) return { kind: "expired" };
  return {
    kind: "lease",
    lease: {
      principal: marker?.principal ?? unnamedPrincipal,
      requestedAtMs: sinceMs,
      expiresAtMs,
      suppressNotification: marker?.suppressNotification ?? false,
      from: marker === null ? "unreadable" : "marker",
    },
  };
}

/** What a look at the marker leads to: the leases from now on, and what is to be done about the marker. */
export type DrainLook = {
  readonly book: DrainBook;
  /** The book is another than before. */
  readonly changed: boolean;
  /** `write`: it is not the union of the leases. `remove`: it says that we drain, and we do not. */
  readonly marker: "keep" | "write" | "remove";
  readonly verdict: MarkerVerdict;
};

/** Brings book and marker together. Nothing here lengthens a lease; only asking again does. */
export function lookAtDrain(book: DrainBook, sight: MarkerSight | null, now: DrainNow): DrainLook {
  const verdict = judgeDrainMarker(sight, book, now);
  const live = liveLeases(book, now);
  switch (verdict.kind) {
    case "absent":
      return looked(book, [], book.seen, "keep", verdict, now);
    case "ours": {
      const revision = fieldsOf(sight?.value)?.revision;
      const stale = revision !== book.revision || !sameLeases(live, book.leases);
      return looked(book, live, book.seen, live.length === 0 ? "remove" : stale ? "write" : "keep", verdict, now);
    }
    case "seen":
      return looked(book, live, book.seen, live.length === 0 ? "remove" : isUnion(live) ? "keep" : "write", verdict, now);
    case "foreign_epoch":
      return looked(book, live, book.seen, live.length === 0 ? "keep" : "write", verdict, now);
    case "expired":
      return looked(book, live, book.seen, live.length === 0 ? "remove" : "write", verdict, now);
    case "lease": {
      const { lease } = verdict;
      const others = live.filter(({ principal, from }) => principal !== lease.principal && from !== "unreadable");
      // Where there are too many, the oldest leases give way: whoever asks by a file cannot be told that there is no room.
      const leases = [...others.slice(-(drainLeasesMax - 1)), lease];
      return looked(book, leases, sight?.stamp ?? null, isUnion(leases) ? "keep" : "write", verdict, now);
    }
  }
}

/** The book with a principal's lease begun or renewed; null when there is no room for another. */
export function withLease(book: DrainBook, lease: DrainLease, now: DrainNow): DrainBook | null {
  const others = liveLeases(book, now).filter(({ principal }) => principal !== lease.principal);
  if (others.length >= drainLeasesMax) return null;
  return { ...book, revision: book.revision + 1, epoch: now.epoch, leases: [...others, lease] };
}

/** The book without one principal's lease, or without any (`null`). */
export function withoutLease(book: DrainBook, principal: string | null, now: DrainNow): DrainBook {
  const leases = principal === null ? [] : liveLeases(book, now).filter((lease) => lease.principal !== principal);
  return { ...book, revision: book.revision + 1, epoch: now.epoch, leases };
}

/** The marker that says what the leases say together. Channels are spared only when every principal asks for that. */
export function unionMarker(book: DrainBook): DrainMarker {
  return {
    action: "drain",
    requested_at: timestampOf(Math.max(...book.leases.map(({ requestedAtMs }) => requestedAtMs))),
    principal: drainPrincipals(book.leases),
    epoch: book.epoch,
    suppress_notification: book.leases.every(({ suppressNotification }) => suppressNotification),
    expires_at: timestampOf(Math.max(...book.leases.map(({ expiresAtMs }) => expiresAtMs))),
    revision: book.revision,
  };
}

/** Who asks, in one line. */
export function drainPrincipals(leases: readonly DrainLease[]): string {
  return leases.map(({ principal }) => principal).join(", ");
}

/** A principal's name as it may stand in files and logs: without control characters, not too long; null when nothing is left. */
export function principalName(given: unknown): string | null {
  if (typeof given !== "string") return null;
  const name = [...given.replaceAll(/\p{C}/gu, " ").trim()].slice(0, drainPrincipalMax).join("").slice(0, drainPrincipalMax).trim();
  return name === "" ? null : name;
}

function looked(
  book: DrainBook,
  leases: readonly DrainLease[],
  seen: MarkerStamp | null,
  marker: DrainLook["marker"],
  verdict: MarkerVerdict,
  now: DrainNow,
): DrainLook {
  if (sameLeases(leases, book.leases) && sameStamp(seen, book.seen) && marker === "keep") return { book, changed: false, marker, verdict };
  return { book: { revision: book.revision + 1, epoch: now.epoch, leases, seen }, changed: true, marker, verdict };
}

/**
 * Leases that have not ended. One of another instantiation of the machine has; and none can have more time left than the longest one, so a clock
 * that was set back does not lengthen it.
 */
function liveLeases(book: DrainBook, now: DrainNow): DrainLease[] {
  if (isForeign(book.epoch, now.epoch)) return [];
  return book.leases
    .filter((lease) => lease.expiresAtMs > now.wallMs && now.overdue?.(lease) !== true)
    .map((lease) => (lease.expiresAtMs - now.wallMs > drainLeaseMsMax ? { ...lease, expiresAtMs: now.wallMs + drainLeaseMsMax } : lease));
}

/** Whether somebody else's marker says all: one lease, which came from it. */
function isUnion(leases: readonly DrainLease[]): boolean {
  return leases.length === 1 && leases[0]?.from !== "request";
}

function sameLeases(some: readonly DrainLease[], others: readonly DrainLease[]): boolean {
  return some.length === others.length && some.every((lease, at) => lease === others[at]);
}

function isForeign(epoch: string | null, ours: string): boolean {
  return epoch !== null && epoch !== "" && ours !== "" && epoch !== ours;
}

function sameStamp(one: MarkerStamp | null, other: MarkerStamp | null): boolean {
  if (one === null || other === null) return one === other;
  return one.ino === other.ino && one.mtimeMs === other.mtimeMs && one.size === other.size;
}

type Fields = {
  readonly requestedAtMs: number | null;
  readonly expiresAtMs: number | null;
  readonly principal: string | null;
  readonly epoch: string | null;
  readonly suppressNotification: boolean;
  readonly revision: number | null;
};

/** What can be used of a marker, key by key; null when it is no object. */
function fieldsOf(value: unknown): Fields | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const marker = value as Record<string, unknown>;
  return {
    requestedAtMs: momentOf(marker.requested_at),
    expiresAtMs: momentOf(marker.expires_at),
    principal: principalName(marker.principal),
    epoch: typeof marker.epoch === "string" ? marker.epoch : null,
    suppressNotification: marker.suppress_notification === true,
    revision: typeof marker.revision === "number" && Number.isInteger(marker.revision) ? marker.revision : null,
  };
}

/** Epoch milliseconds of an ISO 8601 text; one without an offset is read as UTC, as the original does with these. Null when it is none. */
function momentOf(text: unknown): number | null {
  if (typeof text !== "string" || !/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/.test(text)) return null;
  const moment = Date.parse(/(?:Z|[+-]\d\d:?\d\d)$/i.test(text) ? text : `${text}Z`);
  return Number.isNaN(moment) ? null : moment;
}
