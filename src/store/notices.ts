import type { Selectable, Updateable } from "kysely";
import { type Notice, NoticeState, timestampOf } from "../contract/index.ts";
import { type NoticeEvent, noticeTable, step } from "../rules/index.ts";
import type { System } from "../system/index.ts";
import { type Database, queries } from "./database.ts";
import { parseColumn } from "./json.ts";
import { Leases } from "./leases.ts";
import type { Tables } from "./schema.ts";
import type { NewNotice, Store } from "./types.ts";

/** Processes that are told of all the time would fill the disk within their week. */
const keptMaxDefault = 10_000;

type Row = Selectable<Tables["notice"]>;
type Parts = { readonly database: Database; readonly clock: System["clock"]; readonly leases: Leases };

/** See `Store.notices`. */
export function noticesIn(database: Database, clock: System["clock"]): Store["notices"] {
  const parts: Parts = { database, clock, leases: new Leases(clock) };
  return {
    add: (notice, once) => database.whole(() => add(parts, notice, once)),
    get: (id) => {
      const row = rowById(database, id);
      return row === undefined ? null : noticeOf(row);
    },
    list: (filter) => list(database, filter),
    claim: (options) => claim(parts, options),
    claimOverInMs: (filter = {}) => parts.leases.nextOverInMs(claimedRows(database, filter.session)),
    deliver: (id, claimant) => database.whole(() => deliver(parts, id, claimant)),
    release: (id, claimant, reason, attemptsMax) =>
      database.whole(() => {
        const row = rowById(database, id);
        if (row !== undefined && isHeldBy(row, claimant)) endClaim(parts, row, "release", reason, attemptsMax);
      }),
    releaseOthers: (claimant, reason, attemptsMax) =>
      database.whole(() => {
        const rows = claimedRows(database).filter((row) => row.claimed_by !== claimant);
        for (const row of rows) endClaim(parts, row, "leaseOver", reason, attemptsMax);
        return rows.length;
      }),
    consume: (filter) => consume(parts, filter),
    prune: (ageMs, keptMax = keptMaxDefault) => database.whole(() => prune(parts, clock.wallMs() - ageMs, keptMax)),
  };
}

function add({ database, clock }: Parts, notice: NewNotice, once: string): boolean {
  const { kind, process_id } = notice;
  const told = { once, process_id, kind, at_ms: wholeMs(clock.wallMs()) };
  const key = database.write(
    queries
      .insertInto("told")
      .values(told)
      .onConflict((conflict) => conflict.doNothing()),
  );
  if (key.changes === 0) return false;
  const { id, session, task, generation, weight, created_at, data, text } = notice;
  const facts = { id, once, kind, process_id, session, task, generation, weight, created_at, data: JSON.stringify(data), text };
  database.write(queries.insertInto("notice").values({ ...facts, changed_at_ms: told.at_ms }));
  return true;
}

function list(database: Database, filter: Parameters<Store["notices"]["list"]>[0] = {}): Notice[] {
  let query = queries.selectFrom("notice").selectAll().orderBy("seq", "desc");
  if (filter.process !== undefined) query = query.where("process_id", "=", filter.process);
  if (filter.session !== undefined) query = query.where("session", "=", filter.session);
  if (filter.states !== undefined) query = query.where("state", "in", filter.states);
  if (filter.limit !== undefined) query = query.limit(filter.limit);
  return database.all(query).map(noticeOf).reverse();
}

function claim(parts: Parts, options: Parameters<Store["notices"]["claim"]>[0]): Notice[] {
  const { database, clock, leases } = parts;
  // Most calls find nothing to claim; a read tells that without waiting for other writers.
  const open = queries.selectFrom("notice").select("seq").where("state", "in", ["stored", "claimed"]).limit(1);
  if (database.first(open) === undefined) return [];
  return database.whole(() => {
    for (const row of leases.over(claimedRows(database))) {
      endClaim(parts, row, "leaseOver", `the claim of ${row.claimed_by} ran out`, options.attemptsMax ?? Number.POSITIVE_INFINITY);
    }
    const until = timestampOf(clock.wallMs() + options.leaseMs);
    return freeRows(database, options).flatMap((row) => {
      const state = moved(row, "claim");
      if (state === null) return [];
      const { claimant: claimed_by, leaseMs } = options;
      const change = { state, attempts: row.attempts + 1, claimed_by, claimed_until: until, lease_ms: wholeMs(leaseMs) };
      save(parts, row, change);
      leases.begin({ ...row, ...change });
      return [noticeOf({ ...row, ...change })];
    });
  });
}

