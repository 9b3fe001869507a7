import type { Identity, ProcessId } from "../contract/index.ts";
import { killAllProcesses, killProcess, resizeTerminal, sendSignal, writeInput } from "./act.ts";
import type { Context } from "./context.ts";
import { Facts } from "./facts.ts";
import { followProcess } from "./follow.ts";
import { keeperStatus, stopKeepers } from "./keeperStatus.ts";
import { Doorbells } from "./link/events.ts";
import { Keepers } from "./link/keepers.ts";
import { getProcess, listProcesses, resolveReference } from "./list.ts";
import { readProcess } from "./read.ts";
import { createRecovery } from "./recover.ts";
import { settingsOf } from "./settings.ts";
import { startProcess } from "./start.ts";
import type { Registry, RegistryConfig, RegistryOptions } from "./types.ts";
import { waitForProcesses } from "./wait.ts";

/**
 * Opens the registry of a home. Nothing is read, made or contacted before it is asked for something. While somebody follows, waits or
 * subscribes, a keeper that dies is succeeded at once, so that its processes are adopted; without that, `recover` does it.
 */
export function openRegistry(options: RegistryOptions): Registry {
  const closing = new AbortController();
  const context = openContext(options, closing.signal);
  const facts = new Facts(context);
  return {
    start: (start) => startProcess(context, start),
    list: (filter) => listProcesses(context, filter),
    get: (id) => getProcess(context, id),
    resolve: (reference) => resolveReference(context, reference),
    read: (id, read) => readProcess(context, id, read),
    follow: (id, follow) => followProcess(context, id, follow),
    wait: (wait) => waitForProcesses(context, wait),
    write: async (id, input) => writeInput(context, id, input),
    resize: (id, size) => resizeTerminal(context, id, size),
    signal: async (id, signal) => sendSignal(context, id, signal),
    kill: (id, kill) => killProcess(context, id, kill),
    killAll: (kill) => killAllProcesses(context, kill),
    recover: async () => context.recover(),
    onFact: (handler) => facts.subscribe(handler),
    keeper: { status: () => keeperStatus(context), stop: () => stopKeepers(context) },
    async [Symbol.asyncDispose]() {
      closing.abort();
      context.doorbells.close();
      context.keepers.http.close();
    },
  };
}

function openContext(options: RegistryOptions, closing: AbortSignal): Context {
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
    keeperCommand: options.keeperCommand,
    get settings() {
      return settingsNow();
    },
  });
  // A keeper that cannot be succeeded right now is told to whoever waits for its processes, at their next look.
  const lost = (): void => void recover().catch(() => {});
  const doorbells = new Doorbells({ home, system, keepers, lost });
  const context: Context = {
    home,
    system,
    clientName,
    keepers,
    doorbells,
    closing,
    recover: () => recover(),
    self: () => {
      self ??= system.processes.self();
      return self;
    },
    ended: new Set<ProcessId>(),
    get settings() {
      return settingsNow();
    },
  };
  const recover = createRecovery(context);
  return context;
}
