import { type Config, type GatewayPhase, HermaError, isHermaError } from "../contract/index.ts";
import { claimGateway, type GatewayClaim, type Holder, refuseOthersHome } from "../lifecycle/index.ts";
import type { Registry } from "../processes/index.ts";
import { type GatewayEvent, gatewayTable, step } from "../rules/index.ts";
import type { System } from "../system/index.ts";
import { Climb, type Step } from "./climb.ts";
import { readConfig } from "./config.ts";
import { ensureToken, prepareHome } from "./home.ts";
import { watchKeepers } from "./keeperWatch.ts";
import { causeOfSignal, gatewaySignals, type StopCause } from "./stopCause.ts";
import type { GatewayStatus, Listen, Listening, Log, Program } from "./types.ts";

export type RunOptions = {
  readonly home: string;
  readonly system: System;
  readonly program: Program;
  readonly log: Log;
  readonly version: string;
  /** Arguments as given to `gateway run`. */
  readonly argv: readonly string[];
  /** In place of herma.yaml's. */
  readonly host?: string;
  /** In place of herma.yaml's; 0: any free one. */
  readonly port?: number;
  readonly openRegistry: (config: Config) => Registry;
  readonly listen: Listen;
  /** Called once everything is up. */
  readonly onReady?: (ready: { readonly status: GatewayStatus; readonly token: string }) => void;
};

export type GatewayEnd = { readonly exitCode: number; readonly reason: string };

/** Milliseconds each step may take on the way down. Their sum is below what service managers grant by far. */
const budgets = { home: 100, claim: 3_000, registry: 3_000, checkpoint: 500, keepers: 500, watches: 500, http: 3_000 } as const;
const startExits: ReadonlySet<number> = new Set([1, 70, 78]);
/** Answers under way may go on this long before their connections are cut. */
const httpGraceMs = 2_000;

/**
 * Runs the gateway of a home until it is told to stop, and resolves with the exit code the program should end with at once. Processes go on.
 * Throws what kept it from starting: HOME_UNUSABLE, CONFIG_INVALID, GATEWAY_RUNNING (with the holder in `data`), PORT_TAKEN, else
 * GATEWAY_START_FAILED with the failure as its cause.
 */
export async function runGateway(options: RunOptions): Promise<GatewayEnd> {
  const run = new GatewayRun(options);
  return await run.untilEnd();
}

class GatewayRun {
  readonly #options: RunOptions;
  readonly #climb: Climb;
  readonly #stopping = new AbortController();
  readonly #forced = deferred<GatewayEnd>();
  readonly #stop = deferred<StopCause>();
  #cause: StopCause | null = null;
  #phase: GatewayPhase = "starting";
  #config: Config | null = null;
  #claim: GatewayClaim | null = null;
  #registry: Registry | null = null;
  #listening: Listening | null = null;
  #token = "";
  #failure: string | null = null;
  #healthProblem: unknown = null;
  #written: Promise<void> = Promise.resolve();

  constructor(options: RunOptions) {
    this.#options = options;
    this.#climb = new Climb(options.system.clock, options.log);
  }

