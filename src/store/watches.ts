import type { Selectable } from "kysely";
import { type Database, queries } from "./database.ts";
import { parseColumn } from "./json.ts";
import type { Tables } from "./schema.ts";
import type { Scan, Store, Watch } from "./types.ts";

/** See `Store.watches`. */
export function watchesIn(database: Database): Store["watches"] {
  return {
    add: (watch) => {
      const values = { process_id: watch.process_id, rule: JSON.stringify(watch.rule), from: watch.from };
      const { lastId } = database.write(queries.insertInto("watch").values(values));
      return { ...watch, id: lastId, state: "active", hits: 0, deliveries: 0, last_match: null };
    },
    ofProcess: (id) => database.all(queries.selectFrom("watch").selectAll().where("process_id", "=", id).orderBy("id")).map(watchOf),
    active: () => {
      const watched = queries.selectFrom("watch").select("process_id").where("state", "=", "active");
      const asked = queries
        .selectFrom("interest")
        .select("process_id")
        .where((where) =>
          where.and([
            where.or([where("heartbeat_seconds", "is not", null), where("notify_on_complete", "=", 1)]),
            where.not(
              where.exists(
                where
                  .selectFrom("told")
                  .select("told.once")
                  .whereRef("told.process_id", "=", "interest.process_id")
                  .where("told.kind", "=", "completion"),
              ),
            ),
          ]),
        );
      return database.all(watched.union(asked).orderBy("process_id")).map((row) => row.process_id);
    },
    save: (watch) => {
      const { state, hits, deliveries, last_match } = watch;
      database.write(queries.updateTable("watch").set({ state, hits, deliveries, last_match }).where("id", "=", watch.id));
    },
    remove: (watchId) => void database.write(queries.deleteFrom("watch").where("id", "=", watchId)),
  };
}

function watchOf(row: Selectable<Tables["watch"]>): Watch {
  return { ...row, rule: parseColumn(row.rule, "watch.rule") };
}

/** See `Store.scans`. */
export function scansIn(database: Database): Store["scans"] {
  return {
    get: (id) => {
      const row = database.first(queries.selectFrom("scan").selectAll().where("process_id", "=", id));
      return row === undefined ? null : { ...row, state: parseColumn(row.state, "scan.state") };
    },
    put: (scan: Scan) => {
      const row = { process_id: scan.process_id, offset: scan.offset, state: JSON.stringify(scan.state) };
      database.write(
        queries
          .insertInto("scan")
          .values(row)
          .onConflict((conflict) => conflict.column("process_id").doUpdateSet(row)),
      );
    },
    breaker: () => {
      const row = database.first(queries.selectFrom("breaker").select("state"));
      return row === undefined ? null : parseColumn(row.state, "breaker.state");
    },
    putBreaker: (state) => {
      const row = { id: 1 as const, state: JSON.stringify(state) };
      database.write(
        queries
          .insertInto("breaker")
          .values(row)
          .onConflict((conflict) => conflict.column("id").doUpdateSet(row)),
      );
    },
  };
}

/** See `Store.readers`. */
export function readersIn(database: Database): Store["readers"] {
  return {
    acknowledged: (id, reader) => {
      const query = queries.selectFrom("reader").select("acknowledged").where("process_id", "=", id).where("reader", "=", reader);
      return database.first(query)?.acknowledged ?? 0;
    },
    acknowledge: (id, reader, to) => {
      database.write(
        queries
          .insertInto("reader")
          .values({ process_id: id, reader, acknowledged: to })
          .onConflict((conflict) =>
            conflict.columns(["process_id", "reader"]).doUpdateSet({ acknowledged: to }).where("reader.acknowledged", "<", to),
          ),
      );
    },
  };
}
