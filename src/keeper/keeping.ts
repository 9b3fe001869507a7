import type { ProcessId, RestartSurvival, StateFile } from "../contract/index.ts";
import type { System } from "../system/index.ts";
import type { Census } from "./census.ts";
import type { Doorbell } from "./doorbell.ts";
import type { EmptyGroups } from "./emptyGroups.ts";
import type { Log } from "./log.ts";

/** What every held process shares with its keeper. */
export type Keeping = {
  readonly system: System;
  readonly home: string;
  readonly doorbell: Doorbell;
  readonly log: Log;
  readonly identity: StateFile["keeper"];
  readonly restartSurvival: RestartSurvival;
  readonly census: Census;
  readonly emptyGroups: EmptyGroups;
  /** The process is over and its stream has ended: nothing of it is held any more. */
  readonly released: (held: { readonly id: ProcessId }) => void;
};

export type KillWish = {
  readonly source: string;
  readonly reason?: string | undefined;
  /** Absent: the spec's. 0: TERM only. */
  readonly grace_ms?: number | undefined;
};
