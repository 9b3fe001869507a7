import { homePaths } from "../contract/index.ts";
import { type GatewayStatus, openLog, type Program, runGateway } from "../gateway/index.ts";
import { loadAhead, openRegistry, registryConfig } from "../processes/index.ts";
import type { System } from "../system/index.ts";
import { createServerApp } from "./app.ts";
import { Auth, ticketMs } from "./auth.ts";
import { serveControl } from "./control.ts";
import { DrainAuth } from "./drainAuth.ts";
import { FactHub } from "./factHub.ts";
import { isLoopback } from "./hosts.ts";
import { createServer, listen, tryListening } from "./listen.ts";
import { mcpOverHttp } from "./mcp/lazily.ts";
import { createShell } from "./shell.ts";
import { warmUp } from "./warm.ts";

/** The log hears of refused connections no more often than this. */
const refusalsSpacingMs = 60_000;

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
  const path = homePaths(home).gatewayLog;
  const output = program.outputFile(path);
  const file = output === null ? null : { path, output };
  const log = openLog({ level: "info", human: program.stderrIsTerminal, clock: system.clock, file });
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
    preload: async () => {
      await loadAhead();
      const nowhere = { host: "localhost", port: 80 };
      await warmUp(createServer(createShell({ auth: { allows: async () => false }, log, served: () => nowhere })), nowhere, system.clock);
    },
    openRegistry: (config) => openRegistry({ home, system, config: registryConfig(config), clientName: "gateway" }),
    listen: async (parts) => {
      if (!isLoopback(parts.host))
        log.warn({ host: parts.host }, "other machines can reach this address, without encryption; the token is all that guards it");
      const hub = new FactHub(system.clock.wallMs());
      let served = { host: parts.host, port: parts.port };
      auth = new Auth({ token: parts.token, clock: system.clock, random: system.random, port: () => served.port });
      const mcp = mcpOverHttp({
        ...{ registry: parts.registry, clock: system.clock, version, random: system.random, work: parts.work },
        foregroundSeconds: parts.terminalTimeoutSeconds,
      });
      // Waits and streams live on while running work is waited for; they end with the server.
      const closing = new AbortController();
      const app = createServerApp({
        mcp,
        registry: parts.registry,
        auth,
        hub,
        home,
        system,
        allowedHosts: parts.allowedHosts,
        log,
        version,
        status: parts.status,
        served: () => served,
        stopping: closing.signal,
        work: parts.work,
        drain: parts.drain,
        drainAuth: new DrainAuth(parts.drainSecret, log),
        orders: parts.orders,
      });
      const unsubscribe = parts.registry.onFact((fact) => hub.publish(fact));
      const refused = seldom(system.clock, (count) => log.warn({ count }, "connections were refused: there are too many"));
      try {
        const { host, port, handed } = parts;
        // What is bound elsewhere than is wanted now goes with the gateway before.
        const fits = handed !== null && handed.host === host && (port === 0 || handed.port === port);
        // Here as well, or it would keep its port from us where only the host is another.
        if (!fits) handed?.close();
        const { clock, descriptors } = system;
        const listening = await listen({ app, host, port, clock, descriptors, onRefused: refused, handed: fits ? handed : null });
        served = listening.served;
        return {
          ...listening,
          close: async (graceMs) => {
            unsubscribe();
            closing.abort();
            // Their streams never end by themselves.
            void mcp.close().catch(() => {});
            await listening.close(graceMs);
          },
        };
      } catch (error) {
        unsubscribe();
        throw error;
      }
    },
    onReady: ({ status }) => print(greeting(status, program.stdoutIsTerminal ? auth : null, home)),
  });
  return end.exitCode;
}

/** Tells of the first call at once, and of those that follow together, once a minute. */
function seldom(clock: System["clock"], tell: (count: number) => void): () => void {
  let count = 0;
  let toldMs = Number.NEGATIVE_INFINITY;
  return () => {
    count += 1;
    if (clock.monotonicMs() - toldMs < refusalsSpacingMs) return;
    tell(count);
    count = 0;
    toldMs = clock.monotonicMs();
  };
}

/**
 * Tells people where it is and how to get in. The first line is what scripts wait for. Without `auth` it has no login link: who reads this is
 * then a service manager's log, which others may read and which keeps it.
 */
function greeting(status: GatewayStatus, auth: Auth | null, home: string): string {
  const address = status.address ?? "";
  const token = homePaths(home).token;
  return [
    `READY ${address}`,
    `  Herma ${status.version}, pid ${status.pid}, home ${home}`,
    auth === null
      ? `  Open it      ${address}   (\`herma gateway link\` logs a browser in)`
      : `  Open it      ${auth.loginLink(address)}   (works once, for ${ticketMs / 60_000} minutes)`,
    `  Token        ${token}   (for Authorization: Bearer)`,
    "  Start one    herma run -- sh -c 'echo hello'",
    `               curl -H "Authorization: Bearer $(cat ${shellWord(token)})" -d '{"command":"echo hello"}' ${address}/api/processes`,
    "  Stop         Ctrl-C (processes go on)",
  ].join("\n");
}

/** A path as a shell takes it. */
function shellWord(path: string): string {
  return /^[\w./@:+-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
