import type { Generated } from "kysely";
import type { NoticeKind, NoticeState, ProcessId } from "../contract/index.ts";

/** 0 or 1: SQLite has no truth values. */
type Flag = 0 | 1;
/** JSON text. */
type Json = string;
/** A moment, as the contract writes it: sorts as text. */
type Moment = string;
/** A moment in milliseconds since the epoch, for arithmetic. */
type EpochMs = number;

/** The tables of the newest version, as queries see them. What makes them is in migrations.ts; a test compares the two. */
export type Tables = {
  interest: {
    process_id: ProcessId;
    session: string | null;
    task: string | null;
    notify_on_complete: Flag;
    wake: Json;
    heartbeat_seconds: number | null;
    purpose: string | null;
    route: Json | null;
  };
  watch: {
    id: Generated<number>;
    process_id: ProcessId;
    rule: Json;
    from: number;
    state: Generated<"active" | "matched" | "disabled">;
    hits: Generated<number>;
    deliveries: Generated<number>;
    last_match: number | null;
  };
  scan: { process_id: ProcessId; offset: number; state: Json };
  breaker: { id: 1; state: Json };
  reader: { process_id: ProcessId; reader: string; acknowledged: number };
  notice: {
    seq: Generated<number>;
    id: string;
    once: string;
    kind: NoticeKind;
    process_id: ProcessId | null;
    session: string | null;
    task: string | null;
    generation: string;
    weight: "turn" | "context";
    created_at: Moment;
    data: Json;
    text: string;
    state: Generated<NoticeState>;
    attempts: Generated<number>;
    claimed_by: string | null;
    claimed_until: Moment | null;
    lease_ms: number | null;
    delivered_at: Moment | null;
    consumed_at: Moment | null;
    changed_at_ms: EpochMs;
    reason: string | null;
  };
  told: { once: string; process_id: ProcessId | null; kind: NoticeKind; at_ms: EpochMs };
};

type TableWords<Columns> = { readonly about: string; readonly columns: { readonly [Column in keyof Columns]-?: string } };

/** What each table and column means, for `docs/on-disk.md`. */
export const tableWords: { readonly [Table in keyof Tables]: TableWords<Tables[Table]> } = {
  interest: {
    about: "Who wants to know what of a process. It goes when the process's folder goes.",
    columns: {
      process_id: "The process.",
      session: "The conversation it belongs to, or null.",
      task: "The task within it, or null.",
      notify_on_complete: "1 when its end is to be told.",
      wake: "What each outcome does: an object of `success`, `failure`, `stopped`, `lost`.",
      heartbeat_seconds: "Seconds between heartbeats, or null for none.",
      purpose: "What it is for, in the words of whoever handed it over, or null.",
      route: "Where the Hermes tools would send a notice, as they wrote it, or null.",
    },
  },
  watch: {
    about: "Lines of output that somebody waits for.",
    columns: {
      id: "Never used again.",
      process_id: "The process.",
      rule: "The rule as it was given: `match`, `mode`, `negative_seconds`.",
      from: "Offset in the output; what stands before it does not count.",
      state: "`active`, `matched` (it was to match once, and has) or `disabled` (it matched too often).",
      hits: "Lines that matched.",
      deliveries: "Notices made of them.",
      last_match: "Offset of the line that matched last, or null.",
    },
  },
  scan: {
    about: "How far the watches of a process have read. It moves in the transaction that stores the notices it led to.",
    columns: {
      process_id: "The process.",
      offset: "Output before it has been matched; the beginning of a line.",
      state: "What the limits count, for going on after a restart.",
    },
  },
  breaker: {
    about: "The limit over the watches of all processes together: one row.",
    columns: { id: "1.", state: "What it counts, for going on after a restart." },
  },
  reader: {
    about: "How far each reader of a process has been told its output.",
    columns: {
      process_id: "The process.",
      reader: "Its name.",
      acknowledged: "Offset up to which it has said that it has it; never goes back.",
    },
  },
  notice: {
    about: "Facts that somebody asked to be told about. Their life is a table in [states.md](states.md).",
    columns: {
      seq: "The order they were stored in.",
      id: "`note_` and 12 hex digits.",
      once: "What it tells, as a key: the same is never stored twice.",
      kind: "`completion`, `watch_match`, `watch_disabled`, `watch_overflow_tripped`, `watch_overflow_released` or `heartbeat`.",
      process_id: "The process, or null when it speaks of all.",
      session: "Whom it is for, or null.",
      task: "The task within the session, or null.",
      generation: "The program that made it.",
      weight: "`turn` starts a turn, `context` waits for one.",
      created_at: "Moment of the fact.",
      data: "The fact for programs.",
      text: "The fact for its reader: redacted, bounded, framed as untrusted.",
      state: "`stored`, `claimed`, `delivered`, `consumed` or `dead`.",
      attempts: "How often it was claimed.",
      claimed_by: "Who claimed it last, or delivered it; null when it is free.",
      claimed_until: "Moment the claim ends by the claimant's clock, or null.",
      lease_ms: "How long the claim was for, or null.",
      delivered_at: "Moment its reader's turn had it, or null.",
      consumed_at: "Moment it was known, or null.",
      changed_at_ms: "When its state changed last, in ms since 1970.",
      reason: "Why the last attempt failed, or why it is dead; or null.",
    },
  },
  told: {
    about: "The `once` keys of all notices, also of those that are forgotten, so that nothing is told twice after a crash.",
    columns: {
      once: "The key.",
      process_id: "The process, or null.",
      kind: "The notice's kind.",
      at_ms: "When it was stored, in ms since 1970.",
    },
  },
};
