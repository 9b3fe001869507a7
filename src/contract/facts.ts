import { z } from "zod";
import { Phase } from "./disk/state.ts";
import { ProcessId } from "./ids.ts";
import type { NoticeKind } from "./interest.ts";

/**
 * The events of the keeper, `GET /v1/events` (SSE). They tell which files to look at and never carry output. `event:` is the type, `data:` the rest as JSON.
 * Order per process: `state` starting < running < stopping < ended; `output` may come before and after any of them; `exit` once, after exit.json stands.
 */
export const KeeperEvent = z.discriminatedUnion("type", [
  /** First on every connection: from here on nothing is missed. */
  z.object({ type: z.literal("hello"), instance_id: z.string() }),
  /** Output was appended; `end` is the absolute offset behind its last byte. Coalesced: only the newest end is told. */
  z.object({ type: z.literal("output"), id: ProcessId, end: z.int().min(0) }),
  z.object({ type: z.literal("state"), id: ProcessId, phase: Phase, seq: z.int() }),
  /** exit.json is on disk. */
  z.object({ type: z.literal("exit"), id: ProcessId }),
]);
export type KeeperEvent = z.infer<typeof KeeperEvent>;

/** Something that has happened to a process, as the registry tells it to whoever subscribes. */
export type ProcessFact =
  | { readonly type: "process.started"; readonly id: ProcessId }
  | { readonly type: "process.output"; readonly id: ProcessId; readonly end: number }
  | { readonly type: "process.state"; readonly id: ProcessId; readonly phase: Phase }
  | { readonly type: "process.ended"; readonly id: ProcessId }
  /** A watch matched the line that begins at `offset`, and the match is told. Only from the program that evaluates watches. */
  | { readonly type: "process.matched"; readonly id: ProcessId; readonly watch: number; readonly offset: number }
  /** A notice was stored. `id` is null for those that speak of all processes. Only from the program that evaluates watches. */
  | {
      readonly type: "process.noticed";
      readonly id: ProcessId | null;
      readonly notice: string;
      readonly kind: NoticeKind;
      readonly session: string | null;
    };
