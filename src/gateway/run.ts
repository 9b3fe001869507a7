import { HermaError, isHermaError } from "../contract/index.ts";
import type { MarkerKind } from "../lifecycle/index.ts";
import { bootSteps } from "./boot.ts";
import { Climb, type Step } from "./climb.ts";
import { GatewayContext } from "./context.ts";
import { noteEveryStop, noteShutdown } from "./farewell.ts";
import { startExits } from "./lastWords.ts";
import type { Life } from "./life.ts";
import type { RunOptions } from "./options.ts";
import { causeOfSignal, gatewaySignals, saysTheSame } from "./stopCause.ts";
import type { GatewayEnd } from "./types.ts";
import { uncaughtIn } from "./uncaught.ts";

/**
 * Runs the gateway of a home until it is told to stop, and resolves with the exit code the program should end with at once. Processes go on.
 * Throws what kept it from starting: HOME_UNUSABLE, CONFIG_INVALID, GATEWAY_RUNNING (with the holder in `data`), PORT_TAKEN, else
 * GATEWAY_START_FAILED with the failure as its cause.
 */
export async function runGateway(options: RunOptions): Promise<GatewayEnd> {
  return await new GatewayRun(options, bootSteps).untilEnd();
}

/** One life of a gateway, or of another daemon that lives as one does: the steps make the difference. */
export class GatewayRun {
  readonly #options: RunOptions;
  readonly #context: GatewayContext;
  readonly #life: Life;
  readonly #climb: Climb;
  /** The signal that follows a consumed marker has come. */
  #followed = false;
  #stopsSinceMs = 0;
  readonly #forced = Promise.withResolvers<GatewayEnd>();
  readonly #steps: (context: GatewayContext) => Step[];

  constructor(options: RunOptions, steps: (context: GatewayContext) => Step[]) {
    this.#options = options;
    this.#steps = steps;
    this.#context = new GatewayContext(options);
    this.#life = this.#context.life;
    noteEveryStop(this.#context);
    this.#climb = new Climb(options.system.clock, options.log);
    this.#context.orders.forcesWith((by) => this.#force(by));
  }

  async untilEnd(): Promise<GatewayEnd> {
    const { program } = this.#options;
    const unlisten = program.onSignals(gatewaySignals, (name) => this.#heard(name));
    const uncatch = program.onUncaught(uncaughtIn(this.#context, (end) => this.#forced.resolve(end)));
    const unhear = program.onExit((exitCode) => this.#exits(exitCode));
    try {
      return await Promise.race([this.#live(), this.#forced.promise]);
    } finally {
      unhear();
      unlisten();
      uncatch();
      await this.#options.log.flush();
    }
  }

  async #live(): Promise<GatewayEnd> {
    try {
      await this.#climb.up(this.#steps(this.#context), this.#life.stopping);
      if (this.#life.cause === null) await this.#ready();
    } catch (error) {
      // A boot that fails after the gateway was told to stop is no failed start.
      if (this.#life.cause === null) {
        await this.#fail(error);
        throw startFailure(error);
      }
      this.#options.log.debug({ problem: String(error) }, "the boot was given up");
    }
    const cause = await this.#life.stop;
    await this.#climb.down();
    // A gateway that was told to stop before it had the home: no step on the way down has recorded its end.
    this.#context.lastWords.stopped(cause);
    this.#options.log.info({ reason: cause.reason, exit_code: cause.exitCode }, "the gateway has stopped; processes go on");
    return { exitCode: cause.exitCode, reason: cause.reason };
  }

  /** The state file says so first, then everybody else is told. */
  async #ready(): Promise<void> {
    this.#life.happens("ready");
    if (this.#context.healthProblem !== null) this.#life.happens("degraded");
    this.#context.drain.settle();
    // While the disk writes, there is time for it.
    await Promise.all([this.#life.written, this.#context.listening?.warmUp?.(this.#context.handed === null ? "probes" : "all")]);
    if (this.#life.cause !== null) return;
    const status = this.#context.status();
    this.#options.log.info({ address: status.address, pid: status.pid, version: status.version }, "the gateway is ready");
    this.#context.manager.ready(`${this.#life.phase}, ${status.address ?? "listening nowhere"}`);
    this.#options.onReady?.({ status, token: this.#context.token });
    this.#context.beginTheRest();
  }

  /** What was brought up is taken down again; the state file keeps the reason. */
  async #fail(error: unknown): Promise<void> {
    const reason = error instanceof Error ? error.message : String(error);
    this.#context.lastWords.thrown = error;
    this.#life.failedBecause(isHermaError(error) ? `${error.code}: ${reason}` : reason);
    await this.#climb.down();
    // Without a claim, no step on the way down has recorded the end.
    this.#context.lastWords.failedToStart(this.#life.failure ?? reason);
  }

  #heard(signal: string): void {
    const { cause, wasReady } = this.#life;
    const { manager, orders } = this.#context;
    if (cause === null && wasReady && signal === "SIGUSR1") {
      this.#restart();
      return;
    }
    this.#context.lastWords.signal ??= signal;
    const marker = (kind: MarkerKind) => this.#context.claimIfAny?.consumeMarker(kind) ?? null;
    if (cause === null) {
      noteShutdown(this.#context, signal);
      this.#stopsSinceMs = this.#options.system.clock.monotonicMs();
      const known = { ready: wasReady, standby: this.#life.standsBy, managed: manager.listens, successor: orders.successor };
      this.#life.stopFor(causeOfSignal(signal, marker, known));
    } else if (cause.signalFollows === true && !this.#followed) {
      this.#followed = true;
    } else if (saysTheSame(signal, cause, { sinceMs: this.#options.system.clock.monotonicMs() - this.#stopsSinceMs, marker })) {
      this.#options.log.info({ signal }, "told the same again: nothing changes");
    } else this.#force(signal);
  }

  /** The restart that SIGUSR1 asks for; the log tells why when there is none. */
  #restart(): void {
    try {
      const { next } = this.#context.orders.give("restart", {}, "signal", "SIGUSR1");
      if (next === "manager") this.#context.lastWords.signal ??= "SIGUSR1";
    } catch (error) {
      this.#options.log.warn({ problem: error instanceof Error ? error.message : String(error) }, "no restart");
    }
  }

  /** Whatever called for it, this is the last moment at which anything can be said. */
  #exits(exitCode: number): void {
    const { lastWords, life, claimIfAny } = this.#context;
    const detail = `the program was ended from inside, with exit code ${exitCode}, before the gateway had stopped`;
    lastWords.say({ reason: "exit_called", detail, exitCode, phase: life.phase, forced: true });
    claimIfAny?.endNow({ phase: "stopped", exitReason: detail });
  }

  #force(signal: string): void {
    const { cause } = this.#life;
    if (cause === null) return;
    this.#options.log.warn({ by: signal }, "told again: stopping at once");
    const reason = `${cause.reason}, then forced by ${signal}`;
    this.#context.lastWords.stopped(cause, reason);
    this.#context.claimIfAny?.endNow({
      phase: "stopped",
      exitReason: reason,
      desiredState: cause.desiredState,
      restartRequested: cause.restartRequested,
    });
    this.#forced.resolve({ exitCode: cause.exitCode, reason });
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
