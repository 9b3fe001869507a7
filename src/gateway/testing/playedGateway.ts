import type { Registry } from "../../processes/index.ts";
import type { RunOptions } from "../options.ts";
import { runGateway } from "../run.ts";
import type { GatewayEnd, GatewayParts, Log, Program } from "../types.ts";

export type LoggedLine = {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly fields: Record<string, unknown>;
  readonly message: string;
};

/** A gateway over a played program, registry and server. */
export type PlayedGateway = {
  /** What it did with them, in order. */
  readonly order: readonly string[];
  readonly logged: readonly LoggedLine[];
  /** Levels that its log was set to. */
  readonly levels: readonly string[];
  readonly registry: Partial<Registry>;
  readonly end: Promise<GatewayEnd>;
  /** What its server was given. */
  readonly parts: Promise<GatewayParts>;
  /** Once it is ready, or has ended before. */
  readonly ready: Promise<void>;
  isReady(): boolean;
  /** As the system would deliver it. */
  signal(name: string): void;
  throws(error: unknown): void;
  /** Something in it calls for the program's exit. */
  exits(exitCode: number): void;
};

/** Starts one. `more` and `played` stand in the place of what is played otherwise. */
export function playGateway(
  place: Pick<RunOptions, "home" | "system">,
  more: Partial<RunOptions> = {},
  played: Partial<Program> = {},
): PlayedGateway {
  const order: string[] = [];
  const logged: LoggedLine[] = [];
  const levels: string[] = [];
  const served = Promise.withResolvers<GatewayParts>();
  const registry = playedRegistry(order);
  const heard: Listeners = { signal: null, thrown: null, exit: null };
  const readied = Promise.withResolvers<void>();
  let isReady = false;
  const end = runGateway({
    ...place,
    program: { ...playedProgram(order, heard), ...played },
    log: playedLog(logged, levels),
    version: "9.9.9",
    argv: [],
    openRegistry: () => {
      order.push("registry opened");
      return registry as Registry;
    },
    listen: async (parts) => {
      order.push("listening");
      served.resolve(parts);
      return { address: `http://${parts.host}:${parts.port}`, close: async () => void order.push("closed") };
    },
    ...more,
    onReady: (status) => {
      order.push("ready");
      isReady = true;
      readied.resolve();
      more.onReady?.(status);
    },
  });
  const ready = Promise.race([readied.promise, end.then(() => {})]);
  // Looked at by the test; until then a failure is not "unhandled".
  for (const promise of [end, ready]) promise.catch(() => {});
  return {
    order,
    logged,
    levels,
    registry,
    end,
    parts: served.promise,
    ready,
    isReady: () => isReady,
    signal: (name) => heard.signal?.(name),
    throws: (error) => heard.thrown?.(error),
    exits: (exitCode) => heard.exit?.(exitCode),
  };
}

type Listeners = {
  signal: ((name: string) => void) | null;
  thrown: ((error: unknown) => void) | null;
  exit: ((exitCode: number) => void) | null;
};

function playedProgram(order: string[], heard: Listeners): Program {
  return {
    setTitle: (title) => order.push(`title ${title}`),
    onSignals: (_names, listener) => {
      heard.signal = listener;
      return () => {
        heard.signal = null;
      };
    },
    privately: (make) => make(),
    onExit: (listener) => {
      heard.exit = listener;
      return () => {
        heard.exit = null;
      };
    },
    onUncaught: (listener) => {
      heard.thrown = listener;
      return () => {
        heard.thrown = null;
      };
    },
    commandLine: ["node", "herma", "gateway", "run"],
    starter: ["node", "herma"],
    words: ["gateway", "run"],
    userId: 0,
    parentPid: 1,
    folder: "/",
    variables: {},
    stdoutIsTerminal: false,
    stderrIsTerminal: false,
    outputFile: () => null,
  };
}

function playedLog(logged: LoggedLine[], levels: string[]): Log {
  const at =
    (level: LoggedLine["level"]): Log["info"] =>
    (fields, message) =>
      logged.push({ level, fields, message });
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    setLevel: (level) => levels.push(level),
    flush: async () => {},
  };
}

function playedRegistry(order: string[]): Partial<Registry> {
  return {
    recover: async () => {
      order.push("recover");
      return 0;
    },
    prune: async () => [],
    checkpoint: { start: async () => [], stop: async () => {} },
    watching: { start: async () => void order.push("watching"), isEvaluator: true, stop: async () => void order.push("watched") },
    [Symbol.asyncDispose]: async () => void order.push("registry closed"),
  };
}