  async untilEnd(): Promise<GatewayEnd> {
    const unlisten = this.#options.program.onSignals(gatewaySignals, (name) => this.#heard(name));
    try {
      return await Promise.race([this.#live(), this.#forced.promise]);
    } finally {
      unlisten();
      await this.#options.log.flush();
    }
  }

  async #live(): Promise<GatewayEnd> {
    try {
      await this.#climb.up(this.#steps(), () => this.#cause !== null);
      if (this.#cause === null) await this.#ready();
    } catch (error) {
      await this.#fail(error);
      throw startFailure(error);
    }
    const cause = await this.#stop.promise;
    await this.#climb.down();
    this.#options.log.info({ reason: cause.reason, exit_code: cause.exitCode }, "the gateway has stopped; processes go on");
    return { exitCode: cause.exitCode, reason: cause.reason };
  }

  #steps(): Step[] {
    const { home, system, log, program } = this.#options;
    return [
      {
        name: "home",
        downMs: budgets.home,
        up: () => {
          refuseOthersHome(home, system.files, program.userId);
          prepareHome(home, system, log);
          return undefined;
        },
      },
      {
        name: "config",
        downMs: budgets.home,
        up: async () => {
          this.#config = await readConfig(home, system, log);
          log.setLevel(this.#config.log.level);
          return undefined;
        },
      },
      { name: "claim", downMs: budgets.claim, up: () => this.#takeClaim() },
      {
        name: "token",
        downMs: budgets.home,
        up: () => {
          this.#token = ensureToken(home, system, log);
          return undefined;
        },
      },
      { name: "registry", downMs: budgets.registry, up: () => this.#openRegistry() },
      { name: "checkpoint", downMs: budgets.checkpoint, up: () => this.#checkpoint() },
      { name: "keepers", downMs: budgets.keepers, up: () => this.#watchKeepers() },
      { name: "watches", downMs: budgets.watches, up: () => this.#watch() },
      { name: "http", downMs: budgets.http, up: () => this.#listen() },
    ];
  }

  async #takeClaim(): Promise<() => Promise<void>> {
    const { home, system, program, version, argv, log } = this.#options;
    const result = await claimGateway({
      home,
      system,
      version,
      argv,
      commandLine: program.commandLine,
      setTitle: (title) => program.setTitle(title),
      onProblem: (error) =>
        log.error({ problem: String(error) }, "the gateway's state cannot be written; trying again at the next heartbeat"),
      onLost: (loss) => {
        log.error({ file: loss.file, pid: loss.pid }, "another program holds what was ours; stopping");
        this.#stopFor({ reason: loss.reason, exitCode: 1, desiredState: "running", restartRequested: false });
      },
    });
    if (!result.ok) throw alreadyRunning(home, result.holder);
    this.#claim = result.claim;
    return () => this.#endClaim();
  }

  async #endClaim(): Promise<void> {
    const cause = this.#cause;
    if (cause === null && this.#failure !== null) {
      await this.#claim?.end({ phase: "startup_failed", exitReason: this.#failure });
      return;
    }
    this.#happens("stopped");
    await this.#claim?.end({
      phase: "stopped",
      exitReason: cause?.reason ?? "unknown",
      ...(cause === null ? {} : { desiredState: cause.desiredState, restartRequested: cause.restartRequested }),
    });
  }

  #openRegistry(): () => Promise<void> {
    const registry = this.#options.openRegistry(this.#mustHave(this.#config));
    this.#registry = registry;
    return async () => {
      await registry[Symbol.asyncDispose]();
    };
  }

  async #watchKeepers(): Promise<() => void> {
    const { home, system, log } = this.#options;
    const watch = watchKeepers({
      home,
      system,
      log,
      registry: this.#mustHave(this.#registry),
      healthy: (well, problem) => {
        this.#healthProblem = well ? null : problem;
        this.#happens(well ? "mended" : "degraded");
      },
    });
    await watch.recover();
    return () => watch.close();
  }

  /** Before the keepers: what is taken over here is theirs to adopt. */
  async #checkpoint(): Promise<() => Promise<void>> {
    const { log } = this.#options;
    const { checkpoint } = this.#mustHave(this.#registry);
    const taken = await checkpoint.start({ onProblem: (problem) => log.warn({ problem: String(problem) }, "processes.json") });
    if (taken.length > 0) log.info({ processes: taken }, "taken over from Hermes: they can be looked at and ended");
    return () => checkpoint.stop();
  }

  /** Whoever asked to be told of something is told by the gateway while it lives. */
  async #watch(): Promise<() => Promise<void>> {
    const { watching } = this.#mustHave(this.#registry);
    await watching.start({
      onProblem: (error) => this.#options.log.error({ problem: String(error) }, "watches cannot be looked after; trying again"),
    });
    return () => watching.stop();
  }

