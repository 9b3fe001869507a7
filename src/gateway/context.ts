import { type Config, HermaError } from "../contract/index.ts";
import { type GatewayClaim, type Past, type ScopedLocks, ServiceManager } from "../lifecycle/index.ts";
import type { Registry } from "../processes/index.ts";
import { budgets, planStop, type StopPlan } from "../rules/index.ts";
import type { LoopWatch } from "../system/index.ts";
import type { ExternalDrain } from "./externalDrain.ts";
import { LastWords } from "./lastWords.ts";
import { Life } from "./life.ts";
import type { RunOptions } from "./options.ts";
import { OrderDesk } from "./orderDesk.ts";
import type { GatewayStatus, HandedSocket, Listening } from "./types.ts";
import { Work } from "./work.ts";

/** Milliseconds from ready to what nobody waits for: whoever waited for the gateway asks first, and is not held up by it. */
const afterReadyMs = 100;

/**
 * What the steps of one boot share. Each part is filled by the step of its name; a step that reads a part must stand after that one in
 * the list of `boot.ts`, else reading it throws INTERNAL.
 */
export class GatewayContext {
  readonly options: RunOptions;
  readonly life: Life;
  /** Whoever started this program as a service, if anybody did. */
  readonly manager: ServiceManager;
  /** How long the drain and the whole stop may take; fitted to the service manager's timeout by the step of its name. */
  stopPlan: StopPlan = planStop({ drainMs: budgets.drainMs, managerMs: null, canExtend: false });
  readonly lastWords: LastWords;
  /** What runs for somebody; nothing new is begun once the gateway stops. */
  readonly work = new Work();
  /** Permission bits of the files by which others know the gateway; by the step of its name, the home's group may read them. */
  fileMode = 0o600;
  /** Why the keeper could not be recovered at the last try; null while all is well. */
  healthProblem: unknown = null;
  /** Locks on bots and other identities that one gateway of a user may use; null where there is no place for them. */
  scopedLocks: ScopedLocks | null = null;
  /** What became of the gateways before. */
  past: Past = { autopsies: [], loop: { boots: 0, looping: false }, problem: null };
  /** Watches whether the event loop turns; null before its step. */
  loopWatch: LoopWatch | null = null;
  /** Null while nothing listens. */
  listening: Listening | null = null;
  /** The listening socket of the gateway before. */
  handed: HandedSocket | null = null;
  readonly orders: OrderDesk;
  #config: Config | null = null;
  #claim: GatewayClaim | null = null;
  #registry: Registry | null = null;
  #token: string | null = null;
  #drain: ExternalDrain | null = null;
  readonly #afterReady = new Set<() => void>();

  constructor(options: RunOptions) {
    this.options = options;
    this.life = new Life(options.log);
    this.orders = new OrderDesk(this);
    this.manager = new ServiceManager(options.system, options.program);
    this.lastWords = new LastWords(options);
    this.life.stopping.addEventListener("abort", () => this.work.close("shutdown"), { once: true });
  }

  get config(): Config {
    return made(this.#config, "config");
  }

  set config(config: Config) {
    this.#config = config;
  }

  get claim(): GatewayClaim {
    return made(this.#claim, "claim");
  }

  set claim(claim: GatewayClaim) {
    this.#claim = claim;
    this.lastWords.holdsHome(claim);
    this.life.writesWith((change) => claim.update({ address: this.listening?.address ?? null, ...change }));
  }

  /** Null before the claim; for events that may come earlier, such as signals. */
  get claimIfAny(): GatewayClaim | null {
    return this.#claim;
  }

  get registry(): Registry {
    return made(this.#registry, "registry");
  }

  set registry(registry: Registry) {
    this.#registry = registry;
  }

  /** The owner's token. */
  get token(): string {
    return made(this.#token, "token");
  }

  set token(token: string) {
    this.#token = token;
  }

  get drain(): ExternalDrain {
    return made(this.#drain, "drain");
  }

  set drain(drain: ExternalDrain) {
    this.#drain = drain;
  }

  /** Does `work` a moment after the gateway is ready: for what nobody waits for. The function it returns takes that back. */
  afterReady(work: () => void): () => void {
    this.#afterReady.add(work);
    return () => this.#afterReady.delete(work);
  }

  /** Called when it is ready. */
  beginTheRest(): void {
    this.options.system.clock.after(
      afterReadyMs,
      () => {
        for (const work of this.#afterReady) work();
        this.#afterReady.clear();
      },
      { unref: true },
    );
  }

  status(): GatewayStatus {
    const { claim } = this;
    return {
      phase: this.life.phase,
      pid: claim.identity.pid,
      started_at: claim.startedAt,
      instance_id: claim.instanceId,
      version: this.options.version,
      address: this.listening?.address ?? null,
      restart_loop: this.past.loop.looping,
    };
  }
}

function made<T>(part: T | null, name: string): T {
  if (part === null) throw new HermaError("INTERNAL", `a boot step needs the ${name} before there is one`);
  return part;
}
