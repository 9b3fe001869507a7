import type { Identity, ProcessId } from "../contract/index.ts";
import { createRedactor } from "../rules/index.ts";
import type { Checkpoint } from "./checkpoint.ts";
import type { Context } from "./context.ts";
import { Facts } from "./facts.ts";
import { getInterest, handOver, updateInterest, watchesOf } from "./interest.ts";
import { once } from "./lazy.ts";
import { Doorbells } from "./link/events.ts";
import { Keepers } from "./link/keepers.ts";
import { getProcess, listProcesses, requireFolder, resolveReference } from "./list.ts";
import { endKnown, noticesOf } from "./notices.ts";
import type { Cleaning } from "./prune.ts";
import { countRunning, endLifetime, hasActive, isWaiting } from "./queries.ts";
import { acknowledge } from "./readers.ts";
import { readAny } from "./reading.ts";
import { createRecovery } from "./recover.ts";
import { settingsOf } from "./settings.ts";
import { shownBy } from "./shown.ts";
import { LazyStore } from "./stores.ts";
import type { FollowChunk, Registry, RegistryConfig, RegistryOptions } from "./types.ts";
import type { Watching } from "./watching/watching.ts";

// `herma ps` must be quick, since people call it all the time: what it does not need is loaded at its first use.
const acting = once(() => import("./act.ts"));
const keepers = once(() => import("./keeperStatus.ts"));
const starting = once(() => import("./start.ts"));
const waiting = once(() => import("./wait.ts"));

/** A cleaning that nobody gave a budget takes no longer. */
const pruneMsDefault = 60_000;

/**
 * Opens the registry of a home. Nothing is read, made or contacted before it is asked for something. While somebody follows, waits or
 * subscribes, a keeper that dies is replaced at once, and the next one adopts its processes; otherwise `recover` does that.
 */
