import { homePaths } from "../contract/index.ts";
import { type Log, openLog, type Program, runGateway } from "../gateway/index.ts";
import { loadAhead, openRegistry, registryConfig } from "../processes/index.ts";
import type { System } from "../system/index.ts";
import type { Auth } from "./auth.ts";
import { serveControl } from "./control.ts";
import { greeting } from "./greeting.ts";
import { createServer, tryListening } from "./listen.ts";
import { serveParts } from "./serveParts.ts";
import { createShell } from "./shell.ts";
import { warmUp } from "./warm.ts";

export type ServeOptions = {
  readonly system: System;
  readonly home: string;
  readonly program: Program;
  /** Default: herma.yaml's, else 7717. 0: any free one. */
  readonly port?: number;
  /** Default: herma.yaml's, else 127.0.0.1. */
  readonly host?: string;
  /** Takes over from the gateway that runs. */
  readonly replace?: boolean;
  /** Waits where another gateway runs. Default: under a supervisor. */
  readonly standby?: boolean;
  /** Arguments as given to `gateway run`. */
  readonly argv: readonly string[];
  /** Prints one or more lines for people on standard output. */
  readonly print: (text: string) => void;
  readonly version: string;
};

/**
 * `herma gateway run`: runs the gateway of a home and serves it until it is told to stop. Resolves with the exit code with which the program
 * must end at once (after a second signal something may still hang). Throws HermaError when it cannot start: the catalogue has the exit code.
 */
export async function serveGateway(options: ServeOptions): Promise<number> {
  const { system, home, program, argv, print, version } = options;
  const log = openGatewayLog(options);
  let auth: Auth | null = null;
  const end = await runGateway({
    home,
    system,
    program,
    log,
    version,
    argv,
    ...(options.host === undefined ? {} : { host: options.host }),
    ...(options.port === undefined ? {} : { port: options.port }),
    ...(options.replace === undefined ? {} : { replace: options.replace }),
    ...(options.standby === undefined ? {} : { standby: options.standby }),
    serveControl,
    tryListening,
    preload: () => preload(system, log),
    openRegistry: (config) => openRegistry({ home, system, config: registryConfig(config), clientName: "gateway" }),
    listen: async (parts) => {
      const serving = await serveParts(parts, { system, home, log, version });
      auth = serving.auth;
      return serving.listening;
    },
    onReady: ({ status }) => print(greeting(status, program.stdoutIsTerminal ? auth : null, home)),
  });
  return end.exitCode;
}

/** Loads what serving will need, the first answer of an HTTP server included. */
async function preload({ clock }: System, log: Log): Promise<void> {
  await loadAhead();
  const nowhere = { host: "localhost", port: 80 };
  await warmUp(createServer(createShell({ auth: { allows: async () => false }, log, served: () => nowhere })), nowhere, clock);
}

function openGatewayLog({ system, home, program }: ServeOptions): Log {
  const path = homePaths(home).gatewayLog;
  const output = program.outputFile(path);
  const file = output === null ? null : { path, output };
  return openLog({ level: "info", human: program.stderrIsTerminal, clock: system.clock, file });
}
