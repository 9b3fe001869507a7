import { HermaError } from "../contract/index.ts";
import { ensureToken, type Log, openLog, type Program, prepareHome, readConfig } from "../gateway/index.ts";
import { refuseOthersHome } from "../lifecycle/index.ts";
import { openRegistry, type Registry, registryConfig } from "../processes/index.ts";
import type { System } from "../system/index.ts";
import { Auth } from "./auth.ts";
import { dashboardPage } from "./dashboardPage.ts";
import { eventStream } from "./eventStream.ts";
import { FactHub } from "./factHub.ts";
import { linkLine } from "./greeting.ts";
import { statusOf } from "./health.ts";
import { addHealthRoutes } from "./healthRoutes.ts";
import { isLoopback } from "./hosts.ts";
import { listen } from "./listen.ts";
import { pagePolicy } from "./page.ts";
import { addProcessRoutes } from "./processRoutes.ts";
import { addReference } from "./reference.ts";
import { routes } from "./routes.ts";
import { addLogin, createShell, type ShellOptions } from "./shell.ts";

/** Beside the gateway's port, so that both can run. */
const dashboardPort = 7718;
/** Answers under way may go on this long before their connections are cut. */
const graceMs = 2_000;

export type DashboardOptions = {
  readonly system: System;
  readonly home: string;
  readonly program: Pick<Program, "onSignals" | "userId" | "stdoutIsTerminal" | "stderrIsTerminal">;
  /** Default 7718. 0: any free one. */
  readonly port?: number;
  /** Default: `gateway.host` of herma.yaml, else 127.0.0.1. */
  readonly host?: string;
  /** Prints one or more lines for people on standard output. */
  readonly print: (text: string) => void;
  readonly version: string;
};

/**
 * `herma dashboard`: shows a home until a signal ends it, whether a gateway lives or not. It holds no lock, writes nothing but a missing
 * token, and may end at any time without anything being lost. Throws HOME_UNUSABLE, CONFIG_INVALID, PORT_TAKEN.
 */
export async function serveDashboard(options: DashboardOptions): Promise<number> {
  const { system, home, program, version } = options;
  const log = openLog({ level: "info", human: program.stderrIsTerminal, clock: system.clock });
  const stopping = new AbortController();
  const signalled = Promise.withResolvers<void>();
  const unlisten = program.onSignals(["SIGINT", "SIGTERM", "SIGHUP"], () => signalled.resolve());
  try {
    refuseOthersHome(home, system.files, program.userId);
    prepareHome(home, system, log);
    const config = await readConfig(home, system, log);
    log.setLevel(config.log.level);
    const token = ensureToken(home, system, log);
    await using registry = openRegistry({ home, system, config: registryConfig(config), clientName: "dashboard" });
    const host = options.host ?? config.gateway.host;
    if (!isLoopback(host)) log.warn({ host }, "other machines can reach this address, without encryption; the token is all that guards it");
    let served = { host, port: options.port ?? dashboardPort };
    const auth = new Auth({ token, clock: system.clock, random: system.random, port: () => served.port });
    const hub = new FactHub(system.clock.wallMs());
    const app = dashboardApp({
      ...{ home, system, version, log, auth, hub, registry },
      stopping: stopping.signal,
      served: () => served,
      allowedHosts: config.gateway.allowed_hosts,
    });
    const unsubscribe = registry.onFact((fact) => hub.publish(fact));
    const listening = await listen({ app, host, port: served.port, clock: system.clock });
    served = listening.served;
    options.print(greeting(listening.address, home, program.stdoutIsTerminal ? auth.loginLink(listening.address) : null));
    await signalled.promise;
    stopping.abort();
    unsubscribe();
    await listening.close(graceMs);
    return 0;
  } finally {
    unlisten();
    await log.flush();
  }
}

export type DashboardAppOptions = ShellOptions & {
  readonly home: string;
  readonly system: Pick<System, "clock" | "files" | "locks" | "processes">;
  readonly version: string;
  readonly log: Log;
  readonly auth: Auth;
  readonly hub: FactHub;
  readonly registry: Registry;
  readonly stopping: AbortSignal;
};

/** The calls that only look. */
const { health, ready, agentHealth, status, gatewayStatus, metrics, list, notices, get, output, wait, events } = routes;
const shownRoutes = { health, ready, agentHealth, status, gatewayStatus, metrics, list, notices, get, output, wait, events };

/** The dashboard's HTTP application: everything that can be looked at, and nothing that changes anything. */
function dashboardApp(options: DashboardAppOptions) {
  const { home, system, version, registry, stopping, hub, auth } = options;
  const app = createShell(options);
  app.get(routes.ready.path, (c) => c.json({ ready: !stopping.aborted, phase: "running" }, stopping.aborted ? 503 : 200));
  app.use("/api/processes/*", async (c, next) => {
    if (c.req.method !== "GET" && !c.req.path.endsWith("/wait"))
      throw new HermaError("ONLY_SHOWS", `the dashboard only shows; it takes no ${c.req.method} ${c.req.path}`);
    await next();
  });
  const source = { home, system, version, registry };
  addHealthRoutes(app, source, { program: "dashboard" });
  addProcessRoutes(app, { registry, stopping });
  app.get(routes.events.path, (c) =>
    eventStream({
      hub,
      clock: system.clock,
      stopping,
      lastEventId: c.req.header("last-event-id"),
      hello: { instance_id: "dashboard", version },
    }),
  );
  addLogin(app, auth);
  addReference(app, { version, routes: shownRoutes });
  app.get("/", async (c) => {
    c.header("content-security-policy", pagePolicy);
    c.header("cache-control", "no-store");
    return c.html(dashboardPage(statusOf(source), (await auth.allows(c)) ? registry.list() : null));
  });
  return app;
}

function greeting(address: string, home: string, link: string | null): string {
  return [
    `READY ${address}`,
    `  Dashboard of ${home}`,
    link === null ? `  Open it      ${address}` : linkLine(link),
    "  Stop         Ctrl-C (nothing else stops)",
  ].join("\n");
}
