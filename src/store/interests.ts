import type { Selectable } from "kysely";
import type { Interest } from "../contract/index.ts";
import { type Database, queries } from "./database.ts";
import { parseColumn } from "./json.ts";
import type { Tables } from "./schema.ts";
import type { Store } from "./types.ts";

type Row = Selectable<Tables["interest"]>;

/** See `Store.interests`. */
export function interestsIn(database: Database): Store["interests"] {
  return {
    get: (id) => {
      const row = database.first(queries.selectFrom("interest").selectAll().where("process_id", "=", id));
      return row === undefined ? null : interestOf(row);
    },
    put: (interest) => {
      const row = rowOf(interest);
      database.write(
        queries
          .insertInto("interest")
          .values(row)
          .onConflict((conflict) => conflict.column("process_id").doUpdateSet(row)),
      );
    },
    list: (filter = {}) => {
      let query = queries.selectFrom("interest").selectAll().orderBy("process_id");
      if (filter.session !== undefined) query = query.where("session", "=", filter.session);
      if (filter.task !== undefined) query = query.where("task", "=", filter.task);
      return database.all(query).map(interestOf);
    },
    remove: (id) =>
      database.whole(() => {
        for (const table of ["interest", "watch", "scan", "reader"] as const) {
          database.write(queries.deleteFrom(table).where("process_id", "=", id));
        }
      }),
  };
}

function rowOf(interest: Interest): Row {
  return {
    process_id: interest.process_id,
    session: interest.session,
    task: interest.task,
    notify_on_complete: interest.notify_on_complete ? 1 : 0,
    wake: JSON.stringify(interest.wake),
    heartbeat_seconds: interest.heartbeat_seconds,
    purpose: interest.purpose,
    route: interest.route === null ? null : JSON.stringify(interest.route),
  };
}

function interestOf(row: Row): Interest {
  return {
    ...row,
    notify_on_complete: row.notify_on_complete === 1,
    wake: parseColumn(row.wake, "interest.wake"),
    route: row.route === null ? null : parseColumn(row.route, "interest.route"),
  };
}
