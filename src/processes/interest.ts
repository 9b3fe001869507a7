import {
  type AskedInterest,
  checked,
  HandOver,
  HermaError,
  type Interest,
  Interest as InterestSchema,
  type ProcessId,
  type SpecFile,
  WakePolicy,
  WatchRule,
} from "../contract/index.ts";
import { compileWatchRules, heartbeatSecondsMin } from "../rules/index.ts";
import type { Store, Watch } from "../store/index.ts";
import type { Context } from "./context.ts";
import { readFolder } from "./folder.ts";
import { requireFolder } from "./list.ts";
import { ownerOf } from "./owner.ts";
import { patternEngine } from "./patterns.ts";
import { readProcess } from "./read.ts";
import type { InterestChange, StartOptions } from "./types.ts";

/** What a start asks to be told, checked; null when it asks for nothing. Throws BAD_REQUEST with a sentence. */
export function askedInterest(options: StartOptions): AskedInterest | null {
  const { notifyOnComplete = false, watch = [], wake, heartbeatSeconds = null, purpose = null } = options;
  if (!notifyOnComplete && watch.length === 0 && heartbeatSeconds === null && purpose === null && wake === undefined) return null;
  const rules = watch.map((rule) => checked(WatchRule, rule));
  checkRules(rules);
  return {
    notify_on_complete: notifyOnComplete,
    watch: rules,
    wake: checked(WakePolicy, wake ?? {}),
    heartbeat_seconds: checkHeartbeat(heartbeatSeconds),
    purpose: checkPurpose(purpose),
  };
}

/** Writes interest and watches as one transaction: before the process starts, so that nothing it prints or does can be missed. */
export function writeInterest(store: Store, spec: Pick<SpecFile, "id" | "owner">, asked: AskedInterest): void {
  store.transaction(() => {
    store.interests.put({
      process_id: spec.id,
      session: spec.owner.session ?? null,
      task: spec.owner.task ?? null,
      notify_on_complete: asked.notify_on_complete,
      wake: asked.wake,
      heartbeat_seconds: asked.heartbeat_seconds,
      purpose: asked.purpose,
      route: null,
    });
    for (const rule of asked.watch) store.watches.add({ process_id: spec.id, rule, from: 0 });
  });
}

/** See `Registry.interest.get`. */
export function getInterest(context: Context, id: ProcessId): Interest | null {
  requireFolder(context, id);
  const interest = context.store.ifThere()?.interests.get(id) ?? null;
  return interest === null ? null : shownInterest(context, interest);
}

function shownInterest({ shown }: Context, interest: Interest): Interest {
  return { ...interest, purpose: interest.purpose === null ? null : shown.text(interest.purpose) };
}

/** See `Registry.interest.update`. */
export function updateInterest(context: Context, id: ProcessId, change: InterestChange): Interest {
  requireFolder(context, id);
  const rules = (change.watch ?? []).map((rule) => checked(WatchRule, rule));
  checkRules(rules);
  const from = rules.length === 0 ? 0 : readProcess(context, id, { view: "tail", maxBytes: 1 }).end;
  const store = context.store.open();
  return store.transaction(() => {
    const before = store.interests.get(id) ?? freshInterest(context, id);
    const after: Interest = {
      ...before,
      notify_on_complete: change.notify_on_complete ?? before.notify_on_complete,
      wake: checked(WakePolicy, { ...before.wake, ...change.wake }),
      heartbeat_seconds: change.heartbeat_seconds === undefined ? before.heartbeat_seconds : checkHeartbeat(change.heartbeat_seconds),
      purpose: change.purpose === undefined ? before.purpose : checkPurpose(change.purpose),
      route: change.route === undefined ? before.route : change.route,
    };
    store.interests.put(after);
    if (rules.length > 0) {
      // Together with those there are they must be as few as one process may have.
      checkRules([...store.watches.ofProcess(id).map((watch) => watch.rule), ...rules]);
      for (const rule of rules) store.watches.add({ process_id: id, rule, from });
    }
    return shownInterest(context, after);
  });
}

/** See `Registry.interest.handOver`. */
export function handOver(context: Context, id: ProcessId, to: HandOver): Interest {
  requireFolder(context, id);
  const { session, task = null, purpose } = checked(HandOver, to);
  const store = context.store.open();
  return store.transaction(() => {
    const before = store.interests.get(id) ?? freshInterest(context, id);
    const after: Interest = { ...before, session, task, purpose };
    store.interests.put(after);
    return shownInterest(context, after);
  });
}

/** See `Registry.interest.watches`. */
export function watchesOf(context: Context, id: ProcessId): Watch[] {
  requireFolder(context, id);
  const watches = context.store.ifThere()?.watches.ofProcess(id) ?? [];
  return watches.map((watch) => ({ ...watch, rule: { ...watch.rule, match: shownMatch(context, watch.rule.match) } }));
}

function shownMatch({ shown }: Context, match: WatchRule["match"]): WatchRule["match"] {
  return typeof match === "string" ? shown.text(match) : { re2: shown.text(match.re2) };
}

/** Interest in a process nobody has asked to be told of. */
function freshInterest(context: Context, id: ProcessId): Interest {
  const { spec } = readFolder(context.system.files, context.home, id);
  return {
    process_id: id,
    ...ownerOf(spec, null),
    notify_on_complete: false,
    wake: WakePolicy.parse({}),
    heartbeat_seconds: null,
    purpose: null,
    route: null,
  };
}

function checkRules(rules: readonly WatchRule[]): void {
  if (rules.length === 0) return;
  compileWatchRules(
    rules.map((rule) => ({ rule })),
    patternEngine(),
  );
}

function checkHeartbeat(seconds: number | null): number | null {
  if (seconds !== null && seconds < heartbeatSecondsMin) {
    throw new HermaError("BAD_REQUEST", `heartbeats are at least ${heartbeatSecondsMin} s apart`);
  }
  return checked(InterestSchema.shape.heartbeat_seconds, seconds);
}

function checkPurpose(purpose: string | null): string | null {
  return checked(InterestSchema.shape.purpose, purpose);
}
