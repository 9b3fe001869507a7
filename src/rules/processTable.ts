import type { Phase } from "../contract/index.ts";
import { ignore, move, refuse, type Table } from "./table.ts";

/** Events that can change the phase of a process. */
export type ProcessEvent =
  /** The child runs; its identity is known. */
  | "spawned"
  /** The system could not run it. */
  | "spawnFailed"
  /** Somebody wants it to end; the intent is being written. */
  | "killAsked"
  /** Its exit is known; its stream may still hold output. */
  | "exitSeen"
  /** Its exit is known, its stream is drained, and exit.json stands. */
  | "settled"
  /** It was found alive and another keeper holds it now. */
  | "adopted"
  /** It was found to be over, and nobody had watched. */
  | "foundDead"
  | "inputAsked"
  | "signalAsked"
  | "resizeAsked"
  | "limitsAsked";

/** Reasons that say the same in more than one cell. */
const spawnedOnce = ignore("it runs already: a start asked for twice, or an adoption that was told first");
const firstEnding = ignore("it is over; the first ending stands");

/**
 * The life of a process. A kill that comes before the spawn moves to `stopping` at once: a keeper that has not called the system yet then
 * settles without ever spawning, and one that is in the middle of it runs the kill ladder as soon as `spawned` tells whom to signal.
 */
export const processTable: Table<Phase, ProcessEvent> = {
  starting: {
    spawned: move("running"),
    spawnFailed: move("ended"),
    killAsked: move("stopping"),
    // A very short run may be over before its start is recorded.
    exitSeen: move("starting"),
    settled: move("ended"),
    // Whatever is found alive has been spawned, though its keeper died before it could say so.
    adopted: move("running"),
    foundDead: move("ended"),
    inputAsked: refuse("PROCESS_NOT_STARTED"),
    signalAsked: refuse("PROCESS_NOT_STARTED"),
    resizeAsked: refuse("PROCESS_NOT_STARTED"),
    limitsAsked: refuse("PROCESS_NOT_STARTED"),
  },
  running: {
    spawned: spawnedOnce,
    spawnFailed: refuse("INTERNAL"),
    killAsked: move("stopping"),
    exitSeen: move("running"),
    settled: move("ended"),
    adopted: move("running"),
    foundDead: move("ended"),
    inputAsked: move("running"),
    signalAsked: move("running"),
    resizeAsked: move("running"),
    limitsAsked: move("running"),
  },
  stopping: {
    // The kill came while the system was starting it: it is signalled right away.
    spawned: move("stopping"),
    spawnFailed: move("ended"),
    killAsked: ignore("the first intent wins; the ladder may be climbed again for those who outlived it"),
    exitSeen: move("stopping"),
    settled: move("ended"),
    adopted: move("stopping"),
    foundDead: move("ended"),
    // A process that cleans up after TERM may still ask its user something.
    inputAsked: move("stopping"),
    signalAsked: move("stopping"),
    resizeAsked: move("stopping"),
    limitsAsked: move("stopping"),
  },
  ended: {
    spawned: refuse("INTERNAL"),
    spawnFailed: firstEnding,
    killAsked: refuse("PROCESS_ENDED"),
    exitSeen: firstEnding,
    settled: firstEnding,
    adopted: refuse("INTERNAL"),
    foundDead: firstEnding,
    inputAsked: refuse("PROCESS_ENDED"),
    signalAsked: refuse("PROCESS_ENDED"),
    resizeAsked: refuse("PROCESS_ENDED"),
    limitsAsked: refuse("PROCESS_ENDED"),
  },
};