export function openRegistry(options: RegistryOptions): Registry {
  const closing = new AbortController();
  // Read once, from what was given at the opening: nothing that runs later can turn it off.
  const redactor = createRedactor({ enabled: options.config?.redaction ?? true });
  const context = openContext(options, { closing: closing.signal, shown: shownBy(redactor), tell: (fact) => facts.tell(fact) });
  const facts: Facts = new Facts(context);
  let watching: Watching | null = null;
  let leave: (() => Promise<void>) | null = null;
  const watcher = async (): Promise<Watching> => {
    watching ??= new (await import("./watching/watching.ts")).Watching(context);
    return watching;
  };
  /** Whoever wants to be told of notices also evaluates watches, if no other program does: else there might be none. */
  const standReady = (): (() => void) => {
    let ended = false;
    let left: (() => Promise<void>) | null = null;
    // The store has just been opened; later failures are tried again.
    void watcher().then((ready) => {
      if (!ended && !closing.signal.aborted) left = ready.join();
    });
    return () => {
      ended = true;
      void left?.();
    };
  };
  let checkpoint: Checkpoint | null = null;
  let cleaning: Cleaning | null = null;
  const cleaner = async (): Promise<Cleaning> => {
    cleaning ??= new (await import("./prune.ts")).Cleaning(context);
    return cleaning;
  };
  return {
    start: async (start) => {
      const started = await (await starting()).startProcess(context, start);
      (await cleaner()).begin();
      return started;
    },
    list: (filter) => listProcesses(context, filter),
    get: (id) => getProcess(context, id),
    inspect: async (id) => (await import("./folderless.ts")).inspectProcess(context, id),
    resolve: (reference) => resolveReference(context, reference),
    read: (id, read) => readAny(context, id, read),
    acknowledge: (id, options) => {
      acknowledge(context, id, options);
      if (coversEnd(context, id, options.to)) endKnown(context, id);
    },
    lineMask: (id) => redactor.stream({ command: requireFolder(context, id).spec?.command }),
    follow: (id, follow) => followLater(context, id, follow),
    wait: async (wait) => (await waiting()).waitForProcesses(context, wait),
    write: async (id, input) => (await acting()).writeInput(context, id, input),
    resize: async (id, size) => (await acting()).resizeTerminal(context, id, size),
    updateLimits: async (id, change) => (await acting()).updateLimits(context, id, change),
    signal: async (id, signal) => (await acting()).sendSignal(context, id, signal),
    kill: async (id, kill) => (await acting()).killProcess(context, id, kill),
    killAll: async (kill) => (await acting()).killAllProcesses(context, kill),
    recover: async () => context.recover(),
    prune: async ({ budgetMs = pruneMsDefault } = {}) => (await cleaner()).run(budgetMs),
    onFact: (handler) => {
      context.keepers.demandOpen();
      return facts.subscribe(handler);
    },
    queries: {
      countRunning: (filter) => countRunning(context, filter),
      hasActive: (filter) => hasActive(context, filter),
      isWaiting: (id) => isWaiting(context, id),
    },
    endLifetime: async (options) => endLifetime(context, options),
    interest: {
      get: (id) => getInterest(context, id),
      update: (id, change) => updateInterest(context, id, change),
      watches: (id) => watchesOf(context, id),
      handOver: (id, to) => handOver(context, id, to),
    },
    notices: noticesOf(context, standReady),
    watching: {
      start: async (start) => {
        context.keepers.demandOpen();
        const ready = await watcher();
        leave ??= ready.join(start?.onProblem);
      },
      get isEvaluator() {
        return watching?.isEvaluator ?? false;
      },
      stop: async () => {
        const left = leave;
        leave = null;
        await left?.();
      },
    },
    checkpoint: {
      start: async (start) => {
        context.keepers.demandOpen();
        if (checkpoint !== null) return [];
        checkpoint = new (await import("./checkpoint.ts")).Checkpoint(context, start);
        return checkpoint.start((handler) => facts.subscribe(handler));
      },
      stop: async () => checkpoint?.stop(),
    },
    keeper: {
      status: async () => (await keepers()).keeperStatus(context),
      stop: async () => (await keepers()).stopKeepers(context),
    },
    async [Symbol.asyncDispose]() {
      await checkpoint?.stop();
      await watching?.stop();
      closing.abort();
      context.doorbells.close();
      context.keepers.http.close();
      context.store.close();
    },
  };
}

async function* followLater(
  context: Context,
  id: ProcessId,
  options: { readonly since?: number; readonly signal?: AbortSignal } | undefined,
): AsyncGenerator<FollowChunk, void, void> {
  const { followProcess } = await import("./follow.ts");
  yield* followProcess(context, id, options);
}

/** A reader that has read everything of an ended process knows of its end. */
function coversEnd(context: Context, id: ProcessId, to: number): boolean {
  if (context.store.ifThere() === null) return false;
  const { exit } = requireFolder(context, id);
  return exit !== null && to >= exit.output_end;
}

function openContext(options: RegistryOptions, own: Pick<Context, "closing" | "shown" | "tell">): Context {
  const { home, system, clientName } = options;
  let self: Identity | null = null;
  let settings: RegistryConfig | null = null;
  const settingsNow = (): RegistryConfig => {
    settings ??= settingsOf(options.config);
    return settings;
  };
  const keepers = new Keepers({
    home,
    system,
    clientName,
    keeperCommand: options.keeperCommand,
    get settings() {
      return settingsNow();
    },
  });
  // That a keeper cannot be replaced now is told to whoever waits for its processes, at their next look.
  const lost = (): void => void recover().catch(() => {});
  const doorbells = new Doorbells({ home, system, keepers, lost });
  const context: Context = {
    home,
    system,
    keepers,
    doorbells,
    store: new LazyStore({ home, system }),
    ...own,
    recover: () => recover(),
    self: () => {
      self ??= system.processes.self();
      return self;
    },
    ended: new Set<ProcessId>(),
    counted: { live: 0, atMs: Number.NEGATIVE_INFINITY },
    settings: settingsNow,
  };
  const recover = createRecovery(context);
  return context;
}
