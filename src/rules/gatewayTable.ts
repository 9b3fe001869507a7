import type { GatewayPhase, GatewayWord } from "../contract/index.ts";
import { ignore, move, refuse, type Table } from "./table.ts";

/** Events that can change the phase of a gateway. */
export type GatewayEvent =
  /** Everything that boot brings up is up. */
  | "ready"
  /** Boot gave up. */
  | "failed"
  /** It runs, but something it needs does not answer. */
  | "degraded"
  /** What it needs answers again. */
  | "mended"
  /** A drain was asked for from outside. */
  | "drainAsked"
  /** The last drain from outside was taken back. */
  | "drainCancelled"
  /** A signal or a command tells it to end, or it has lost its home. */
  | "stopAsked"
  /** Everything is down; the locks go next. */
  | "stopped";

/** The life of a gateway. Shutdown wins over everything that comes later: nothing leads out of `stopping` but the end. */
export const gatewayTable: Table<GatewayPhase, GatewayEvent> = {
  starting: {
    ready: move("running"),
    failed: move("startup_failed"),
    degraded: ignore("boot goes on; what does not answer yet is looked at again when it is up"),
    mended: ignore("boot goes on"),
    drainAsked: ignore("the drain marker is read again when boot is done"),
    drainCancelled: ignore("nothing drains yet"),
    stopAsked: move("stopping"),
    stopped: refuse("INTERNAL"),
  },
  running: {
    ready: refuse("INTERNAL"),
    failed: refuse("INTERNAL"),
    degraded: move("degraded"),
    mended: ignore("nothing was wrong"),
    drainAsked: move("draining"),
    drainCancelled: ignore("nothing drains"),
    stopAsked: move("stopping"),
    stopped: refuse("INTERNAL"),
  },
  degraded: {
    ready: refuse("INTERNAL"),
    failed: refuse("INTERNAL"),
    degraded: ignore("it is told already"),
    mended: move("running"),
    drainAsked: move("draining"),
    drainCancelled: ignore("nothing drains"),
    stopAsked: move("stopping"),
    stopped: refuse("INTERNAL"),
  },
  draining: {
    ready: refuse("INTERNAL"),
    failed: refuse("INTERNAL"),
    degraded: ignore("it takes no new work; whether it could is looked at when the drain ends"),
    mended: ignore("it takes no new work all the same"),
    drainAsked: ignore("it drains already"),
    drainCancelled: move("running"),
    stopAsked: move("stopping"),
    stopped: refuse("INTERNAL"),
  },
  stopping: {
    ready: ignore("shutdown wins"),
    failed: ignore("it stops already"),
    degraded: ignore("shutdown wins"),
    mended: ignore("shutdown wins"),
    drainAsked: ignore("shutdown drains anyway"),
    drainCancelled: ignore("shutdown wins over a drain that is taken back"),
    stopAsked: ignore("the first stop's reason is kept; a second signal forces"),
    stopped: move("stopped"),
  },
  stopped: {
    ready: refuse("INTERNAL"),
    failed: refuse("INTERNAL"),
    degraded: ignore("it is over"),
    mended: ignore("it is over"),
    drainAsked: ignore("it is over"),
    drainCancelled: ignore("it is over"),
    stopAsked: ignore("it is over"),
    stopped: ignore("it is over"),
  },
  startup_failed: {
    ready: refuse("INTERNAL"),
    failed: ignore("the first failure is kept"),
    degraded: ignore("it is over"),
    mended: ignore("it is over"),
    drainAsked: ignore("it is over"),
    drainCancelled: ignore("it is over"),
    stopAsked: ignore("it is over"),
    stopped: ignore("its failure is the last word"),
  },
};

/** The original's word for a phase (spec compat 23): its readers know `draining`, not `stopping`. */
export function gatewayWord(phase: GatewayPhase): GatewayWord {
  return phase === "stopping" ? "draining" : phase;
}
