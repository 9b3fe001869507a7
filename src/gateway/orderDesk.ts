import { type GatewayOrder, type GatewayOrderAnswer, HermaError, type ProcessId } from "../contract/index.ts";
import { type GatewayClaim, noteRestart, readRestarts, type ServiceManager } from "../lifecycle/index.ts";
import { budgets, judgeRestart, type StopPlan } from "../rules/index.ts";
import type { Life } from "./life.ts";
import type { RunOptions } from "./options.ts";
import { plannedStop, restartWanted, type StopCause } from "./stopCause.ts";
import { Successor } from "./successor.ts";
import type { OrderSource, Orders } from "./types.ts";
import type { Work } from "./work.ts";

type Action = GatewayOrderAnswer["action"];
type Wish = { readonly action: Action; readonly order: GatewayOrder; readonly by: string };

/** What of the gateway an order needs, as it is when the order comes. */
export type OrderWorld = {
  readonly options: RunOptions;
  readonly life: Life;
  readonly work: Work;
  readonly manager: Pick<ServiceManager, "supervisor">;
  readonly claim: GatewayClaim;
  readonly stopPlan: StopPlan;
};

/**
 * Takes orders to stop or to restart, wherever they come from, and answers what will happen before it does. An order from inside, by a process of the
 * gateway, waits for the work under way: else the turn that gave the order would be cut by it.
 */
export class OrderDesk implements Orders {
  readonly #world: OrderWorld;
  #successor: Successor | null = null;
  #kept: Wish | null = null;
  /** Ends the gateway without waiting for anything; given by whoever runs it. */
  #force: (why: string) => void = () => {};

  constructor(world: OrderWorld) {
    this.#world = world;
  }

  forcesWith(force: (why: string) => void): void {
    this.#force = force;
  }

  /** The next gateway that was started, until it has taken over or failed. */
  get successor(): Successor | null {
    return this.#successor;
  }

  /** Does it, or will. Throws GATEWAY_RESTART_LIMIT, BAD_REQUEST, GATEWAY_START_FAILED. */
  give(action: Action, order: GatewayOrder, source: OrderSource, by: string): GatewayOrderAnswer {
    const { life, options } = this.#world;
    if (action === "restart" && order.with_processes === true)
      throw new HermaError("BAD_REQUEST", "with_processes goes with a stop: processes live through a restart");
    const wish: Wish = { action, order, by: order.asked_by === undefined ? by : `${order.asked_by}, by ${by}` };
    if (life.cause !== null) {
      if (order.force === true) this.#force(wish.by);
      return this.#answer(wish, "already");
    }
    if (action === "restart") {
      if (this.#successor !== null || this.#kept?.action === "restart") return this.#answer(wish, "already");
      this.#checkLimit(order, source, wish.by);
    }
    options.log.info({ action, by: wish.by, force: order.force === true }, "an order");
    if (order.asked_by !== undefined && order.force !== true && this.#world.work.active > 0) {
      this.#keep(wish, order.asked_by);
      return this.#answer(wish, "after_work");
    }
    // On a later turn, so that the answer is on its way before anything is closed.
    if (this.#hasSuccessor(action)) this.#carryOut(wish);
    else options.system.clock.after(0, () => this.#carryOut(wish));
    return this.#answer(wish, "now");
  }

  /** Restarts from inside are limited, because they could repeat for ever. A person who asks from outside is not limited. */
  #checkLimit(order: GatewayOrder, source: OrderSource, by: string): void {
    const { home, system } = this.#world.options;
    const fromOutside = source === "control" && order.asked_by === undefined;
    const nowMs = system.clock.wallMs();
    const verdict = judgeRestart(readRestarts(system.files, home), nowMs);
    if (!verdict.ok && !fromOutside && order.force !== true) {
      throw new HermaError("GATEWAY_RESTART_LIMIT", `the gateway is not restarted: ${verdict.why}`, {
        data: { again_in_s: Math.ceil(verdict.againInMs / 1000) },
      });
    }
    if (!fromOutside) noteRestart(system.files, home, { atMs: nowMs, by });
  }

  #keep(wish: Wish, process: ProcessId): void {
    const { life, options, work } = this.#world;
    options.log.info({ action: wish.action, process }, "the order waits for the work under way");
    // A stop is not undone by a restart that was asked for as well.
    if (this.#kept?.action === "stop") return;
    const first = this.#kept === null;
    this.#kept = wish;
    if (!first) return;
    const done = (): void => {
      timer.cancel();
      const kept = this.#kept;
      this.#kept = null;
      if (kept !== null && life.cause === null) this.#carryOut(kept);
    };
    // After this time the order is carried out anyway; the shutdown drains what is left.
    const timer = options.system.clock.after(budgets.drainMs, done, { unref: true });
    life.stopping.addEventListener("abort", () => timer.cancel(), { once: true });
    void work.idle().then(done);
  }

  #carryOut(wish: Wish): void {
    const { life } = this.#world;
    if (life.cause !== null) return;
    if (wish.action === "stop") life.stopFor(causeOf(wish, plannedStop(wish.by)));
    else if (this.#hasSuccessor("restart")) this.#startNext(wish);
    else life.stopFor(causeOf(wish, restartWanted(wish.by)));
  }

  /** Throws GATEWAY_START_FAILED. */
  #startNext(wish: Wish): void {
    const { options } = this.#world;
    this.#successor = new Successor(options, {
      force: wish.order.force === true,
      failed: (why) => {
        this.#successor = null;
        options.log.error({ problem: why }, "the restart has failed; this gateway goes on");
      },
    });
    const successor = this.#successor;
    const { life } = this.#world;
    const stopped = (): void => (life.cause?.desiredState === "stopped" ? successor.giveUp() : successor.close());
    life.stopping.addEventListener("abort", stopped, { once: true });
    options.log.info({ pid: successor.pid }, "the next gateway comes up and will take over");
  }

  /** Whether this gateway starts the next one itself. */
  #hasSuccessor(action: Action): boolean {
    return action === "restart" && this.#world.manager.supervisor === null;
  }

  #next(action: Action): GatewayOrderAnswer["next"] {
    const { cause } = this.#world.life;
    // Another gateway takes over already, which this one cannot stop: whoever wants no gateway at all has to stop that one as well.
    if (cause?.byTakeover === true) return "successor";
    if (action === "stop") return "none";
    const successor = this.#hasSuccessor("restart");
    // After a stop that was asked for, none follows. A service manager starts another one after any other end.
    if (cause !== null && (successor || cause.desiredState === "stopped")) return "none";
    return successor ? "successor" : "manager";
  }

  #answer(wish: Wish, when: GatewayOrderAnswer["when"]): GatewayOrderAnswer {
    const { claim, stopPlan } = this.#world;
    const forced = wish.order.force === true;
    const drainMs = forced ? 0 : stopPlan.drainMs;
    const waitsMs = when === "after_work" ? budgets.drainMs : 0;
    const next = this.#next(wish.action);
    return {
      ok: true,
      action: wish.action,
      next,
      next_pid: next === "successor" ? (this.#successor?.pid ?? null) : null,
      when,
      drain_timeout_s: drainMs / 1000,
      ends_within_s: Math.ceil((waitsMs + (forced ? budgets.shutdownMs : stopPlan.deadlineMs)) / 1000),
      pid: claim.identity.pid,
      instance_id: claim.instanceId,
    };
  }
}

function causeOf({ order }: Wish, cause: StopCause): StopCause {
  return {
    ...cause,
    ...(order.force === true ? { drainMsMax: 0 } : {}),
    ...(order.with_processes === true ? { withProcesses: true } : {}),
  };
}