function freeRows(database: Database, options: Parameters<Store["notices"]["claim"]>[0]): Row[] {
  let query = queries.selectFrom("notice").selectAll().where("state", "=", "stored").orderBy("seq").limit(options.limit);
  if (options.session === null) query = query.where("session", "is", null);
  else if (options.session !== undefined) query = query.where("session", "=", options.session);
  if (options.weights !== undefined) query = query.where("weight", "in", options.weights);
  return database.all(query);
}

function deliver(parts: Parts, id: string, claimant: string): boolean {
  const row = rowById(parts.database, id);
  if (row === undefined || row.claimed_by !== claimant) return false;
  const state = moved(row, "deliver");
  if (state === null) return row.state === "delivered";
  save(parts, row, { state, claimed_until: null, lease_ms: null, delivered_at: timestampOf(parts.clock.wallMs()) });
  return true;
}

/** Frees a claimed notice, or gives it up when it was tried often enough. */
function endClaim(parts: Parts, row: Held, event: "release" | "leaseOver", reason: string, attemptsMax: number): void {
  const state = moved(row, row.attempts >= attemptsMax ? "giveUp" : event);
  if (state !== null) save(parts, row, { state, claimed_by: null, claimed_until: null, lease_ms: null, reason });
}

const consumable = NoticeState.options.filter((state) => step(noticeTable, state, "consume").kind === "move");

function consume({ database, clock }: Parts, filter: Parameters<Store["notices"]["consume"]>[0]): number {
  const nowMs = clock.wallMs();
  let query = queries
    .updateTable("notice")
    .set({ state: "consumed", claimed_until: null, lease_ms: null, consumed_at: timestampOf(nowMs), changed_at_ms: wholeMs(nowMs) })
    .where("state", "in", consumable);
  if ("id" in filter) query = query.where("id", "=", filter.id);
  else {
    query = query.where("process_id", "=", filter.process);
    if (filter.kinds !== undefined) query = query.where("kind", "in", filter.kinds);
  }
  return database.write(query).changes;
}

const settled = ["delivered", "consumed", "dead"] as const;

function prune({ database }: Parts, beforeMs: number, keptMax: number): number {
  const newestOver = queries
    .selectFrom("notice")
    .select("seq")
    .where("state", "in", settled)
    .orderBy("seq", "desc")
    .limit(1)
    .offset(keptMax);
  const over = database.first(newestOver)?.seq ?? 0;
  const { changes } = database.write(
    queries
      .deleteFrom("notice")
      .where("state", "in", settled)
      .where((where) => where.or([where("changed_at_ms", "<=", beforeMs), where("seq", "<=", over)])),
  );
  // A scan is repeated only while there is still interest in the process.
  database.write(
    queries
      .deleteFrom("told")
      .where("at_ms", "<=", beforeMs)
      .where("once", "not in", queries.selectFrom("notice").select("once"))
      .where((where) =>
        where.or([
          where("process_id", "is", null),
          where("process_id", "not in", queries.selectFrom("interest").select("interest.process_id")),
        ]),
      ),
  );
  return changes;
}

function rowById(database: Database, id: string): Row | undefined {
  return database.first(queries.selectFrom("notice").selectAll().where("id", "=", id));
}

/** What a notice's life needs to know of it: its text may be long. */
type Held = Pick<Row, "seq" | "id" | "state" | "attempts" | "claimed_by" | "claimed_until" | "lease_ms">;

function claimedRows(database: Database, session?: string): Held[] {
  const columns = ["seq", "id", "state", "attempts", "claimed_by", "claimed_until", "lease_ms"] as const;
  const claimed = queries.selectFrom("notice").select(columns).where("state", "=", "claimed").orderBy("seq");
  return database.all(session === undefined ? claimed : claimed.where("session", "=", session));
}

function isHeldBy(row: Held, claimant: string): boolean {
  return row.state === "claimed" && row.claimed_by === claimant;
}

/** The state the table moves it to, or null when nothing happens. */
function moved(row: Held, event: NoticeEvent): NoticeState | null {
  const cell = step(noticeTable, row.state, event);
  return cell.kind === "move" ? cell.to : null;
}

function save({ database, clock }: Parts, row: Held, change: Updateable<Tables["notice"]>): void {
  database.write(
    queries
      .updateTable("notice")
      .set({ ...change, changed_at_ms: wholeMs(clock.wallMs()) })
      .where("seq", "=", row.seq),
  );
}

function wholeMs(ms: number): number {
  return Math.round(ms);
}

function noticeOf(row: Row): Notice {
  const { seq: _seq, once: _once, lease_ms: _leaseMs, changed_at_ms: _changedAtMs, data, ...rest } = row;
  return { ...rest, data: parseColumn(data, "notice.data") };
}