  async #listen(): Promise<() => Promise<void>> {
    const { log } = this.#options;
    const { gateway } = this.#mustHave(this.#config);
    const host = this.#options.host ?? gateway.host;
    const port = this.#options.port ?? gateway.port;
    const listening = await this.#options.listen({
      registry: this.#mustHave(this.#registry),
      token: this.#token,
      log,
      status: () => this.#status(),
      stopping: this.#stopping.signal,
      host,
      port,
    });
    this.#listening = listening;
    return () => listening.close(httpGraceMs);
  }

  /** Nobody hears of it before the state file says so, too. */
  async #ready(): Promise<void> {
    this.#happens("ready");
    if (this.#healthProblem !== null) this.#happens("degraded");
    await this.#written;
    if (this.#cause !== null) return;
    const status = this.#status();
    this.#options.log.info({ address: status.address, pid: status.pid, version: status.version }, "the gateway is ready");
    this.#options.onReady?.({ status, token: this.#token });
  }

  /** What was brought up is taken down again; the state file keeps the reason. */
  async #fail(error: unknown): Promise<void> {
    const reason = error instanceof Error ? error.message : String(error);
    this.#failure = isHermaError(error) ? `${error.code}: ${reason}` : reason;
    this.#happens("failed");
    await this.#climb.down();
  }

  #heard(signal: string): void {
    if (this.#cause === null) this.#stopFor(causeOfSignal(signal, (kind) => this.#claim?.consumeMarker(kind) ?? false));
    else this.#force(signal);
  }

  /** First cause wins. */
  #stopFor(cause: StopCause): void {
    if (this.#cause !== null) return;
    this.#cause = cause;
    this.#options.log.info({ reason: cause.reason }, "stopping");
    this.#happens("stopAsked", { drain_reason: "shutdown" });
    this.#stopping.abort();
    this.#stop.resolve(cause);
  }

  #force(signal: string): void {
    const cause = this.#cause;
    if (cause === null) return;
    this.#options.log.warn({ signal }, "a second signal: stopping at once");
    const reason = `${cause.reason}, then forced by ${signal}`;
    this.#claim?.endNow({
      phase: "stopped",
      exitReason: reason,
      desiredState: cause.desiredState,
      restartRequested: cause.restartRequested,
    });
    this.#forced.resolve({ exitCode: cause.exitCode, reason });
  }

  #happens(event: GatewayEvent, change: { drain_reason?: string } = {}): void {
    const outcome = step(gatewayTable, this.#phase, event);
    if (outcome.kind === "refuse") throw new HermaError(outcome.code, `the gateway cannot be ${event} while it is ${this.#phase}`);
    if (outcome.kind === "ignore") return;
    this.#phase = outcome.to;
    const last = outcome.to === "stopped" || outcome.to === "startup_failed";
    // The last state is written by whoever ends the claim, together with the reason.
    if (!last && this.#claim !== null)
      this.#written = this.#claim.update({ phase: outcome.to, address: this.#listening?.address ?? null, ...change });
  }

  #status(): GatewayStatus {
    const claim = this.#mustHave(this.#claim);
    return {
      phase: this.#phase,
      pid: claim.identity.pid,
      started_at: claim.startedAt,
      instance_id: claim.instanceId,
      version: this.#options.version,
      address: this.#listening?.address ?? null,
    };
  }

  #mustHave<T>(value: T | null): T {
    if (value === null) throw new HermaError("INTERNAL", "a boot step ran before the one it needs");
    return value;
  }
}

/** Supervisors act on the exit code, so only what they know leaves: 1, 70 and 78 (spec compat 22). */
function startFailure(error: unknown): unknown {
  if (!isHermaError(error) || startExits.has(error.row.exit)) return error;
  return new HermaError("GATEWAY_START_FAILED", error.message, {
    cause: error,
    hint: error.hint,
    data: { ...error.data, code: error.code },
  });
}

function alreadyRunning(home: string, holder: Holder): HermaError {
  const who = holder.pid === null ? "another program" : `pid ${holder.pid}`;
  const since = holder.since === null ? "" : ` since ${holder.since}`;
  const what = holder.kind === "hermes" ? "a Hermes gateway" : "a gateway";
  return new HermaError("GATEWAY_RUNNING", `${what} of ${home} is running already: ${who}${since} holds ${holder.file}`, {
    data: { pid: holder.pid, since: holder.since, kind: holder.kind, file: holder.file },
  });
}

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
