/** What must outlive a gateway: interest in processes, and the notices it leads to. Floor 3. */
export { loadSqlite as loadAhead } from "./sqlite.ts";
export { openStore } from "./store.ts";
export type { NewNotice, NewWatch, Scan, Store, StoreOptions, Watch } from "./types.ts";
