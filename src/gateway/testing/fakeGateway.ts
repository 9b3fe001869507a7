import type { Registry } from "../../processes/index.ts";
import type { FakeSystem } from "../../system/fake/index.ts";
import type { RunOptions } from "../options.ts";
import { runGateway } from "../run.ts";
import type { GatewayEnd, Log, Program } from "../types.ts";

export type LoggedLine = {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly fields: Record<string, unknown>;
  readonly message: string;
};

/** A gateway on a fake machine, over a played registry and a played server. */
export type FakeGateway = {
  readonly system: FakeSystem;
  readonly logged: readonly LoggedLine[];
  readonly end: Promise<GatewayEnd>;
  readonly ready: () => boolean;
  /** As the system would deliver it. Nothing happens to a dead one. */
  signal(name: string): void;
  throws(error: unknown): void;
};

export const fakeHome = "/home/agent/.herma";

/** Starts a gateway as one program of a fake machine. Time passes only where the test lets it. */
export function fakeGateway(system: FakeSystem, more: Partial<RunOptions> = {}, played: Partial<Program> = {}): FakeGateway {
  const logged: LoggedLine[] = [];
  const at =
    (level: LoggedLine["level"]): Log["info"] =>
    (fields, message) =>
      logged.push({ level, fields, message });
  const log: Log = {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    setLevel: () => {},
    flush: async () => {},
  };
  let heard: ((name: string) => void) | null = null;
  let thrown: ((error: unknown) => void) | null = null;
  let isReady = false;
  const program: Program = {
    setTitle: () => {},
    onSignals: (_names, listener) => {
      heard = listener;
      return () => {
        heard = null;
      };
    },
    onUncaught: (listener) => {
      thrown = listener;
      return () => {
        thrown = null;
      };
    },
    // A supervisor starts the next one: nothing is spawned here.
    variables: { HERMA_SUPERVISED: "1" },
    commandLine: ["node", "herma", "gateway", "run"],
    starter: ["node", "herma"],
    words: ["gateway", "run"],
    userId: 0,
    parentPid: 1,
    folder: "/",
    stdoutIsTerminal: false,
    stderrIsTerminal: false,
    outputFile: () => null,
    ...played,
  };
  const end = runGateway({
    home: fakeHome,
    system,
    program,
    log,
    version: "9.9.9",
    argv: [],
    standby: false,
    openRegistry: () => playedRegistry(),
    listen: async ({ host, port }) => ({ address: `http://${host}:${port}`, close: async () => {} }),
    onReady: () => {
      isReady = true;
    },
    ...more,
  });
  // Looked at by the test; until then a failure is not "unhandled".
  end.catch(() => {});
  const alive = (act: () => void): void => {
    if (!system.program.dead) act();
  };
  return {
    system,
    logged,
    end,
    ready: () => isReady,
    signal: (name) => alive(() => heard?.(name)),
    throws: (error) => alive(() => thrown?.(error)),
  };
}

function playedRegistry(): Registry {
  const registry: Partial<Registry> = {
    recover: async () => 0,
    prune: async () => [],
    checkpoint: { start: async () => [], stop: async () => {} },
    watching: { start: async () => {}, isEvaluator: true, stop: async () => {} },
    [Symbol.asyncDispose]: async () => {},
  };
  return registry as Registry;
}
