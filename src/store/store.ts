import { homePaths } from "../contract/index.ts";
import { Changes } from "./changes.ts";
import { Database } from "./database.ts";
import { interestsIn } from "./interests.ts";
import { noticesIn } from "./notices.ts";
import type { Store, StoreOptions } from "./types.ts";
import { readersIn, scansIn, watchesIn } from "./watches.ts";

/**
 * Opens the home's database, made and brought to the newest version where needed. Throws `HermaError`: `HOME_NEWER` when a newer Herma has
 * written it, `FILE_CORRUPT`, `DISK_FULL`, `IO`. Loading this room costs some milliseconds: import it when it is needed.
 */
export function openStore(options: StoreOptions): Store {
  const { system, path = homePaths(options.home).store } = options;
  const database = new Database({ ...options, path });
  const changes = new Changes(database, system, path);
  return {
    transaction: (work) => database.transaction(work),
    onChange: (changed) => changes.subscribe(changed),
    interests: interestsIn(database),
    watches: watchesIn(database),
    scans: scansIn(database),
    readers: readersIn(database),
    notices: noticesIn(database, system.clock),
    [Symbol.dispose]() {
      changes.close();
      database.close();
    },
  };
}
