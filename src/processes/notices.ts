import type { ProcessId } from "../contract/index.ts";
import type { Store } from "../store/index.ts";
import type { Timer } from "../system/index.ts";
import type { Context } from "./context.ts";
import { readFolder } from "./folder.ts";
import type { Registry } from "./types.ts";
import { Desk } from "./watching/desk.ts";
import { tellEnd } from "./watching/ending.ts";

/** A timer of the system holds no more. */
const timerMsMax = 2_147_483_647;
/** After a look at a database that cannot be read. */
const retryMs = 1000;

/** See `Registry.notices`. */
export function noticesOf(context: Context, standReady: () => () => void): Registry["notices"] {
  const { store } = context;
  return {
    subscribe: (options, ring) => {
      context.keepers.demandOpen();
      const unsubscribe = subscribe(context, options, ring);
      const leave = standReady();
      return () => {
        unsubscribe();
        leave();
      };
    },
    transaction: (work) => store.open().transaction(work),
    claim: (options) => store.ifThere()?.notices.claim(options) ?? [],
    deliver: (id, claimant) => store.ifThere()?.notices.deliver(id, claimant) ?? false,
    release: (id, claimant, reason, attemptsMax) => store.ifThere()?.notices.release(id, claimant, reason, attemptsMax),
    releaseOthers: (claimant, reason, attemptsMax) => store.ifThere()?.notices.releaseOthers(claimant, reason, attemptsMax) ?? 0,
    consume: (filter) => store.ifThere()?.notices.consume(filter) ?? 0,
    get: (id) => store.ifThere()?.notices.get(id) ?? null,
    list: (filter) => store.ifThere()?.notices.list(filter) ?? [],
    endKnown: (id) => endKnown(context, id),
  };
}

function subscribe(context: Context, options: { readonly session?: string }, ring: () => void): () => void {
  const store = context.store.open();
  const { clock } = context.system;
  const filter = options.session === undefined ? {} : { session: options.session };
  let timer: Timer | null = null;
  const look = (): void => {
    timer?.cancel();
    let some: boolean;
    try {
      // A claim that runs out changes nothing on disk until the next one claims.
      const overInMs = store.notices.claimOverInMs(filter);
      timer = overInMs === null || overInMs <= 0 ? null : clock.after(Math.min(overInMs, timerMsMax), look);
      some = overInMs === 0 || store.notices.list({ ...filter, states: ["stored"], limit: 1 }).length > 0;
    } catch {
      // There is no caller here to throw to. The next claim fails with the same reason.
      timer = clock.after(retryMs, look);
      return;
    }
    if (some) ring();
  };
  timer = clock.after(0, look);
  const end = store.onChange(look);
  return () => {
    timer?.cancel();
    end();
  };
}

/**
 * The reader has waited for or read an end and will keep it. If its notice has not been made yet, it is made and consumed here, in one transaction, so
 * that the evaluator of watches does not make another.
 */
export function endKnown(context: Context, id: ProcessId): void {
  const store = context.store.ifThere();
  const interest = store?.interests.get(id) ?? null;
  if (store === null || interest === null) return;
  const { exit } = readFolder(context.system.files, context.home, id);
  if (exit === null) return;
  const desk = new Desk(context, store, "reader");
  store.transaction(() => {
    if (interest.notify_on_complete || mayComeToTellIt(store, id)) tellEnd(desk, interest, exit, 0);
    store.notices.consume({ process: id, kinds: ["completion"] });
  });
}

/** A rule that matches too often is switched off, and the end is told instead. That may still happen in output that has not been matched yet. */
function mayComeToTellIt(store: Store, id: ProcessId): boolean {
  return store.watches.ofProcess(id).some((watch) => watch.state === "active" && watch.rule.mode === "every");
}
